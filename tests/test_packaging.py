"""What is built from the checkout works without it: data files, types and licence travel along."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    # Out of the project's folder and without an index: what is needed to build is installed.
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check"]
    command += ["--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(folder)]
    subprocess.run([*command, str(ROOT)], cwd=folder, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def packed(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return frozenset(archive.namelist())


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """A folder with the wheel's files, which hides the checkout from a fresh interpreter."""
    folder = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def run(installed, cwd, *arguments):
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def tracked(folder):
    """Return the files git knows in *folder*, relative to it; what is ignored is not shipped."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others"]
    command += ["--exclude-standard", "--", folder]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    names = [name for name in listed.split("\0") if name and (ROOT / name).is_file()]
    return [name.removeprefix(f"{folder}/") for name in names]


@pytest.mark.parametrize(
    ("folder", "inside"),
    [
        ("templates", "monitor/_shipped/templates"),
        ("migrations", "monitor/_shipped/migrations"),
        ("config.yaml", "monitor/_shipped"),
        ("monitor", "monitor"),
    ],
)
def test_wheel_holds_every_file(packed, folder, inside):
    """Every file of the checkout that the program reads is in the wheel, in its place."""
    names = tracked(folder)
    assert names
    assert [name for name in names if f"{inside}/{name}" not in packed] == []


def test_wheel_tells_type_checkers(packed):
    """The wheel carries the marker that its types may be relied on (PEP 561)."""
    assert "monitor/py.typed" in packed


def test_wheel_carries_the_licence(packed):
    """The licence goes wherever the code goes."""
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in packed)


def test_wheel_holds_nothing_else(packed):
    """No test, database, mail or secret of a developer's checkout ends in the wheel."""
    tops = {name.split("/")[0] for name in packed}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"monitor"}
    endings = (".db", ".eml", ".pyc", ".lock")
    assert [name for name in packed if name.endswith(endings)] == []


def test_installed_files_are_found(installed, tmp_path):
    """Installed without a checkout, the program finds its own copies of what it ships."""
    script = (
        "from monitor.resources import lexicon_folder, shipped\n"
        "for name in ('templates', 'migrations', 'config.yaml'): print(shipped(name))\n"
        "print(lexicon_folder())\n"
    )
    places = [Path(line) for line in run(installed, tmp_path, "-c", script).splitlines()]
    assert all(place.is_relative_to(installed) and place.exists() for place in places)
    assert list(places[-1].rglob("*.yaml"))


def test_installed_program_migrates_a_database(installed, tmp_path):
    """`monitor db upgrade` works from the wheel, in a folder that holds nothing but it."""
    (tmp_path / "config.yaml").write_bytes((ROOT / "config.yaml").read_bytes())
    run(installed, tmp_path, "-m", "monitor", "db", "upgrade")
    assert (tmp_path / "monitor.db").stat().st_size > 0


def test_installed_program_accepts_its_sample_configuration(installed, tmp_path):
    """The configuration that is shipped as an example is valid where it is installed."""
    sample = installed / "monitor" / "_shipped" / "config.yaml"
    run(installed, tmp_path, "-m", "monitor", "config", "check", "--config", str(sample))
