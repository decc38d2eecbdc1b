"""`monitor deliveries`, run as an operator runs it: real processes, a real mail server."""

import json
import subprocess
import sys

import pytest
from receiver import Receiver, Reply
from smtpserver import Script, SmtpServer

CONFIG = """\
feeds: []
subscriptions:
  - {{name: desk, to: [a@example.com, gone@example.com], at: "07:30"}}
  - {{name: other, to: [b@example.com], at: "07:30"}}
delivery: {{from: m@desk.example, smtp: {{host: 127.0.0.1, port: {port}, security: none}}}}
"""

SECRET = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz"


def run(folder, *args, code=0, text=True):
    done = subprocess.run(
        [sys.executable, "-m", "monitor", *args],
        cwd=folder,
        capture_output=True,
        encoding="utf-8" if text else None,
        timeout=60,
        check=False,
    )
    assert done.returncode == code, (args, done.stdout, done.stderr)
    return done.stdout


def listed(folder, *args):
    return [json.loads(line) for line in run(folder, "deliveries", *args).splitlines()]


@pytest.fixture(scope="module")
def sent(tmp_path_factory):
    """A folder whose database holds three deliveries, one of them refused; and the server."""
    folder = tmp_path_factory.mktemp("deliveries")
    with SmtpServer(Script(rcpt={"gone@example.com": "550 5.1.1 no such user"})) as server:
        (folder / "config.yaml").write_text(CONFIG.format(port=server.port), encoding="utf-8")
        run(folder, "digest", "--send", code=1)
        yield folder, server


def test_lists(sent):
    """The list says what became of each, by status and subscription, in every format."""
    folder, _ = sent

    rows = {row["recipient"]: row for row in listed(folder)}
    assert {name: row["status"] for name, row in rows.items()} == {
        "a@example.com": "sent",
        "b@example.com": "sent",
        "gone@example.com": "refused",
    }
    assert "550 5.1.1 no such user" in rows["gone@example.com"]["last_error"]
    assert [row["recipient"] for row in listed(folder, "list", "--subscription", "other")] == [
        "b@example.com"
    ]
    assert len(listed(folder, "--status", "refused", "--status", "failed")) == 1
    assert len(listed(folder, "--limit", "2")) == 2
    assert listed(folder, "--since", "2100-01-01") == []
    assert "gone@example" in run(folder, "deliveries", "--format", "table")
    assert run(folder, "deliveries", "list", "--format", "csv").startswith("digest_id,")


def test_the_mail_as_it_was_sent(sent):
    """The very bytes the server took come out; where none were, a sentence."""
    folder, server = sent
    number = next(
        row["delivery_id"] for row in listed(folder) if row["recipient"] == "a@example.com"
    )

    raw = run(folder, "deliveries", "message", str(number), text=False)

    [taken] = [mail for mail in server.taken if mail.recipients == ("a@example.com",)]
    assert raw == taken.content
    run(folder, "deliveries", "message", "999", code=1)


def test_retry(sent):
    """A refused delivery is due at once again; one that was taken is not, and that is said."""
    folder, _ = sent
    by_name = {row["recipient"]: row["delivery_id"] for row in listed(folder)}
    gone, taken = str(by_name["gone@example.com"]), str(by_name["a@example.com"])

    assert run(folder, "deliveries", "retry", gone) == f"{gone}: due now\n"
    assert "was taken" in run(folder, "deliveries", "retry", taken, code=1)
    assert "no such delivery" in run(folder, "deliveries", "retry", "999", code=1)
    assert "none was refused" in run(folder, "deliveries", "retry", "--failed")
    [row] = listed(folder, "--status", "waiting")
    assert row["delivery_id"] == by_name["gone@example.com"]
    assert row["next_attempt_at"] is not None
    run(folder, "deliveries", "retry", code=2)
    run(folder, "deliveries", "retry", gone, "--failed", code=2)


def test_try_tells_how_a_channel_is_reached(tmp_path):
    """A test goes to an address, a chat or a webhook at once, and what is wrong is said."""
    with SmtpServer() as server, Receiver() as chat, Receiver(Reply(410)) as gone:
        (tmp_path / "config.yaml").write_text(
            CONFIG.format(port=server.port)
            + "network: {allow_private: [127.0.0.0/8]}\nchannels:\n"
            + f"  chat: {{apprise: 'json://127.0.0.1:{chat.port}/x'}}\n"
            + f"  hook: {{webhook: 'http://127.0.0.1:{gone.port}/', secret: {SECRET}}}\n",
            encoding="utf-8",
        )
        assert run(tmp_path, "deliveries", "try", "me@example.com") == "me@example.com: taken\n"
        assert run(tmp_path, "deliveries", "try", "chat") == "chat: taken\n"
        refused = run(tmp_path, "deliveries", "try", "hook", code=1)
        run(tmp_path, "deliveries", "try", "nobody", code=2)

    assert "hook: 127.0.0.1: answered 410" in refused
    assert [taken.recipients for taken in server.taken] == [("me@example.com",)]
    assert json.loads(chat.taken[0].body)["message"] == "Nothing new."
