"""The checkout as a whole: locks that name no host, explained targets, scripts that stop."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent
LOCKS = (
    "requirements.lock",
    "requirements-image.lock",
    "requirements-dev.lock",
    "requirements-build.lock",
    "requirements-bench.lock",
    "requirements-docs.lock",
    "requirements-release.lock",
    "requirements-sbom.lock",
)
PIN = re.compile(r"^([a-z0-9][a-z0-9-]*)==(\S+)", re.MULTILINE)
HOST = re.compile(r"(https?://|--(extra-)?index-url|--find-links|--trusted-host|file:)")
# Where one person's or one machine's files are: of no meaning to anybody else.
MACHINE_PATH = re.compile(r"(?<![\w.$/-])/(home|Users|work|root)/[\w.-]+")


def pins(lock):
    return dict(PIN.findall((ROOT / lock).read_text(encoding="utf-8")))


def tracked():
    """Return the text files that git knows, those not yet committed included."""
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    files = [ROOT / name for name in listed.split("\0") if name]
    return [file for file in files if file.is_file() and b"\0" not in file.read_bytes()]


def targets():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (phony,) = re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    return phony.split()


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_names_no_host(lock):
    """A lock file works with whatever package index a machine is set up for."""
    assert HOST.findall((ROOT / lock).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_pins_with_hashes(lock):
    """Every pinned package is checked against hashes of its files."""
    text = (ROOT / lock).read_text(encoding="utf-8")
    blocks = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)
    assert [block[:60] for block in blocks if PIN.match(block) and "sha256:" not in block] == []


def test_locks_agree():
    """Tests run on the very versions that are shipped."""
    shipped, tested = pins("requirements.lock"), pins("requirements-dev.lock")
    assert {name: tested.get(name) for name in shipped} == shipped


def test_lock_covers_every_dependency():
    """A dependency that is declared is locked: nobody forgets `make lock`."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = {re.split(r"[^a-z0-9-]", wanted)[0] for wanted in project["dependencies"]}
    assert names - set(pins("requirements.lock")) == set()


def test_no_file_names_a_machine():
    """No file tells where one person keeps things: a checkout works anywhere."""
    found = {}
    for file in tracked():
        if file.name == Path(__file__).name:
            continue
        hits = MACHINE_PATH.findall(file.read_text(encoding="utf-8", errors="replace"))
        if hits:
            found[str(file.relative_to(ROOT))] = hits
    assert found == {}


def test_help_lists_every_target():
    """`make` alone tells what there is; a target that is not explained does not exist."""
    make = shutil.which("make")
    if make is None:
        pytest.skip("make is not installed")
    shown = subprocess.run(
        [make, "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert [line.split()[1] for line in shown.splitlines()] == targets()


def test_documents_name_only_real_targets():
    """A `make something` in the documents or the workflow is a target that exists."""
    named = {}
    documents = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob(".github/**/*.*")]
    for document in documents:
        text = document.read_text(encoding="utf-8")
        for target in re.findall(r"(?:`|^\s*|run: |\$ )make ([a-z]+)", text, re.MULTILINE):
            named.setdefault(target, document.name)
    assert {target: place for target, place in named.items() if target not in targets()} == {}


@pytest.mark.parametrize(
    "script", sorted(p for p in ROOT.glob(".ci/**/*") if p.is_file() and not p.suffix)
)
def test_scripts_stop_at_the_first_failure(script):
    """Every script can be executed, and none goes on after a command has failed."""
    text = script.read_text(encoding="utf-8")
    assert text.startswith("#!/usr/bin/env bash\n")
    assert "\nset -euo pipefail\n" in text
    assert script.stat().st_mode & 0o111
    subprocess.run(["bash", "-n", str(script)], check=True)


def test_image_and_compose_file_agree():
    """The compose file mounts its volume and configuration where the image looks for them."""
    service = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"]
    places = {volume.split(":")[1] for volume in service["monitor"]["volumes"]}
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    (volume,) = re.findall(r"^VOLUME (\S+)$", dockerfile, re.MULTILINE)
    (configuration,) = re.findall(r"MONITOR_CONFIG=(\S+)", dockerfile)
    assert places == {volume, configuration}


def test_compose_file_grants_nothing():
    """The service is confined: no capability, no way to gain one, no writable root, bounds."""
    service = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"]
    monitor = service["monitor"]
    assert monitor["cap_drop"] == ["ALL"]
    assert monitor["read_only"] is True
    assert "no-new-privileges:true" in monitor["security_opt"]
    assert {"mem_limit", "pids_limit", "stop_grace_period"} <= set(monitor)


def test_python_versions_agree():
    """The versions that are promised are the ones the workflow tests."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    promised = [c.rpartition(" ")[2] for c in project["classifiers"] if ":: 3." in c]
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yaml").read_text(encoding="utf-8"))
    assert workflow["jobs"]["test"]["strategy"]["matrix"]["python"] == promised


# --- releases ------------------------------------------------------------------------------------


def notes(tag, changelog):
    """Run the script that takes the notes of a release, on a checkout with this changelog."""
    script = (ROOT / ".ci/notes.py").read_text("utf-8").rpartition("if __name__")[0]
    names = {"__file__": str(ROOT / ".ci/notes.py"), "__name__": "notes"}
    exec(script, names)  # noqa: S102 - a script of ours, which is no module
    return names["notes"](tag, "1.2.0", changelog)


def test_a_release_says_what_changed():
    """The notes are the changelog's part on that version; what is not ready is refused with why."""
    parts = (
        "# Changelog\n\n## [1.2.0] - 2026-12-01\n\n- New.\n\n## [1.1.0] - 2026-01-01\n\n- Old.\n"
    )

    assert notes("v1.2.0", parts) == "- New."
    for tag, changelog, why in (
        ("v1.3.0", parts, "the program is 1.2.0"),
        ("v1.2.0", parts.replace("2026-12-01", "unreleased"), "the day of the release"),
        ("v1.2.0", "# Changelog\n", "no part on 1.2.0"),
    ):
        with pytest.raises(SystemExit, match=why):
            notes(tag, changelog)


def test_actions_are_named_by_commit():
    """No workflow runs what a tag of somebody else's may become; each commit says its version."""
    used = [
        line.split("uses:")[1].strip()
        for path in (ROOT / ".github/workflows").glob("*.yaml")
        for line in path.read_text("utf-8").splitlines()
        if "uses:" in line
    ]

    assert len(used) > 10
    assert [it for it in used if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v[\d.]+", it)] == []


def test_workflows_call_targets_that_exist():
    """What the workflows call of make is there."""
    called = {
        target
        for path in (ROOT / ".github/workflows").glob("*.yaml")
        for target in re.findall(r"(?:run: |^ +)make (\w+)", path.read_text("utf-8"), re.MULTILINE)
    }
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))

    assert called >= {"lint", "test", "demo", "site", "dist", "container"}
    assert called <= targets
