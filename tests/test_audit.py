"""The audit chain: what was reviewed, sent and changed cannot be changed unseen."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import text
from stored import NOW, put

from monitor.model import Rendered, Review, Verdict
from monitor.store import audit, digests, reviews
from monitor.store.engine import reading


@pytest.fixture
def chain(engine):
    """A chain of four links: the lexicon of two hits, and three reviews."""
    put(engine)
    for number, verdict in enumerate(Verdict):
        with engine.begin() as connection:
            at = NOW + timedelta(minutes=number)
            reviews.add(connection, Review(1, verdict, "analyst", at, f"备注 {number}"))
    return engine


def verified(engine, anchor=None):
    with reading(engine) as connection:
        return audit.verify(connection, anchor=anchor)


def test_a_whole_chain_is_whole(chain):
    """Every link follows the one before, and what it records is what is stored."""
    found = verified(chain)

    assert (found.links, found.flaws, found.anchored) == (4, (), None)
    assert len(found.head) == 64


@pytest.mark.parametrize(
    ("tampering", "flaw"),
    [
        ("UPDATE reviews SET verdict = 'relevant' WHERE id = 2", "review 2: is not what was"),
        ("UPDATE reviews SET note = 'other' WHERE id = 1", "review 1: is not what was"),
        ("DELETE FROM reviews WHERE id = 3", "review 3: is recorded and gone"),
        ("UPDATE audit SET who = 'nobody' WHERE id = 2", "link 2: is not what it was"),
        ("UPDATE audit SET at = '2026-11-24T08:00:00.000000Z' WHERE id = 2", "link 2: is not"),
        ("UPDATE audit SET content = '{}' WHERE id = 3", "link 3: is not what it was"),
        ("DELETE FROM audit WHERE id = 2", "link 3: does not follow"),
        ("UPDATE lexicons SET content = 'other'", "is not what was recorded"),
        (
            "INSERT INTO reviews SELECT 9, hit_id, verdict, note, who, at FROM reviews WHERE id=1",
            "review 9: is stored and not recorded",
        ),
    ],
)
def test_what_is_tampered_with_is_named(chain, tampering, flaw):
    """A row that was changed, removed or put in by hand is found, and named."""
    with chain.begin() as connection:
        connection.execute(text(tampering))

    assert any(flaw in found for found in verified(chain).flaws)


def test_a_cut_end_is_found_by_a_hash_noted_before(chain):
    """Whoever cuts off the end with all it records is betrayed by a hash kept elsewhere."""
    noted = verified(chain).head
    with chain.begin() as connection:
        connection.execute(text("DELETE FROM audit WHERE id = 4"))
        connection.execute(text("DELETE FROM reviews WHERE id = 3"))

    assert verified(chain).flaws == ()
    found = verified(chain, anchor=noted)
    assert (found.anchored, len(found.flaws)) == (False, 1)


def test_an_earlier_hash_is_in_a_longer_chain(chain):
    """A hash noted long ago is still found after more was recorded."""
    noted = verified(chain).head
    with chain.begin() as connection:
        reviews.add(connection, Review(1, Verdict.RELEVANT, "analyst", NOW))

    found = verified(chain, anchor=noted)
    assert (found.anchored, found.flaws) == (True, ())


def test_many_at_once_make_one_chain(engine):
    """Reviews that are given at the same moment follow one another; the chain does not fork."""
    put(engine)

    def review(number):
        with engine.begin() as connection:
            reviews.add(connection, Review(1, Verdict.RELEVANT, f"analyst {number}", NOW))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(review, range(40)))

    assert (verified(engine).links, verified(engine).flaws) == (41, ())


def test_a_digest_is_what_was_sent(engine):
    """Whoever changes a word of a digest in the database after the fact is found out."""
    frozen = digests.FrozenDigest(
        subscription="desk",
        slot=NOW,
        composed_at=NOW,
        lexicon="f",
        content={},
        rendered=Rendered("Subject", "Text", "<p>阿里巴巴</p>"),
        hits=(),
        message_ids={},
    )
    with engine.begin() as connection:
        assert digests.freeze(connection, frozen)
    assert (verified(engine).links, verified(engine).flaws) == (1, ())

    with engine.begin() as connection:
        connection.execute(text("UPDATE digests SET html = '<p>腾讯</p>'"))
    assert verified(engine).flaws == ("digest 1: is not what was recorded",)
