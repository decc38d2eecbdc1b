"""The folder as mail server: whole files, the same ones however often, or a clear deferral."""

import email
import email.policy
import subprocess
import sys
from textwrap import dedent

import pytest
from mails import SENDER, ignore, mail

from monitor.deliver.folder import FolderMailer
from monitor.deliver.message import build
from monitor.errors import MailDeferred


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_two_files(tmp_path):
    """A mail becomes a message and a page, named for its date and list, in a folder made for it."""
    mailer = FolderMailer(tmp_path / "deep" / "outbox", SENDER)

    mailer.send(mail(), ignore)

    eml, html = mailer.path_of(mail(), ".eml"), mailer.path_of(mail(), ".html")
    assert names(tmp_path / "deep" / "outbox") == sorted([eml.name, html.name])
    assert html.name.startswith("2026-11-23T2330Z-daily-")
    assert eml.read_bytes() == build(mail(), SENDER)
    assert html.read_text("utf-8") == mail().html
    assert mailer.last_html == html
    message = email.message_from_bytes(eml.read_bytes(), policy=email.policy.default)
    assert message["To"] == "reader@example.com"


def test_the_same_mail_again(tmp_path):
    """Handing the same mail over again leaves the same two files."""
    mailer = FolderMailer(tmp_path, SENDER)
    mailer.send(mail(), ignore)
    first = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    FolderMailer(tmp_path, SENDER).send(mail(), ignore)

    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == first


def test_other_mails_have_other_files(tmp_path):
    """Two recipients of one digest get files of their own, whatever the list is called."""
    mailer = FolderMailer(tmp_path, SENDER)

    for number, name in enumerate(("daily", "日报", "../../etc/passwd", "日报")):
        mailer.send(mail(message_id=f"<{number}@desk.example>", list_name=name), ignore)

    assert len(names(tmp_path)) == 8


def test_no_folder_can_be_made(tmp_path):
    """Where the folder cannot be, the mail is deferred and the path is named."""
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    mailer = FolderMailer(tmp_path / "file" / "outbox", SENDER)

    with pytest.raises(MailDeferred, match=r"cannot write .*outbox.*: Not a directory"):
        mailer.send(mail(), ignore)


def test_full_disk(tmp_path):
    """When a file cannot be written to its end the mail is deferred, and no part of it stays."""
    program = dedent("""
        import resource, sys
        from mails import SENDER, ignore, mail
        from monitor.deliver.folder import FolderMailer
        from monitor.errors import MailDeferred
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
        mailer = FolderMailer(sys.argv[1], SENDER)
        try:
            mailer.send(mail(html="x" * 10_000), ignore)
        except MailDeferred as error:
            print(error)
        """)
    here = str(__import__("pathlib").Path(__file__).parent)

    done = subprocess.run(
        [sys.executable, "-c", program, tmp_path],
        env={"PYTHONPATH": here},
        capture_output=True,
        text=True,
        check=True,
    )

    assert "cannot write" in done.stdout
    assert "too large" in done.stdout
    assert names(tmp_path) == []
