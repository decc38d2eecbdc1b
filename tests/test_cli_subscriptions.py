"""`monitor subscriptions`: taking people off and back."""

import json

import pytest
from websites import CONFIG

from monitor.cli import main


@pytest.fixture
def monitor(tmp_path, capsys, empty_database):
    """Return a function that runs the command and returns exit code, output and errors."""
    path = tmp_path / "config.yaml"
    web = "login: 7d"
    path.write_text(CONFIG.format(database=empty_database, folder=tmp_path, web=web), "utf-8")

    def run(*arguments):
        with pytest.raises(SystemExit) as end:
            main([*arguments, "--config", str(path)])
        told = capsys.readouterr()
        return end.value.code, told.out, told.err

    run("db", "upgrade")
    return run


def listed(monitor):
    return [json.loads(line) for line in monitor("subscriptions")[1].splitlines()]


def test_off_and_back(monitor):
    """Who is taken off is told as such, until somebody takes them back."""
    assert [row["state"] for row in listed(monitor)] == ["gets it"] * 3

    code, said, _ = monitor("subscriptions", "leave", "daily", "DESK@example.com")
    assert (code, said) == (0, "DESK@example.com gets nothing more of daily\n")
    row = listed(monitor)[0]
    assert (row["recipient"], row["state"], row["by"]) == ("desk@example.com", "left", "operator")
    assert row["since"]
    assert [it["state"] for it in listed(monitor)[1:]] == ["gets it"] * 2

    code, said, _ = monitor("subscriptions", "allow", "daily", "desk@example.com")
    assert (code, said) == (0, "desk@example.com gets daily again, from the next digest on\n")
    assert [row["state"] for row in listed(monitor)] == ["gets it"] * 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("leave", "weekly", "desk@example.com"), "no subscription is called 'weekly'"),
        (("leave", "daily", "else@example.com"), "is not among the recipients of daily"),
        (("allow", "daily", "desk@example.com"), "has not left 'daily'"),
    ],
)
def test_mistakes(monitor, arguments, said):
    """A name that does not exist is told, and nothing is changed."""
    code, _, errors = monitor("subscriptions", *arguments)
    assert (code, said in errors) == (2, True)
    assert [row["state"] for row in listed(monitor)] == ["gets it"] * 3
