"""Digests on the web: exactly what was sent, and no more to those who only have the link."""

from datetime import timedelta

import pytest
from sqlalchemy import update
from websites import SLOT, put_digest, website

from monitor.pipeline.deliver import deliver_due
from monitor.pipeline.prune import Retention, prune
from monitor.store import deliveries
from monitor.store import schema as t


@pytest.fixture
def site(tmp_path, empty_database, clock):
    with website(tmp_path, empty_database, clock) as served:
        yield served


def test_a_digest_and_who_was_told(site, clock):
    """Its page shows subject, text, HTML and each recipient with state and mail."""
    put_digest(site.app, "desk@example.com", "李明@example.com", text="纯文本 <b>")
    before = site.ask("/digests/1").text
    assert "waiting" in before
    assert ".eml" not in before

    deliver_due(site.app.store, site.app.mailer, clock)

    page = site.ask("/digests/1").text
    for words in (
        "[Monitor] 阿里巴巴被罚 182 亿元",
        "李明@example.com",
        "state-sent",
        "2026-11-23 07:30",
        "纯文本 &lt;b&gt;",
        "/deliveries/101.eml",
        'src="/digests/1/html"',
    ):
        assert words in page


def test_a_mail_byte_for_byte(site, clock, tmp_path):
    """The file is the very message that was handed over; none is given for one that was not."""
    put_digest(site.app, "desk@example.com")
    assert site.ask("/deliveries/100.eml").status == 404
    deliver_due(site.app.store, site.app.mailer, clock)
    [file] = tmp_path.glob("outbox/*.eml")
    with site.app.store.begin() as connection:
        kept = deliveries.message(connection, 100)

    answer = site.ask("/deliveries/100.eml")

    assert answer.body == kept == file.read_bytes()
    assert answer.headers["Content-Type"] == "message/rfc822"
    assert answer.headers["Content-Disposition"].startswith("attachment")


def test_what_went_to_a_channel(site):
    """A webhook's JSON and a chat's text are given as what they are, and as nothing else."""
    put_digest(site.app, "desk@example.com", "hook", "chat")
    sent = {101: '{"type": "digest", "title": "反垄断"}'.encode(), 102: "反垄断\n\n罚款".encode()}
    with site.app.store.begin() as connection:
        for number, content in sent.items():
            row = t.deliveries.c.id == number
            connection.execute(update(t.deliveries).where(row).values(head=content))

    page = site.ask("/digests/1").text
    assert "/deliveries/100." not in page, "it was not sent yet"
    forms = {101: ("json", "application/json"), 102: ("txt", "text/plain; charset=utf-8")}
    for number, (form, kind) in forms.items():
        assert f'href="/deliveries/{number}.{form}"' in page
        answer = site.ask(f"/deliveries/{number}.{form}")
        assert (answer.body, answer.headers["Content-Type"]) == (sent[number], kind)
        named = f'attachment; filename="delivery-{number}.{form}"'
        assert answer.headers["Content-Disposition"] == named
        for other in {"eml", "json", "txt", "html"} - {form}:
            assert site.ask(f"/deliveries/{number}.{other}").status == 404


def test_what_retention_deleted_says_so(site, clock):
    """Page, frame, mail, link and API tell when the words were deleted, and what is still known."""
    put_digest(site.app, "desk@example.com", token="secret-token")
    deliver_due(site.app.store, site.app.mailer, clock)
    year = timedelta(days=365)
    prune(site.app.store, Retention(digests=year), now=clock.now() + 2 * year)

    words = "This digest was deleted by retention on 2028-11-2"
    page = site.ask("/digests/1")
    assert (page.status, words in page.text, "<iframe" in page.text) == (200, True, False)
    assert ".eml" not in page.text
    assert "desk@example.com" in page.text
    for address in ("/digests/1/html", "/deliveries/100.eml", "/d/secret-token"):
        answer = site.ask(address)
        assert (answer.status, words in answer.text) == (410, True), address
    assert "本期简报已按保留期限于 2028-11-2" in site.ask("/digests/1?lang=zh").text
    told = site.ask("/api/v1/digests/1").data
    assert (told["html"], told["text"], told["deleted_at"][:9]) == ("", "", "2028-11-2")
    assert told["deliveries"][0]["status"] == "sent"


def test_a_mails_link_shows_the_digest_alone(site):
    """Whoever has the link reads the digest, without who else got it; nobody guesses one."""
    token = site.app.links.digest_token("daily", SLOT)
    put_digest(site.app, "李明@example.com", token=token)

    shown = site.ask(f"/d/{token}")

    assert shown.status == 200
    assert "阿里巴巴" in shown.text
    assert "李明" not in shown.text
    assert "sandbox" in shown.headers["Content-Security-Policy"]
    for wrong in (token[:-1], token.swapcase(), "1", "None"):
        assert site.ask(f"/d/{wrong}").status == 404


def test_the_link_in_a_digest_leads_to_it(site, clock):
    """A composed digest names the page it will have, in text and HTML."""
    step = site.app.compose_step
    clock.at = SLOT.replace(hour=8)
    slot = clock.now()
    assert step.compose_now(site.app.subscriptions[0], slot)
    path = "/d/" + site.app.links.digest_token("daily", slot)

    shown = site.ask(path)

    assert shown.status == 200
    assert f'href="http://127.0.0.1{path}"' in shown.text
    assert f"http://127.0.0.1{path}" in site.ask("/digests/1").text


def test_lists_go_back_to_the_first(site):
    """All digests are reached from the newest, fifty at a time, none twice; one list alone too."""
    for number in range(1, 121):
        name = "morning" if number % 3 else "daily"
        put_digest(
            site.app, number=number, subscription=name, slot=SLOT.replace(year=1900 + number)
        )
    seen, address = [], "/digests/"
    while address:
        page = site.ask(address).text
        seen += [
            int(part.split('"')[0])
            for part in page.split('href="/digests/')[1:]
            if part[0].isdigit()
        ]
        older = page.partition('<p class="more"><a href="')[2].partition('"')[0]
        address = older and f"/digests/{older.replace('&amp;', '&')}"
    assert seen == list(range(120, 0, -1))
    alone = site.ask("/digests/?subscription=daily").text
    assert alone.count('<h2><a href="/digests/') == 40


def test_nothing_made_yet(site):
    """An empty archive says so."""
    assert "No digest has been made yet." in site.ask("/digests/").text
