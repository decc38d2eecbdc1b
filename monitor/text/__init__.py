"""Text: HTML to plain text, and folding with a map back to the original.

* `html` makes text fit to store and show, `folding` fit to compare, `words` cuts it up, `index`
  for a search index.
* Every function takes time linear in its input, and none raises, whatever the input.
* Nothing is imported here: who only cleans text need not load the tables of Chinese characters.
"""
