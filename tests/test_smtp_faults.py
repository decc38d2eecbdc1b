"""Every fault of a mail server: the right state for it, nothing for the others, all arrives later.

The cases are data/smtp_faults.yaml; the whole step runs on them, with a real server and database.
"""

import shutil
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
import yaml
from mails import SENDER
from smtpserver import Fault, SmtpServer, server_tls
from sqlalchemy import insert, select

from monitor.deliver.smtp import SmtpMailer
from monitor.pipeline.deliver import deliver_due
from monitor.store import schema as t
from monitor.store.engine import open_engine
from monitor.store.migrate import upgrade

CASES = yaml.safe_load(Path(__file__).with_name("data").joinpath("smtp_faults.yaml").read_text())
RECIPIENTS = ("faulty@example.com", "b@example.com", "c@example.com")
LOGIN = ("user", "s3cret-pass")
FAULT = ("at", "reply", "close", "do", "once", "taken")
HANGS = timedelta(seconds=2)


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    path = tmp_path_factory.mktemp("faults") / "empty.db"
    engine = open_engine(f"sqlite:///{path}")
    upgrade(engine)
    engine.dispose()
    return path


@pytest.fixture
def engine(empty, tmp_path):
    engine = open_engine(f"sqlite:///{shutil.copy(empty, tmp_path)}")
    yield engine
    engine.dispose()


def add_digest(engine, number, now, text="text"):
    digest = {"id": number, "subscription": "desk", "slot": now, "composed_at": now}
    digest |= {"lexicon": "x", "content": {}, "subject": "News", "text": text, "html": "<p>x</p>"}
    rows = [
        {
            "digest_id": number,
            "recipient": recipient,
            "message_id": f"<{number}.{recipient}>",
            "due_at": now,
        }
        for recipient in RECIPIENTS
    ]
    with engine.begin() as connection:
        connection.execute(insert(t.digests), [digest])
        connection.execute(insert(t.deliveries), rows)


def rows_of(engine, digest=1):
    query = (
        select(t.deliveries).where(t.deliveries.c.digest_id == digest).order_by(t.deliveries.c.id)
    )
    with engine.begin() as connection:
        return list(connection.execute(query))


def serve(case, authority):
    """Return the server of *case* and the settings that lead to it."""
    security = case.get("security", "none")
    if security == "none":
        return SmtpServer(), {}
    flaw = case.get("certificate")
    signed_by = trustme.CA() if flaw == "untrusted" else authority
    names = ("other.example",) if flaw == "other" else ()
    until = {"not_after": datetime(2020, 1, 1, tzinfo=UTC)} if flaw == "expired" else {}
    login = LOGIN if case.get("login") else None
    tls = server_tls(signed_by, *names, **until)
    settings = {"security": security}
    if login:
        settings |= {"username": login[0], "password": login[1]}
    return SmtpServer(tls=tls, implicit=security == "tls", login=login), settings


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_fault(engine, authority, tmp_path, clock, case):
    """A fault gives its delivery the right state, spoils no other, and all arrives when it ends."""
    server, settings = serve(case, authority)
    settings["ca_file"] = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(settings["ca_file"])
    with server:
        known = {key: case[key] for key in FAULT if key in case}
        server.fault = Fault(**known) if known else None
        mailer = SmtpMailer(server.settings(**settings, timeout=HANGS), SENDER)
        add_digest(engine, 1, clock.now(), "a line of text\n" * 20_000)
        deliver_due(engine, mailer, clock, at_once=1)
        faulty, *others = rows_of(engine)

        assert faulty.status == case["state"]
        assert case.get("said", "") in (faulty.last_error or "")
        assert [row.status for row in others] == 2 * [case.get("others", "sent")]

        server.fault = None
        if "certificate" in case:
            return  # nothing but another certificate ends that
        clock.at += timedelta(hours=2)
        add_digest(engine, 2, clock.now())
        deliver_due(engine, mailer, clock, at_once=1)

    assert {row.status for row in rows_of(engine, 1) + rows_of(engine, 2)} == {"sent"}
    copies = Counter((mail.recipients, mail.content) for mail in server.taken)
    twice = case.get("copies", 1)
    assert sorted(copies.values()) == sorted([1, 1, 1, 1, 1, twice])
