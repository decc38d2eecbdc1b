"""Secrets stay in: whatever is run, and whatever fails, none is shown, logged, kept or sent on."""

import base64
import json
import signal
import subprocess
import sys
import time

import pytest
import trustme
from feedserver import FeedServer, answer
from smtpserver import Script, SmtpServer, server_tls

ITEM = b"<item><title>Alibaba fined in antitrust probe</title></item>"
FEED = b"<rss version='2.0'><channel>" + ITEM + b"</channel></rss>"
SECRETS = {
    "of the mail server": "mailpass-0f2e",
    "in a webhook's address": "hookpath-b11d",
    "of a webhook": "whsec_" + base64.b64encode(b"webhooksecret-c2c2-0123456789").decode(),
    "of the database": "dbpass-4e4e",
}
COMMANDS = (
    *(("config", "show"), ("poll", "--all"), ("digest", "--send"), ("deliveries",)),
    *(("feeds", "--format", "csv"), ("health", "--json")),
)


def configuration(own, other, smtp):
    """Return a configuration with a secret wherever one may stand, and faults where they show."""
    own.put("/well", answer(FEED))
    own.put("/refused", answer(status=401, www_authenticate="Basic"))
    own.put("/moved", answer(status=301, location=other.url("/new")))
    other.put("/new", answer(FEED))
    other.put("/hook/hookpath-b11d", answer(b"no hookpath-b11d here", 500))
    return {
        "feeds": [
            {"id": name, "url": own.url(f"/{name}")} for name in ("well", "refused", "moved")
        ],
        "network": {"allow_private": ["127.0.0.0/8"]},
        "channels": {
            "hook": {
                "webhook": other.url("/hook/" + SECRETS["in a webhook's address"]),
                "secret": SECRETS["of a webhook"],
            }
        },
        "subscriptions": [{"name": "desk", "to": ["a@example.com", "hook"], "every": "1m"}],
        "delivery": {
            "from": "Monitor <monitor@example.com>",
            "smtp": {
                "host": "localhost",
                "port": smtp.port,
                "username": "monitor",
                "password": SECRETS["of the mail server"],
                "ca_file": "ca.pem",
            },
        },
        "logging": {"level": "debug"},
    }


def test_no_password_in_an_address(tmp_path):
    """A password in the address of a feed stops the start, and is not repeated."""
    entry = {"url": "https://reader:addresspass-5d1c@feeds.example/"}
    (tmp_path / "config.yaml").write_text(json.dumps({"feeds": [entry]}), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "monitor", "run"], cwd=tmp_path, capture_output=True, check=False
    )

    assert done.returncode == 2
    assert b"feeds[0].url" in done.stderr
    assert b"addresspass" not in done.stdout + done.stderr


def serve(folder, own):
    """Let the service run until it has asked each feed, and stop it; return all it said."""
    with subprocess.Popen(
        [sys.executable, "-m", "monitor", "run"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as service:
        while len(own.requests) < 3 and service.poll() is None:
            time.sleep(0.05)
        service.send_signal(signal.SIGTERM)
        said, _ = service.communicate(timeout=30)
    assert service.returncode == 0, said
    return said


def test_a_database_that_is_away(tmp_path):
    """The password of a database that cannot be reached is not in what is said about it."""
    away = f"postgresql+psycopg://monitor:{SECRETS['of the database']}@127.0.0.1:1/monitor"
    (tmp_path / "config.yaml").write_text(json.dumps({"database": away}), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "monitor", "poll"], cwd=tmp_path, capture_output=True, check=False
    )

    assert done.returncode == 1
    assert b"127.0.0.1" in done.stderr
    assert b"Traceback" not in done.stderr
    assert SECRETS["of the database"].encode() not in done.stdout + done.stderr


@pytest.mark.timeout(200)
def test_secrets(tmp_path):
    """No output, log, database, mail or request to somebody else has a password in it."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    smtp_server = SmtpServer(Script(echo=True), tls=server_tls(authority), login=("monitor", "x"))
    with FeedServer() as own, FeedServer() as other, smtp_server as smtp:
        config = configuration(own, other, smtp)
        (tmp_path / "config.yaml").write_text(json.dumps(config), encoding="utf-8")
        shown = {"run": serve(tmp_path, own)}
        for command in COMMANDS:
            done = subprocess.run(
                [sys.executable, "-m", "monitor", *command],
                cwd=tmp_path,
                capture_output=True,
                check=False,
            )
            shown[" ".join(command)] = done.stdout + done.stderr
            assert b"Traceback" not in done.stderr
        asked = repr([request for request in other.requests if "/hook/" not in request.path])
        assert own.asked("/refused")
        assert other.asked("/hook/hookpath-b11d"), shown["digest --send"]
    for path in tmp_path.rglob("*"):
        if path.is_file() and path.name not in {"config.yaml", "ca.pem"}:
            shown[path.name] = path.read_bytes()

    assert b"401" in shown["feeds --format csv"]
    shown["requests elsewhere"] = asked.encode()
    for where, text in shown.items():
        for what, secret in SECRETS.items():
            for form in (
                secret,
                *map(_basic, (f"\0monitor\0{secret}", secret)),
            ):
                assert form.encode() not in text, f"the secret {what} is in: {where}"


def _basic(text):
    return base64.b64encode(text.encode()).decode().rstrip("=")
