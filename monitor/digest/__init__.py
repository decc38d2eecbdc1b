"""Digests: when they are due, what they say, how they look."""
