"""Parse: what is in a feed. `document` reads one; `children` does it where it can be killed."""
