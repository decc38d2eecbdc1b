"""Text: HTML to plain text, and folding with a map back to the original.

* `html` makes text fit to store and show, `folding` fit to compare, `words` cuts it up, `index`
  for a search index.
* Every function takes time linear in its input, and none raises, whatever the input.
"""

from monitor.text.cells import safe_cell
from monitor.text.folding import Folded, fold
from monitor.text.html import looks_like_html, one_line, tidy, to_text
from monitor.text.index import CUT, LONGEST, distinct_words, index_words
from monitor.text.words import SOLID, claimed_language, is_letter, language_of, words

__all__ = [
    "CUT",
    "LONGEST",
    "SOLID",
    "Folded",
    "claimed_language",
    "distinct_words",
    "fold",
    "index_words",
    "is_letter",
    "language_of",
    "looks_like_html",
    "one_line",
    "safe_cell",
    "tidy",
    "to_text",
    "words",
]
