"""A real site on loopback for tests: the program's own server, asked over HTTP."""

import http.client
import json
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Event

from sqlalchemy import insert

from monitor.app import App
from monitor.config import load
from monitor.store.schema import DeliveryRow, DigestRow
from monitor.web.server import serving

CONFIG = """
companies: [alibaba, ant, tencent]
topics: [antitrust, ipo]
feeds: [{{url: "https://news.example/feed", id: wire, name: Example Wire}}]
subscriptions:
  - {{name: daily, to: [desk@example.com, "李明@example.com"], at: "07:30"}}
  - {{name: morning, to: [desk@example.com], at: "07:30"}}
database: {database}
delivery: {{outbox: {folder}/outbox}}
web:
  timezone: Asia/Hong_Kong
  {web}
"""
SLOT = datetime(2026, 11, 22, 23, 30, tzinfo=UTC)


@dataclass
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def text(self):
        return self.body.decode()

    @property
    def data(self):
        return json.loads(self.body)


@dataclass
class Website:
    app: App
    port: int

    def ask(self, path, *, method="GET", body=None, host=None, **headers):
        """Ask for *path*, following nothing; header names are written with underscores."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        if host is not None:
            names["Host"] = host
        try:
            connection.request(method, path, body=body, headers=names)
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def post(self, path, body=b"", **headers):
        return self.ask(path, method="POST", body=body, **headers)


@contextmanager
def website(folder, database, clock, web="url: http://127.0.0.1", listen="127.0.0.1:0"):
    """Serve a site on a database at the newest schema, at a free port."""
    path = folder / "config.yaml"
    path.write_text(CONFIG.format(database=database, web=web, folder=folder), "utf-8")
    with App(load(path, {}), clock) as app:
        app.prepare()
        with serving(app, listen, Event()) as (_, port):
            yield Website(app, port)


def put_digest(app, *recipients, number=1, subscription="daily", slot=SLOT, **columns):
    """Store a digest and a waiting delivery for each of *recipients*."""
    now = app.clock.now()
    digest = {
        "id": number,
        "subscription": subscription,
        "slot": slot,
        "composed_at": now,
        "lexicon": "0123456789abcdef",
        "content": {},
        "subject": "[Monitor] 阿里巴巴被罚 182 亿元",
        "text": "text",
        "html": "<html><head><title>x</title></head><body><p>阿里巴巴</p></body></html>",
    }
    rows = [
        {
            "id": number * 100 + at,
            "digest_id": number,
            "recipient": recipient,
            "message_id": f"<{number}.{at}@x.example>",
            "status": "waiting",
            "attempts": 0,
            "doubts": 0,
            "due_at": now,
        }
        for at, recipient in enumerate(recipients)
    ]
    with app.sessions.begin() as session:
        session.execute(insert(DigestRow), [digest | columns])
        if rows:
            session.execute(insert(DeliveryRow), rows)
