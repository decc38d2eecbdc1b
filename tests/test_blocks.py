"""Blocks of articles, by which PostgreSQL's search index is asked for the newest."""

from hypothesis import example, given
from hypothesis import strategies as st

from monitor.store.conditions import BLOCK, BLOCKS, _blocks

ARTICLES = st.integers(0, 3 * BLOCK * BLOCKS)


def covered(word):
    """Return the numbers of the small blocks that *word* stands for."""
    number = int(word.strip("'#"))
    if word.count("#") == 1:
        return range(number, number + 1)
    return range(number * BLOCKS, (number + 1) * BLOCKS)


@given(ARTICLES, ARTICLES)
@example(BLOCK * BLOCKS, 0)
@example(BLOCK * BLOCKS - 1, 0)
@example(0, 0)
def test_each_block_is_asked_for_once(one, other):
    """Just the blocks from the highest article down to the lowest, in order, by few words."""
    low, high = sorted((one, other))
    words = _blocks(high, low)
    seen = [block for word in words for block in reversed(covered(word))]
    assert seen == list(range(high // BLOCK, low // BLOCK - 1, -1))
    assert len(words) < 3 * BLOCKS
