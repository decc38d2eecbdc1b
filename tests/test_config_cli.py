"""`monitor config`: what it prints, and that nothing secret is in it."""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from monitor.cli import config as verb
from monitor.config import load
from monitor.config.marks import read
from monitor.errors import ConfigError

DATA = Path(__file__).with_name("data") / "config"
SECRETS = {
    "MAIL_PASSWORD": "open sesame",
    "DATABASE_PASSWORD": "hunter2",
    "CHAT_URL": "json://chat",
    "HOOK_PATH": "T0KEN",
    "HOOK_SECRET": "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz",
}


def run(*arguments):
    root = argparse.ArgumentParser()
    verb.add(root.add_subparsers(required=True))
    args = root.parse_args(["config", *arguments])
    return args.work(args)


def test_check_says_what_is_set_in_a_line_each(capsys):
    """A good file ends in 0 and a summary an operator can compare with what they meant."""
    path = DATA / "minimal.yaml"

    assert run("check", "--config", str(path)) == 0
    assert capsys.readouterr().out == (
        f"{path}: no mistakes\n"
        "  companies      6: Alibaba, Ant Group, Tencent, Xiaomi, Huawei, Baidu\n"
        "  topics         3: Antitrust, IPO, Listing\n"
        "  feeds          1\n"
        "  subscription   daily: at 07:30 Asia/Hong_Kong, to desk@example.com\n"
        "  delivery       into the folder outbox, as .eml and .html files\n"
        "  web            no pages served; mails link to no page\n"
        "  database       sqlite:///monitor.db\n"
        "  polling        every 15m, 32 at once, at most 1m each\n"
        "  network        public addresses only\n"
        "  logging        info, auto\n"
    )


def test_check_raises_all_mistakes():
    """A wrong file is a ConfigError, which the command prints to stderr with exit code 2."""
    with pytest.raises(ConfigError, match="is the same address as in line 2"):
        run("check", "--config", str(DATA / "wrong" / "duplicate-feed.yaml"))


@pytest.fixture
def in_full_environment():
    """Run `monitor config` as a process of its own, whose variables hold the passwords."""
    code = (
        "import argparse; from monitor.cli import config\n"
        "root = argparse.ArgumentParser(); config.add(root.add_subparsers())\n"
        "args = root.parse_args(); raise SystemExit(args.work(args))"
    )

    def call(*arguments):
        return subprocess.run(
            [sys.executable, "-c", code, "config", *arguments],
            env=os.environ | SECRETS,
            capture_output=True,
            check=True,
            encoding="utf-8",
        ).stdout

    return call


def test_show_is_a_file_without_its_secrets(in_full_environment, tmp_path):
    """What is in force can be read, and used again once the passwords are put in."""
    shown = in_full_environment("show", "--config", str(DATA / "full.yaml"))

    assert not any(secret in shown for secret in SECRETS.values())
    settings = read(shown.encode()).data
    assert settings["database"] == "postgresql+psycopg://monitor:***@db.example.com/monitor"
    assert settings["polling"]["interval"] == "1h"
    again = tmp_path / "again.yaml"
    # A placeholder for a key would sign, and nobody would believe it.
    assert settings["channels"]["desk-system"]["webhook"] == "https://desk.example.com/***"
    written = shown.replace(f"'{'*' * 10}'", SECRETS["HOOK_SECRET"])
    assert written != shown
    again.write_text(written, "utf-8")
    first, second = load(DATA / "full.yaml", SECRETS), load(again, {})
    assert second.model_feeds() == first.model_feeds()
    assert second.model_subscriptions() == first.model_subscriptions()
    assert second.lexicon == first.lexicon
    assert second.polling == first.polling


def test_the_summary_of_a_full_file_has_no_secrets(in_full_environment):
    """Neither does `check` print a password."""
    said = in_full_environment("check", "--config", str(DATA / "full.yaml"))

    assert not any(secret in said for secret in SECRETS.values())
    assert "by SMTP to smtp.example.com:4650, tls, as desk" in said
    assert "quick: every 15m, to first@example.com, second@example.com, ops, desk-system" in said
    assert "2, 1 of them switched off" in said


def test_check_fills_templates(tmp_path):
    """A template that would stop the start is named when checking."""
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "entry.html.j2").write_text("{{ entry.nothing.such }}", "utf-8")
    path = tmp_path / "config.yaml"
    path.write_text(
        "subscriptions:\n  - name: daily\n    to: [a@example.com]\n    at: '07:30'\n"
        f"    templates: {tmp_path / 'own'}\n",
        "utf-8",
    )

    with pytest.raises(ConfigError, match=r"subscriptions\[0\]\.templates: .*entry\.html\.j2"):
        run("check", "--config", str(path))


def test_schema_is_json_schema(capsys):
    """Editors get the draft they expect, closed for unknown keys and with a word on each key."""
    assert run("schema") == 0
    schema = json.loads(capsys.readouterr().out)

    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    models = [schema, *(part for part in schema["$defs"].values() if "properties" in part)]
    assert all(model["additionalProperties"] is False for model in models)
    keys = {name: key for model in models for name, key in model["properties"].items()}
    assert [name for name, key in keys.items() if not {"description", "$ref"} & key.keys()] == []
    assert keys["timeout"]["default"] == "60s"
    assert keys["port"]["maximum"] == 65535
