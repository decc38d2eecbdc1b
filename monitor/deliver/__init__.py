"""Delivery: one digest to one recipient, by SMTP or into a folder."""
