"""Claiming: many workers, nothing twice, nothing forgotten."""

import functools
import operator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from sqlalchemy import insert, select

from monitor.feeds.guard import Guard
from monitor.model import DeliveryStatus, Feed
from monitor.store import claims, deliveries, feeds, ledger, workers
from monitor.store import schema as t
from monitor.store.ledger import Settlement
from monitor.store.rows import row_of

LEASE = timedelta(minutes=5)
PATIENCE = timedelta(days=5)


def configure(engine, clock, *keys):
    with engine.begin() as connection:
        configured = [Feed(key, f"https://{key}.example/feed", key) for key in keys]
        feeds.sync(connection, configured, now=clock.now())


def claim(engine, clock, worker="here:1", limit=10):
    with engine.begin() as connection:
        return claims.claim_due(
            connection, now=clock.now(), lease=LEASE, limit=limit, worker=worker
        )


def test_claims_are_disjoint_and_complete(engine, clock):
    """Eight workers at once share out 400 due feeds; each is claimed exactly once."""
    keys = [f"f{n}" for n in range(400)]
    configure(engine, clock, *keys)

    def work(number):
        claimed = []
        while batch := claim(engine, clock, worker=f"here:{number}", limit=7):
            assert len(batch) <= 7
            claimed += [feed.key for feed in batch]
        return claimed

    with ThreadPoolExecutor(8) as pool:
        claims = functools.reduce(operator.iadd, pool.map(work, range(8)), [])

    assert sorted(claims) == sorted(keys)


def test_a_dead_workers_feed_comes_due_again(engine, clock):
    """A claim that is never settled holds the feed for the lease, and no longer."""
    configure(engine, clock, "a")

    assert len(claim(engine, clock)) == 1
    assert len(claim(engine, clock)) == 0
    clock.at += LEASE
    assert len(claim(engine, clock)) == 1


def test_a_successor_takes_over_at_once(engine, clock):
    """What a dead process of this machine held is due at once; what lives elsewhere is not."""
    configure(engine, clock, "a", "b", "c")
    [dead] = claim(engine, clock, worker="here:11", limit=1)
    claim(engine, clock, worker="here:12", limit=1)
    claim(engine, clock, worker="there:11", limit=1)

    with engine.begin() as connection:
        alive = [12]
        freed = workers.take_over(connection, "here", alive=alive.__contains__, now=clock.now())

    assert freed == 1
    assert [feed.key for feed in claim(engine, clock)] == [dead.key]


def test_few_feeds_of_one_host_at_once(engine, clock):
    """Of one host no more are claimed than may be asked, however many are due; others go on."""
    busy = [Feed(f"a{n:02}", f"https://a.example/{n}", "a") for n in range(60)]
    others = [Feed(f"b{n}", f"https://b{n}.example/", "b") for n in range(3)]
    own = [Feed(f"c{n}", f"http://10.0.0.1/{n}", "c") for n in range(5)]
    with engine.begin() as connection:
        hosts = Guard(["10.0.0.0/8"]).host_of
        feeds.sync(connection, [*busy, *others, *own], now=clock.now(), host_of=hosts)

    def taken(**under_way):
        limit = claims.HostLimit(2, {host.replace("_", "."): n for host, n in under_way.items()})
        with engine.begin() as connection:
            claimed = claims.claim_due(
                connection, now=clock.now(), lease=LEASE, limit=10, worker="here:1", hosts=limit
            )
        return sorted(feed.key[0] for feed in claimed)

    assert taken() == ["a", "a", "b", "b", "b", "c", "c", "c", "c", "c"]
    assert taken(a_example=2) == []
    assert taken(a_example=1) == ["a"]
    assert taken() == ["a", "a"]


def test_a_feed_switched_off_is_not_claimed(engine, clock):
    """A feed that left the configuration, or is off in it, is not polled."""
    configure(engine, clock, "a", "b", "c")
    with engine.begin() as connection:
        kept = [
            Feed("a", "https://a.example/feed", "a"),
            Feed("b", "https://b.example/feed", "b", enabled=False),
        ]
        feeds.sync(connection, kept, now=clock.now())

    assert [feed.key for feed in claim(engine, clock)] == ["a"]
    with engine.begin() as connection:
        states = dict(connection.execute(select(t.feeds.c.key, t.feeds.c.state)).all())
    assert states == {"a": "probation", "b": "off", "c": "off"}


def test_a_new_address_forgets_the_old_validators(engine, clock):
    """A feed that moved is asked without the ETag of its former address, and at once."""
    configure(engine, clock, "a")
    [feed] = claim(engine, clock)
    later = clock.now() + timedelta(hours=1)
    with engine.begin() as connection:
        line = {"at": clock.now(), "outcome": "stored"}
        ledger.settle(connection, [Settlement(feed, line, {"etag": '"1"', "due_at": later})])
    with engine.begin() as connection:
        feeds.sync(connection, [Feed("a", "https://new.example/feed", "a")], now=clock.now())

    [moved] = claim(engine, clock)
    assert (moved.url, moved.etag) == ("https://new.example/feed", None)


def test_a_late_poll_leaves_a_moved_feed_alone(engine, clock):
    """The validators of a former address are not written onto the new one."""
    configure(engine, clock, "a")
    [feed] = claim(engine, clock)
    with engine.begin() as connection:
        feeds.sync(connection, [Feed("a", "https://new.example/feed", "a")], now=clock.now())
    with engine.begin() as connection:
        line = {"at": clock.now(), "outcome": "stored"}
        later = clock.now() + timedelta(hours=1)
        ledger.settle(connection, [Settlement(feed, line, {"etag": '"old"', "due_at": later})])

    [moved] = claim(engine, clock)
    assert (moved.url, moved.etag) == ("https://new.example/feed", None)


def deliverable(engine, clock):
    digest = {
        "id": 1,
        "subscription": "desk",
        "slot": clock.now(),
        "composed_at": clock.now(),
        "lexicon": "x",
        "content": {},
        "subject": "s",
        "text": "t",
        "html": "h",
    }
    row = {"digest_id": 1, "status": "waiting", "attempts": 0, "doubts": 0, "due_at": clock.now()}
    with engine.begin() as connection:
        connection.execute(insert(t.digests), [digest])
        people = [
            {"recipient": f"{n}@x.example", "message_id": f"<{n}@x>", **row} for n in range(60)
        ]
        connection.execute(insert(t.deliveries), people)


def take(engine, clock, worker="here:1"):
    with engine.begin() as connection:
        return deliveries.claim_due(
            connection, now=clock.now(), lease=LEASE, patience=PATIENCE, worker=worker
        )


def test_deliveries_are_claimed_once(engine, clock):
    """Six workers at once share out 60 deliveries; each is claimed exactly once."""
    deliverable(engine, clock)

    def work(number):
        found = []
        while delivery := take(engine, clock, worker=f"here:{number}"):
            found.append(delivery.recipient)
        return found

    with ThreadPoolExecutor(6) as pool:
        taken = functools.reduce(operator.iadd, pool.map(work, range(6)), [])
    assert sorted(taken) == sorted(f"{n}@x.example" for n in range(60))


def test_a_late_worker_cannot_overwrite(engine, clock):
    """A worker whose lease ran out neither overwrites what the next one does nor ends its mail."""
    deliverable(engine, clock)
    late = take(engine, clock)
    clock.at += LEASE
    for _ in range(60):  # those never tried come first
        again = take(engine, clock, worker="here:2")
    with engine.begin() as connection:
        refused = DeliveryStatus.REFUSED
        settled = deliveries.settle(
            connection, late, refused, now=clock.now(), due_at=None, error="late"
        )
        ended = deliveries.near_end(connection, late, b"head", b"body")

    assert again.id == late.id
    assert (settled, ended) == (False, False)
    with engine.begin() as connection:
        row = row_of(connection, t.deliveries, late.id)
        assert (row.status, row.head) == (DeliveryStatus.WAITING, None)
