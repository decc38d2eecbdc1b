"""A throwaway PostgreSQL: no network port, no service, works for root, which initdb refuses."""

import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

import psycopg


def find_programs():
    """Return the folder with initdb and pg_ctl of the newest PostgreSQL here, or None."""
    on_path = shutil.which("initdb")
    if on_path and Path(on_path).with_name("pg_ctl").exists():
        return Path(on_path).parent
    installed = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    newest = max(installed, key=lambda path: int(path.parts[-3]), default=None)
    return newest.parent if newest else None


class Cluster:
    """A cluster on a Unix socket in a folder of its own, with *settings*; a context manager."""

    def __init__(self, programs, **settings):
        self.programs, self.settings = programs, settings
        # A short path: that of a Unix socket may have at most 107 bytes.
        self.folder = Path(tempfile.mkdtemp(prefix="pg", dir="/tmp"))
        self.user = None
        if os.geteuid() == 0:
            accounts = {entry.pw_name for entry in pwd.getpwall()}
            self.user = next(name for name in ("postgres", "nobody") if name in accounts)
            shutil.chown(self.folder, self.user)
        self.numbers = itertools.count(1)

    def _run(self, program, *options):
        subprocess.run(
            [self.programs / program, "-D", self.folder / "data", *options],
            check=True,
            user=self.user,
            cwd=self.folder,
            env={"PATH": f"{self.programs}:/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
            stdout=subprocess.DEVNULL,
        )

    def __enter__(self):
        self._run(
            "initdb", "-U", "test", "-A", "trust", "-E", "UTF8", "--no-sync", "--locale=C.UTF-8"
        )
        settings = {
            "listen_addresses": "''",
            "unix_socket_directories": f"'{self.folder}'",
            "fsync": "off",
            "synchronous_commit": "off",
            "full_page_writes": "off",
            "shared_buffers": "32MB",
            "autovacuum": "off",
            **self.settings,
        }
        options = " ".join(f"-c {name}={value}" for name, value in settings.items())
        self._run("pg_ctl", "-l", self.folder / "log", "-o", options, "-w", "start")
        return self

    def __exit__(self, *_):
        self._run("pg_ctl", "-m", "immediate", "-w", "stop")
        shutil.rmtree(self.folder, ignore_errors=True)

    @contextmanager
    def database(self, template=None):
        """Give the address of a fresh database, a copy of *template* if named; drop it after."""
        name = f"t{next(self.numbers)}"
        where = f"host={self.folder} user=test dbname=postgres"
        with psycopg.connect(where, autocommit=True) as connection:
            copied = f" TEMPLATE {template}" if template else ""
            connection.execute(f"CREATE DATABASE {name}{copied}")
        yield f"postgresql+psycopg://test@/{name}?host={self.folder}"
        with psycopg.connect(where, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
