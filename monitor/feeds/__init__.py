"""Feeds: which addresses may be reached, how they are asked, read and judged."""
