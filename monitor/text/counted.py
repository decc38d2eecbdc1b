"""Numbers with what they count, in English words."""


def counted(number: int, noun: str, nouns: str | None = None) -> str:
    """Return *number*, its thousands parted, with *noun*: "1 story", "2,000 stories".

    *nouns* is for more than one; *noun* with an s if it is not given.
    """
    return f"{number:,} " + (noun if number == 1 else nouns or f"{noun}s")
