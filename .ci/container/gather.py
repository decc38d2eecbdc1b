"""Gather what a program needs to run into a folder that becomes the whole image: nothing else.

Usage: gather.py FOLDER PATH...

* A file comes with the shared libraries it names, a folder with all in it, a link with its target.
* Of the standard library and of packages, what only developers use is left out (`LEFT_OUT`).
* What Debian packages brought is listed in var/lib/dpkg/status.d, where scanners for known
  weaknesses look for it, with its licences in usr/share/doc.
"""

# ruff: noqa: INP001, S603, S607, T201 - a script of the build: it prints, and runs Debian's programs
from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

# What nothing here imports or asks for; `inside.py` notices if that changes.
LEFT_OUT: Final = re.compile(
    # Of the standard library: its tests, Tk, pip's maker, and what is for somebody at a keyboard.
    r"/python3[.\d]*/(test|idlelib|tkinter|turtledemo|ensurepip|pydoc_data|venv|_pyrepl|config-[^/]+)(/|$)"
    r"|/python3[.\d]*/lib-dynload/(_tkinter|_test|_dbm|_gdbm|_curses|readline)"
    r"|^/usr(/local)?/lib/python3[^/]*/((site|dist)-packages|sitecustomize\.py|EXTERNALLY-MANAGED)(/|$)"
    # Of all packages: tests, and sources of what is compiled.
    r"|/site-packages/(.+/)?(tests?|testing)(/|$)"
    r"|/site-packages/.+\.(c|cpp|h|hpp|proto|pxd|pxi|pyi|pyx)$"
    # Languages that messages and names of days could be in (41 MB): ours are in templates.
    r"|/site-packages/(holidays/locale|apprise/i18n/..(_..)?)(/|$)"
    r"|/site-packages/babel/locale-data/(?!(root|en|zh)\.)"
    # XML as Python objects (3 MB), pydantic before version 2, messages of Google's services.
    r"|/site-packages/lxml/(objectify|isoschematron)"
    r"|/site-packages/(pydantic/v1|google/(api|cloud|gapic|logging|longrunning|type))(/|$)"
    # Bytecode of 250 countries, of which a service reads a few.
    r"|/site-packages/holidays/countries/__pycache__(/|$)"
    r"|/opt/monitor/(include|share)(/|$)"
    r"|/opt/monitor/bin/(?!(monitor|python[.\d]*|pg_dump|pg_restore|psql)$)"
)


def libraries(file: Path) -> list[Path]:
    """Return the shared libraries that *file* is loaded with, by the loader's own word."""
    with file.open("rb") as opened:
        if opened.read(4) != b"\x7fELF":
            return []
    said = subprocess.run(["ldd", file], capture_output=True, text=True, check=False).stdout
    if "not found" in said:
        sys.exit(f"{file} lacks a library:\n{said}")
    return [Path(path) for path in re.findall(r"(?:=> |^\s*)(/\S+) \(0x", said, re.MULTILINE)]


def gather(root: Path, wanted: list[Path]) -> set[Path]:
    """Copy *wanted* below *root*, at the same places; return the paths that were copied."""
    taken: set[Path] = set()
    waiting = list(wanted)
    while waiting:
        path = waiting.pop()
        # A link on the way, such as /lib, is made again, and the way goes on behind it.
        link = next((it for it in [*reversed(path.parents), path] if it.is_symlink()), None)
        if link is not None:
            waiting.append(link.parent / link.readlink() / path.relative_to(link))
            path = link
        if path in taken or LEFT_OUT.search(str(path)):
            continue
        taken.add(path)
        path = Path(re.sub(r"/[^/]+/\.\.(?=/|$)", "", str(path)))
        copy = root / path.relative_to("/")
        if path.is_dir() and not path.is_symlink():
            copy.mkdir(parents=True, exist_ok=True)
            waiting += path.iterdir()
            continue
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, copy, follow_symlinks=False)
        if not path.is_symlink():
            waiting += libraries(path)
    return taken


def list_packages(root: Path, taken: set[Path]) -> int:
    """Write down which of Debian's packages *taken* came from; return how many."""
    real = {str(path.resolve()) for path in taken if not path.is_dir()}
    used = set()
    for listed in Path("/var/lib/dpkg/info").glob("*.list"):
        files = (Path(line) for line in listed.read_text("utf-8").splitlines())
        if any(str(it.parent.resolve() / it.name) in real for it in files):
            used.add(listed.stem.partition(":")[0])
    status = root / "var/lib/dpkg/status.d"
    status.mkdir(parents=True)
    for stanza in Path("/var/lib/dpkg/status").read_text("utf-8").split("\n\n"):
        name = stanza.partition("\n")[0].removeprefix("Package: ")
        if name in used:
            (status / name).write_text(f"{stanza}\n", "utf-8")
            licence = Path("/usr/share/doc", name, "copyright")
            if licence.exists():
                copy = root / licence.relative_to("/")
                copy.parent.mkdir(parents=True)
                shutil.copy(licence, copy)
    return len(used)


def main() -> None:
    """Gather, and say how much it is."""
    root, *paths = map(Path, sys.argv[1:])
    taken = gather(root, paths)
    packages = list_packages(root, taken)
    size = sum(it.stat().st_size for it in root.rglob("*") if it.is_file() and not it.is_symlink())
    print(f"gathered {size / 1e6:.0f} MB, parts of {packages} packages of Debian among it")


if __name__ == "__main__":
    main()
