"""Hand-over: two processes compose and deliver at once, both killed with -9 at random moments.

    python tests/promises/handover.py --rounds 101                            # 200 kills, SQLite
    python tests/promises/handover.py --rounds 101 --database postgresql    # in a throwaway server

In each round new hits are stored and a minute passes, which opens a slot of two subscriptions with
eight recipients; two workers, each a process with the real parts of the service, compose and
deliver over SMTP, and are killed before they are done. In the end they are left alone until nothing
is due. Then the mailboxes are held against the database: every hit is in exactly one message to
each recipient; a message came again only if a kill found its last byte about to be sent, once for
each such kill, under the same Message-ID with the same bytes; nothing is waiting. Prints one line
of figures; exit code 1 if one is not kept.
"""

import argparse
import email
import email.policy
import io
import json
import multiprocessing
import os
import random
import re
import shutil
import signal
import socket
import sys
import tempfile
import time
import zipfile
from collections import Counter, defaultdict
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import select

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from postgres import Cluster, find_programs
from smtpserver import SmtpServer
from stored import put

from monitor.app import App
from monitor.detect.associate import Detector
from monitor.pipeline.group import group_new
from monitor.store import schema as t
from monitor.store.migrate import integrity

BEGIN = datetime(2026, 11, 23, 8, 0, 30, tzinfo=UTC)
HITS = 3  # a round
RECIPIENTS = {"desk": 5, "brief": 3}
IN_DOUBT = ("handing_over", "unsure")
PROCESSES = multiprocessing.get_context("forkserver")


class SharedClock:
    """A clock that all processes share; it stands until it is moved on."""

    def __init__(self):
        self.seconds = PROCESSES.RawValue("d", 0.0)

    def now(self):
        return BEGIN + timedelta(seconds=self.seconds.value)

    def move(self, **by):
        self.seconds.value += timedelta(**by).total_seconds()


def company(number):
    return f"Norvex{number}"


def configuration(url, port, rounds):
    """Return a configuration as JSON, which is YAML."""
    subscriptions = [
        {"name": name, "to": [f"{name}{n}@example.com" for n in range(many)], "every": "1m"}
        for name, many in RECIPIENTS.items()
    ]
    smtp = {"host": "127.0.0.1", "port": port, "security": "none", "timeout": "20s"}
    names = [company(number) for number in range(rounds * HITS)]
    return json.dumps(
        {
            "database": url,
            "companies": [{"id": name.lower(), "name": name} for name in names],
            "feeds": [],
            "subscriptions": subscriptions,
            "delivery": {"from": "Monitor <monitor@example.com>", "smtp": smtp},
            "logging": {"level": "warning", "format": "json"},
        }
    )


def nursery(path, clock, log, pipe):
    """Build the parts once; then, whenever told, start two workers that share nothing but those.

    Told how long to wait before each is killed, it kills them; told nothing, it lets them end by
    themselves. Answers with the seconds it took.
    """
    os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND), sys.stderr.fileno())
    with App.load(path, {}) as app:
        app.clock = clock
        _ = app.compose_step, app.mailer
        while (waits := pipe.recv()) is not None:
            app.engine.dispose()
            began = time.monotonic()
            workers = [_fork(app, until_done=not waits) for _ in range(2)]
            for worker, wait in zip(workers, waits, strict=False):
                time.sleep(wait)
                os.kill(worker, signal.SIGKILL)
            for worker in workers:
                os.waitpid(worker, 0)
            pipe.send(time.monotonic() - began)


def _fork(app, *, until_done):
    child = os.fork()
    if child == 0:
        try:
            app.worker = f"{socket.gethostname()}:{os.getpid()}"
            work(app, until_done=until_done)
        finally:
            os._exit(0)
    return child


def work(app, *, until_done):
    """Compose and deliver as the service does; until killed, or until nothing is due."""
    app.take_over()
    done = True
    while done or not until_done:
        group_new(app.store)
        done = app.compose_step.compose_due() + app.deliver_due()


@dataclass
class Report:
    """What the rounds came to."""

    database: str = ""
    rounds: int = 0
    kills: int = 0
    hits: int = 0
    digests: int = 0
    deliveries: int = 0
    mails: int = 0
    missing: int = 0  # hits that a recipient has in no message
    doubled: int = 0  # hits that a recipient has in two messages
    repeats: int = 0  # mails that came again, under the same Message-ID
    most_copies: int = 0
    repeats_with_other_bytes: int = 0
    repeats_unaccounted: int = 0  # of messages that no kill had left in doubt
    two_digests_a_slot: int = 0
    waiting: int = 0
    tracebacks: int = 0
    killed_while: dict = field(default_factory=dict)
    flaws: list = field(default_factory=list)

    @property
    def clean(self):
        faults = (
            *(self.missing, self.doubled, self.repeats_with_other_bytes, self.repeats_unaccounted),
            *(self.two_digests_a_slot, self.waiting, self.tracebacks, self.flaws),
        )
        return not any(faults)


def told_in(message):
    """Return the words of a mail: of a digest of many hits, also those of the list beside it."""
    words = [message.get_body(("plain",)).get_content()]
    for part in message.iter_attachments():
        content = part.get_payload(decode=True)
        if part.get_filename().endswith(".zip"):
            with zipfile.ZipFile(io.BytesIO(content)) as packed:
                content = b"".join(map(packed.read, packed.namelist()))
        words.append(content.decode("utf-8"))
    return "\n".join(words)


class Trial:
    """The database, the mail server, the workers and what they are held against."""

    def __init__(self, folder, url, server, *, rounds, seed):
        self.chance = random.Random(seed)  # noqa: S311 - for moments, not for secrets
        self.folder, self.server = folder, server
        self.path = folder / "config.yaml"
        self.path.write_text(configuration(url, server.port, rounds), encoding="utf-8")
        self.clock = SharedClock()
        self.report = Report(database=url.partition(":")[0])
        self.app = App.load(self.path, {})
        self.app.clock = self.clock
        self.app.__enter__()
        self.app.prepare()
        self.detector = Detector(self.app.lexicon)
        self.killed_while, self.in_doubt = Counter(), Counter()
        self.pipe, other = PROCESSES.Pipe()
        log = folder / "log"
        self.nursery = PROCESSES.Process(target=nursery, args=(self.path, self.clock, log, other))
        self.nursery.start()
        self.took = 0.0  # by a round that was left alone

    def workers(self, *waits):
        """Let two workers at what is due; kill each after its wait, if there are any."""
        self.pipe.send(waits)
        took = self.pipe.recv()
        self.took = max(self.took, 0 if waits else took)

    def publish(self):
        """Store new hits, and let a minute pass, which opens a slot of each subscription."""
        first = self.report.rounds * HITS
        titles = [
            f"{company(number)} fined in antitrust probe" for number in range(first, first + HITS)
        ]
        at = {"lexicon": self.app.lexicon, "detector": self.detector, "now": self.clock.now()}
        put(self.app.store, titles, **at)
        self.report.rounds += 1
        self.clock.move(minutes=1)

    def round(self):
        """Publish, let two workers at it, and kill both, one after the other."""
        self.publish()
        self.workers(*(self.chance.uniform(0, 0.6 * self.took) for _ in range(2)))
        self.report.kills += 2
        self.note_states()

    def note_states(self):
        """Note in which states the kills left deliveries."""
        with self.app.store.begin() as connection:
            claimed = select(t.deliveries).where(t.deliveries.c.claimed_by.is_not(None))
            for row in connection.execute(claimed):
                self.killed_while[row.status] += 1
                self.in_doubt[row.message_id] += row.status in IN_DOUBT

    def settle(self):
        """Let the workers alone until nothing is due."""
        for _ in range(4):
            self.clock.move(minutes=1)
            self.workers()
        self.pipe.send(None)
        self.nursery.join()
        with self.app.store.begin() as connection:
            query = select(t.deliveries.c.id).where(t.deliveries.c.due_at.is_not(None))
            self.report.waiting = len(connection.scalars(query).all())

    def judge(self):
        """Hold what arrived against what was to be told; return the report."""
        report = self.report
        taken = defaultdict(list)  # Message-ID: the bytes of each copy
        told = defaultdict(lambda: defaultdict(set))  # recipient: company: Message-IDs
        for mail in self.server.taken:
            message = email.message_from_bytes(mail.content, policy=email.policy.default)
            report.flaws += [f"{mail.recipients}"] if len(mail.recipients) != 1 else []
            taken[message["Message-ID"]].append(mail.content)
            for name in set(re.findall(r"Norvex\d+", told_in(message))):
                told[mail.recipients[0]][name].add(message["Message-ID"])
        with self.app.store.begin() as connection:
            hits = connection.scalars(select(t.hits.c.company)).all()
            report.deliveries = len(connection.scalars(select(t.deliveries.c.id)).all())
            slots = connection.execute(select(t.digests.c.subscription, t.digests.c.slot)).all()
            items = connection.execute(
                select(t.digest_items.c.subscription, t.digest_items.c.hit_id)
            ).all()
        report.hits, report.digests = len(hits), len(slots)
        report.killed_while = dict(self.killed_while)
        if len(set(items)) != len(hits) * len(RECIPIENTS):
            report.flaws.append(f"{len(items)} items of {len(hits)} hits")
        expected = {company(number).lower() for number in range(report.rounds * HITS)}
        if expected != set(hits):
            report.flaws.append(f"{len(expected - set(hits))} hits were not found")
        report.mails = len(self.server.taken)
        for recipient in (
            f"{k}{n}@example.com" for k, many in RECIPIENTS.items() for n in range(many)
        ):
            for number in range(report.rounds * HITS):
                messages = len(told[recipient][company(number)])
                report.missing += messages == 0
                report.doubled += messages > 1
        for message_id, copies in taken.items():
            report.repeats += len(copies) - 1
            report.most_copies = max(report.most_copies, len(copies))
            report.repeats_with_other_bytes += len(set(copies)) - 1
            report.repeats_unaccounted += len(copies) - 1 > self.in_doubt[message_id]
        report.two_digests_a_slot = len(slots) - len(set(slots))
        report.tracebacks = (self.folder / "log").read_text("utf-8").count("Traceback")
        report.flaws += integrity(self.app.engine)
        self.app.__exit__(None, None, None)
        return report


def run(folder, url, *, rounds, seed):
    """Run that many rounds on an empty database; return a Report."""
    with SmtpServer() as server:
        trial = Trial(folder, url, server, rounds=rounds, seed=seed)
        trial.publish()
        trial.workers()  # undisturbed, to learn how long it takes
        for _ in range(rounds - 1):
            trial.round()
        trial.settle()
        return trial.judge()


@contextmanager
def _database(kind, folder):
    if kind == "sqlite":
        yield f"sqlite:///{folder}/monitor.db"
        return
    programs = find_programs()
    if programs is None:
        sys.exit("PostgreSQL's server programs (initdb, postgres) not found on this machine")
    with Cluster(programs) as cluster, cluster.database() as url:
        yield url


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int, default=101, help="two kills in all but the first")
    options.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--keep", help="copy the workers' log to this file")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder, _database(given.database, folder) as url:
        report = run(Path(folder), url, rounds=given.rounds, seed=given.seed)
        if given.keep:
            shutil.copy(Path(folder) / "log", given.keep)
    sys.stdout.write(json.dumps(asdict(report)) + "\n")
    return 0 if report.clean else 1


if __name__ == "__main__":
    sys.exit(main())
