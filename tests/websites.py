"""A real site on loopback for tests: the program's own server, asked over HTTP."""

import http.client
import json
import re
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Event
from unittest.mock import patch
from urllib.parse import urlencode

from sqlalchemy import insert

from monitor.app import App
from monitor.config import load
from monitor.model import Scope, UserRole
from monitor.passwords import hash_password
from monitor.store import schema as t
from monitor.store import tokens, users
from monitor.web import behind
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

    def post_form(self, path, fields, **headers):
        """Send *fields* as a browser sends a form."""
        kind = "application/x-www-form-urlencoded"
        return self.post(path, urlencode(fields), content_type=kind, **headers)

    def log_in(self, name, password):
        """Log in as a browser does; return the cookies it keeps."""
        form = self.ask("/login")
        cookies = cookies_of(form)
        fields = {"name": name, "password": password, "form": form_value(form)}
        done = self.post_form("/login", fields, cookie=cookies)
        assert done.status == 303, done.text
        return f"{cookies}; {cookies_of(done)}"

    def post(self, path, body=b"", **headers):
        return self.ask(path, method="POST", body=body, **headers)


PASSWORD = "a long enough password"


def form_value(answer):
    """Return the value that a form of the page in *answer* is signed with."""
    return re.search(r'name="form" value="([^"]+)"', answer.text)[1]


def cookies_of(answer):
    """Return what a browser sends back after *answer*."""
    given = answer.headers.get_all("Set-Cookie") or []
    return "; ".join(it.partition(";")[0] for it in given)


def put_user(app, name, role="reader", password=PASSWORD):
    """Store a user; None for *password* is one who cannot log in."""
    kept = None if password is None else hash_password(password)
    with app.store.begin() as connection:
        users.add(connection, name, UserRole(role), kept, now=app.clock.now())


def put_token(app, name, scope="read", expires_at=None):
    """Store a token, and return it."""
    now = app.clock.now()
    with app.store.begin() as connection:
        return tokens.add(connection, name, Scope(scope), now=now, expires_at=expires_at)


@contextmanager
def website(folder, database, clock, web="url: http://127.0.0.1", listen="127.0.0.1:0"):
    """Serve a site on a database at the newest schema, at a free port.

    Its pages wait for what is worked out behind them: a test wants to see that.
    """
    path = folder / "config.yaml"
    path.write_text(CONFIG.format(database=database, web=web, folder=folder), "utf-8")
    with App(load(path, {}), clock) as app, patch.object(behind, "PATIENCE_S", 60):
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
    with app.store.begin() as connection:
        connection.execute(insert(t.digests), [digest | columns])
        if rows:
            connection.execute(insert(t.deliveries), rows)
