"""Claiming: many workers, nothing twice, nothing forgotten."""

import functools
import operator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from sqlalchemy import insert, select

from monitor.feeds.guard import Guard
from monitor.model import DeliveryStatus, Feed
from monitor.store import deliveries, feeds, ledger, workers
from monitor.store.ledger import Settlement
from monitor.store.schema import DeliveryRow, DigestRow, FeedRow

LEASE = timedelta(minutes=5)
PATIENCE = timedelta(days=5)


def configure(sessions, clock, *keys):
    with sessions.begin() as session:
        configured = [Feed(key, f"https://{key}.example/feed", key) for key in keys]
        feeds.sync(session, configured, now=clock.now())


def claim(sessions, clock, worker="here:1", limit=10):
    with sessions.begin() as session:
        return feeds.claim_due(session, now=clock.now(), lease=LEASE, limit=limit, worker=worker)


def test_claims_are_disjoint_and_complete(sessions, clock):
    """Eight workers at once share out 400 due feeds; each is claimed exactly once."""
    keys = [f"f{n}" for n in range(400)]
    configure(sessions, clock, *keys)

    def work(number):
        claimed = []
        while batch := claim(sessions, clock, worker=f"here:{number}", limit=7):
            assert len(batch) <= 7
            claimed += [feed.key for feed in batch]
        return claimed

    with ThreadPoolExecutor(8) as pool:
        claims = functools.reduce(operator.iadd, pool.map(work, range(8)), [])

    assert sorted(claims) == sorted(keys)


def test_a_dead_workers_feed_comes_due_again(sessions, clock):
    """A claim that is never settled holds the feed for the lease, and no longer."""
    configure(sessions, clock, "a")

    assert len(claim(sessions, clock)) == 1
    assert len(claim(sessions, clock)) == 0
    clock.at += LEASE
    assert len(claim(sessions, clock)) == 1


def test_a_successor_takes_over_at_once(sessions, clock):
    """What a dead process of this machine held is due at once; what lives elsewhere is not."""
    configure(sessions, clock, "a", "b", "c")
    [dead] = claim(sessions, clock, worker="here:11", limit=1)
    claim(sessions, clock, worker="here:12", limit=1)
    claim(sessions, clock, worker="there:11", limit=1)

    with sessions.begin() as session:
        alive = [12]
        freed = workers.take_over(session, "here", alive=alive.__contains__, now=clock.now())

    assert freed == 1
    assert [feed.key for feed in claim(sessions, clock)] == [dead.key]


def test_few_feeds_of_one_host_at_once(sessions, clock):
    """Of one host no more are claimed than may be asked, however many are due; others go on."""
    busy = [Feed(f"a{n:02}", f"https://a.example/{n}", "a") for n in range(60)]
    others = [Feed(f"b{n}", f"https://b{n}.example/", "b") for n in range(3)]
    own = [Feed(f"c{n}", f"http://10.0.0.1/{n}", "c") for n in range(5)]
    with sessions.begin() as session:
        hosts = Guard(["10.0.0.0/8"]).host_of
        feeds.sync(session, [*busy, *others, *own], now=clock.now(), host_of=hosts)

    def taken(**under_way):
        limit = feeds.HostLimit(2, {host.replace("_", "."): n for host, n in under_way.items()})
        with sessions.begin() as session:
            claimed = feeds.claim_due(
                session, now=clock.now(), lease=LEASE, limit=10, worker="here:1", hosts=limit
            )
        return sorted(feed.key[0] for feed in claimed)

    assert taken() == ["a", "a", "b", "b", "b", "c", "c", "c", "c", "c"]
    assert taken(a_example=2) == []
    assert taken(a_example=1) == ["a"]
    assert taken() == ["a", "a"]


def test_a_feed_switched_off_is_not_claimed(sessions, clock):
    """A feed that left the configuration, or is off in it, is not polled."""
    configure(sessions, clock, "a", "b", "c")
    with sessions.begin() as session:
        kept = [
            Feed("a", "https://a.example/feed", "a"),
            Feed("b", "https://b.example/feed", "b", enabled=False),
        ]
        feeds.sync(session, kept, now=clock.now())

    assert [feed.key for feed in claim(sessions, clock)] == ["a"]
    with sessions.begin() as session:
        states = dict(session.execute(select(FeedRow.key, FeedRow.state)).all())
    assert states == {"a": "probation", "b": "off", "c": "off"}


def test_a_new_address_forgets_the_old_validators(sessions, clock):
    """A feed that moved is asked without the ETag of its former address, and at once."""
    configure(sessions, clock, "a")
    [feed] = claim(sessions, clock)
    later = clock.now() + timedelta(hours=1)
    with sessions.begin() as session:
        line = {"at": clock.now(), "outcome": "stored"}
        ledger.settle(session, [Settlement(feed, line, {"etag": '"1"', "due_at": later})])
    with sessions.begin() as session:
        feeds.sync(session, [Feed("a", "https://new.example/feed", "a")], now=clock.now())

    [moved] = claim(sessions, clock)
    assert (moved.url, moved.etag) == ("https://new.example/feed", None)


def test_a_late_poll_leaves_a_moved_feed_alone(sessions, clock):
    """The validators of a former address are not written onto the new one."""
    configure(sessions, clock, "a")
    [feed] = claim(sessions, clock)
    with sessions.begin() as session:
        feeds.sync(session, [Feed("a", "https://new.example/feed", "a")], now=clock.now())
    with sessions.begin() as session:
        line = {"at": clock.now(), "outcome": "stored"}
        later = clock.now() + timedelta(hours=1)
        ledger.settle(session, [Settlement(feed, line, {"etag": '"old"', "due_at": later})])

    [moved] = claim(sessions, clock)
    assert (moved.url, moved.etag) == ("https://new.example/feed", None)


def deliverable(sessions, clock):
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
    with sessions.begin() as session:
        session.execute(insert(DigestRow), [digest])
        people = [
            {"recipient": f"{n}@x.example", "message_id": f"<{n}@x>", **row} for n in range(60)
        ]
        session.execute(insert(DeliveryRow), people)


def take(sessions, clock, worker="here:1"):
    with sessions.begin() as session:
        return deliveries.claim_due(
            session, now=clock.now(), lease=LEASE, patience=PATIENCE, worker=worker
        )


def test_deliveries_are_claimed_once(sessions, clock):
    """Six workers at once share out 60 deliveries; each is claimed exactly once."""
    deliverable(sessions, clock)

    def work(number):
        found = []
        while delivery := take(sessions, clock, worker=f"here:{number}"):
            found.append(delivery.recipient)
        return found

    with ThreadPoolExecutor(6) as pool:
        taken = functools.reduce(operator.iadd, pool.map(work, range(6)), [])
    assert sorted(taken) == sorted(f"{n}@x.example" for n in range(60))


def test_a_late_worker_cannot_overwrite(sessions, clock):
    """A worker whose lease ran out neither overwrites what the next one does nor ends its mail."""
    deliverable(sessions, clock)
    late = take(sessions, clock)
    clock.at += LEASE
    for _ in range(60):  # those never tried come first
        again = take(sessions, clock, worker="here:2")
    with sessions.begin() as session:
        refused = DeliveryStatus.REFUSED
        settled = deliveries.settle(
            session, late, refused, now=clock.now(), due_at=None, error="late"
        )
        ended = deliveries.near_end(session, late, b"head", b"body")

    assert again.id == late.id
    assert (settled, ended) == (False, False)
    with sessions.begin() as session:
        row = session.get_one(DeliveryRow, late.id)
        assert (row.status, row.head) == (DeliveryStatus.WAITING, None)
