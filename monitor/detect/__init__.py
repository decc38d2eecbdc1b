"""Detection: a text and a lexicon in, matches with evidence out. Pure."""
