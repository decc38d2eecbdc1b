"""Stories: hits about one happening belong together. Pure."""
