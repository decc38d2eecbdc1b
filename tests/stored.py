"""Stored articles for tests of what is done with them later: rules, and feeds matched by them."""

from datetime import UTC, datetime
from functools import cache

from sqlalchemy import select, text

from monitor.detect.associate import Detector
from monitor.detect.definitions import read_company, read_topic
from monitor.detect.lexicon import make_lexicon
from monitor.identity import identity
from monitor.model import Entry, Feed
from monitor.store import articles, claims, feeds, lexicons
from monitor.store import schema as t
from monitor.store.engine import open_engine
from monitor.store.migrate import upgrade

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
TITLES = (
    "Acme fined in antitrust probe",
    "Brook plans IPO",
    "Bluebird antitrust hearing",
    "Rain expected",
)


def rules(companies=("Acme", "Brook"), **topics):
    """Return a lexicon of companies by name, and topics with their one keyword."""
    topics = topics or {"antitrust": "antitrust", "ipo": "IPO"}
    return make_lexicon(
        [read_company(name.lower(), {"name": name}) for name in companies],
        [read_topic(key, {"name": key, "keywords": [word]}) for key, word in topics.items()],
    )


OLD = rules()
NEW = rules(["Acme", "Bluebird"], antitrust="antitrust", rain="probe")


def put(
    engine,
    titles=TITLES,
    *,
    lexicon=OLD,
    now=NOW,
    feed="a",
    company=None,
    fails=(),
    detector=None,
):
    """Store articles of these titles as a poll at *now* would; detection fails on those named."""
    detector = detector or Detector(lexicon)
    entries = [Entry(title, f"https://{feed}.example/{title}", title, "", now) for title in titles]
    with engine.begin() as connection:
        feeds.sync(connection, [Feed(feed, "https://a.example/", "A", company=company)], now=now)
        row = connection.execute(select(t.feeds).where(t.feeds.c.key == feed)).one()
        claimed = claims.claim_due(connection, now=row.due_at, lease=now - now, limit=9, worker="t")
        lexicons.keep(
            connection, fingerprint=lexicon.fingerprint, content=lexicon.canonical, now=now
        )

    def matches(index):
        entry = entries[index]
        if entry.title in fails:
            return None
        return detector.find(entry.title, "", company=company, published=now)

    with engine.begin() as connection:
        batch = articles.Batch(
            feed=next(it for it in claimed if it.key == feed),
            entries=entries,
            identities=[identity(entry) for entry in entries],
            matches=matches,
            lexicon=lexicon.fingerprint,
            now=now,
        )
        return articles.store(connection, batch)


@cache
def _template():
    engine = open_engine("sqlite://")
    upgrade(engine)
    return engine


def in_memory(engine=None):
    """Return an engine on an empty SQLite database in memory: migrated once, then copied."""
    engine = engine or open_engine("sqlite://")
    with _template().connect() as made, engine.connect() as new:
        made.connection.driver_connection.commit()
        new.connection.driver_connection.commit()
        made.connection.driver_connection.backup(new.connection.driver_connection)
    return engine


def contents(engine):
    """Return every row of every table."""
    with engine.connect() as connection:
        return {
            table: sorted(map(repr, connection.execute(text(f"SELECT * FROM {table}"))))
            for table in t.metadata.tables
        }
