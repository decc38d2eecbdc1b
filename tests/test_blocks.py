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


@given(ARTICLES, ARTICLES, ARTICLES)
@example(BLOCK * BLOCKS, 0, 0)
@example(0, 0, 0)
def test_each_block_is_asked_for_once(one, other, span):
    """All blocks from the highest article down to the least, in order, none twice, few at once."""
    least, highest = sorted((one, other))
    steps = list(_blocks(highest, least, span))
    seen = [block for words in steps for word in words for block in reversed(covered(word))]
    assert seen == sorted(seen, reverse=True)
    assert len(seen) == len(set(seen))
    assert set(range(least // BLOCK, highest // BLOCK + 1)) <= set(seen)
    assert max(map(len, steps)) <= 2 * BLOCKS
