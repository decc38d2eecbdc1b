"""Chats by Apprise: what arrives, and what is said when nothing does."""

import json
from datetime import timedelta

import pytest
from briefs import briefed, hit
from mails import ignore, mail
from receiver import Receiver, Reply

from monitor.cli import main
from monitor.deliver.channels import AppriseChannel
from monitor.deliver.ways import Ways
from monitor.errors import ConfigError, MailDeferred, MailRefused, MailUnsure

SLOW = timedelta(seconds=20)
SHORT = timedelta(milliseconds=300)


def channel(receiver, *, timeout=SLOW):
    return AppriseChannel("ops", f"json://127.0.0.1:{receiver.port}/t0ken-of-ops", timeout)


def a_mail(*hits, **changes):
    return mail(recipient="ops", brief=briefed(*hits or [hit()]), **changes)


def test_a_chat_gets_the_brief_as_text():
    """Subject and stories arrive through Apprise, word for word."""
    kept = []
    with Receiver() as receiver:
        channel(receiver).send(a_mail(), lambda head, body: kept.append((head, body)))

    told = json.loads(receiver.taken[0].body)
    assert told["title"] == "Monitor: Tue 24 Nov: 1 story"
    assert told["message"].startswith("1. Alibaba - Antitrust - Fine - SAMR - 182亿元\n阿里巴巴")
    assert kept == [(f"{told['title']}\n\n{told['message']}".encode(), None)]


def test_a_repetition_says_the_same():
    """What was kept of an earlier attempt is sent again, whatever would be made of it now."""
    with Receiver() as receiver:
        channel(receiver).send(a_mail(head=b"Was\n\nsaid\n\nso"), ignore)

    told = json.loads(receiver.taken[0].body)
    assert (told["title"], told["message"]) == ("Was", "said\n\nso")


def test_hostile_titles_arrive_inert():
    """A title that mentions everybody mentions nobody."""
    title = "<!channel> @everyone [x](https://evil.example) Alibaba fined"
    with Receiver() as receiver:
        channel(receiver).send(a_mail(hit(title=title)), ignore)

    said = json.loads(receiver.taken[0].body)["message"]
    assert "<" not in said
    assert "@" not in said
    assert "https://evil" not in said


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 429, 500, 503])
def test_a_no_is_deferred_with_its_reason(status):
    """Apprise's False becomes an error that names the status, and no part of the address."""
    with Receiver(Reply(status)) as receiver, pytest.raises(MailDeferred) as caught:
        channel(receiver).send(a_mail(), ignore)

    assert f"error={status}" in str(caught.value)
    assert "t0ken" not in str(caught.value)


def test_nobody_there_is_deferred():
    """A refused connection is told as such."""
    with Receiver() as receiver:
        gone = channel(receiver)

    with pytest.raises(MailDeferred, match="Connection error"):
        gone.send(a_mail(), ignore)


def test_one_deadline_and_one_thread():
    """A service that hangs is left at the deadline; until it ends, its channel gets no more."""
    with Receiver(Reply(hold=True), Reply()) as receiver:
        ops = channel(receiver, timeout=SHORT)
        with pytest.raises(MailUnsure, match="no end within"):
            ops.send(a_mail(), ignore)
        with pytest.raises(MailDeferred, match="has not ended yet"):
            ops.send(a_mail(), ignore)
        receiver.release.set()
        ops._left.join()
        ops.send(a_mail(), ignore)

    assert len(receiver.taken) == 2


@pytest.mark.parametrize("url", ["nonsense", "slack://", "nowhere://a/b"])
def test_an_address_nobody_knows_stops_the_start(url):
    """What Apprise cannot use is named by its channel, and not quoted."""
    with pytest.raises(ConfigError) as caught:
        AppriseChannel("ops", url, SLOW)

    assert str(caught.value).startswith("channels.ops.apprise: is no address that Apprise knows")
    assert url not in str(caught.value)


def test_config_check_names_each_with_its_line(tmp_path, capsys):
    """All addresses Apprise cannot use are named at once, with file, line and key."""
    path = tmp_path / "config.yaml"
    path.write_text(
        "channels:\n  good: {apprise: 'json://127.0.0.1'}\n  ops:\n    apprise: nonsense\n"
        "  other: {apprise: 'slack://'}\n",
        "utf-8",
    )

    with pytest.raises(SystemExit) as ended:
        main(["config", "check", "--config", str(path)])

    told = capsys.readouterr().err
    what = "is no address that Apprise knows; https://appriseit.com lists them"
    assert ended.value.code == 2
    assert f"{path}:4: channels.ops.apprise: {what}" in told
    assert f"{path}:5: channels.other.apprise: {what}" in told
    assert "good" not in told


def test_a_channel_that_is_gone_is_refused():
    """A delivery to a channel that was taken out of the configuration ends, and says why."""
    with pytest.raises(MailRefused, match="no channel is called 'ops'"):
        Ways(None, {}).send(a_mail(), ignore)


@pytest.mark.parametrize(
    "url",
    [
        "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/",
        "tgram://123456789:abcdefg_hijklmnop/12315544/",
        "dingtalk://a6e9f0b8c7d6e5f4a3b2c1d0e9f8a7b6/",
        "feishu://c8f3a1d2-3b4c-4d5e-9f60-718293a4b5c6/",
        "wecombot://693axxx6-7aoc-4bc4-97a0-0ec2sifa5aaa",
        "workflow://host.example:443/643fd4c1d5594a4ba5bd8f28/WorkflowSignature/",
        "discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js",
    ],
)
def test_the_services_that_are_promised_are_known(url):
    """Slack, Telegram, DingTalk, Feishu, WeCom, Teams and Discord open, with room for a story."""
    ops = AppriseChannel("ops", url, SLOW)
    _, text = ops._words(a_mail(*[hit(number) for number in range(1, 200)]))

    assert 200 < len(text.encode()) <= min(ops._service.body_maxlen, 3500)
    assert "more, in the mail" in text
