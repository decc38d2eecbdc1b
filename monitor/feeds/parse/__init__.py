"""Parse: what is in a feed. `document` reads one; `children` does it where it can be killed."""

from monitor.feeds.parse.children import BoundedParser
from monitor.feeds.parse.document import parse

__all__ = ["BoundedParser", "parse"]
