"""Text: HTML to plain text, and folding with a map back to the original.

* `html` makes text fit to store and show, `folding` fit to compare, `words` cuts it up.
* Every function takes time linear in its input, and none raises, whatever the input.
"""

from monitor.text.folding import Folded, fold
from monitor.text.html import looks_like_html, one_line, to_text
from monitor.text.words import is_letter, language_of, words

__all__ = [
    "Folded",
    "fold",
    "is_letter",
    "language_of",
    "looks_like_html",
    "one_line",
    "to_text",
    "words",
]
