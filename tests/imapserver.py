"""A real Dovecot on loopback, for tests: no service, no privileges, folders of its own.

    with Dovecot(tls=certificate) as server:
        server.append("desk", message)         # as a mail server delivers it
        ... server.port, server.tls_port ...

Every user has the password "secret". As root the mailboxes belong to `nobody`, since Dovecot serves
none of root's.
"""

import getpass
import imaplib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

PASSWORD = "secret"
CONFIG = """
base_dir = {folder}/run
log_path = {folder}/log
protocols = imap
listen = 127.0.0.1
ssl = yes
ssl_cert = <{folder}/cert.pem
ssl_key = <{folder}/key.pem
default_internal_user = {user}
default_login_user = {user}
default_internal_group = {group}
first_valid_uid = {uid}
last_valid_uid = {uid}
first_valid_gid = {gid}
mail_location = maildir:{folder}/mail/%u
namespace inbox {{
  inbox = yes
}}
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/mail/%u
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
    ssl = yes
  }}
}}
service anvil {{
  chroot =
}}
"""


def find_dovecot():
    """Return the path of Dovecot with IMAP, or None."""
    program = shutil.which("dovecot", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    return program if program and Path("/usr/lib/dovecot/imap").exists() else None


class Dovecot:
    """The server; *tls* is a trustme certificate."""

    def __init__(self, program, tls):
        self.program = program
        self.folder = Path(tempfile.mkdtemp(prefix="imap", dir="/tmp"))
        self.tls = tls
        self.port, self.tls_port = _free_port(), _free_port()

    def __enter__(self):
        owner = "nobody" if os.geteuid() == 0 else getpass.getuser()
        account = pwd.getpwnam(owner)
        uid, gid = account.pw_uid, account.pw_gid
        (self.folder / "mail").mkdir()
        for path in (self.folder, self.folder / "mail"):
            if os.geteuid() == 0:
                os.chown(path, uid, gid)
        self.tls.cert_chain_pems[0].write_to_path(self.folder / "cert.pem")
        self.tls.private_key_pem.write_to_path(self.folder / "key.pem")
        import grp

        text = CONFIG.format(
            folder=self.folder,
            user=owner,
            group=grp.getgrgid(gid).gr_name,
            uid=uid,
            gid=gid,
            port=self.port,
            tls_port=self.tls_port,
            password=PASSWORD,
        )
        (self.folder / "dovecot.conf").write_text(text, "utf-8")
        self.process = subprocess.Popen(
            [self.program, "-F", "-c", self.folder / "dovecot.conf"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        self._await_greeting()
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(20)
        self.process.stderr.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _await_greeting(self):
        for _ in range(600):
            if self.process.poll() is not None:
                raise RuntimeError(f"Dovecot ended: {self.process.stderr.read().decode()}")
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=10) as probe:
                    if probe.recv(4) == b"* OK":
                        return
            except OSError:
                pass
            time.sleep(0.05)
        raise RuntimeError(f"Dovecot does not answer: {(self.folder / 'log').read_text()}")

    @contextmanager
    def log_in(self, user):
        """Give an ordinary client's connection."""
        connection = imaplib.IMAP4("127.0.0.1", self.port, timeout=20)
        try:
            connection.login(user, PASSWORD)
            yield connection
        finally:
            connection.logout()

    def append(self, user, *messages, folder="INBOX"):
        """Put messages into a folder, which is made if need be."""
        with self.log_in(user) as connection:
            if folder != "INBOX":
                connection.create(folder)
            for message in messages:
                status, data = connection.append(folder, None, None, bytes(message))
                assert status == "OK", data

    def number_anew(self, user):
        """Let the numbers of an emptied INBOX begin again, under another UIDVALIDITY."""
        folder = self.folder / "mail" / user
        for path in folder.glob("dovecot*"):
            path.unlink()
        (folder / "dovecot-uidlist").write_text("3 V7 N1\n", "ascii")
        if os.geteuid() == 0:
            os.chown(folder / "dovecot-uidlist", folder.stat().st_uid, folder.stat().st_gid)

    def flags(self, user, folder="INBOX"):
        """Return how many messages there are, and how many were never looked at."""
        with self.log_in(user) as connection:
            connection.select(folder, readonly=True)
            return [len(connection.search(None, what)[1][0].split()) for what in ("ALL", "UNSEEN")]


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
