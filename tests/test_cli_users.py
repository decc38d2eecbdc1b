"""`monitor users` and `monitor tokens`: who and what may use the pages and the API."""

import io
import json

import pytest

from monitor.cli import main
from monitor.passwords import matches
from monitor.store import tokens, users
from monitor.store.engine import reading

PASSWORD = "a long enough password"


@pytest.fixture
def run(tmp_path, engine, monkeypatch, capsys):
    """Return a function that runs a command with stdin: its exit code, output and errors."""
    address = engine.url.render_as_string(hide_password=False)
    (tmp_path / "config.yaml").write_text(f"database: {address}\n", "utf-8")
    monkeypatch.chdir(tmp_path)

    def ran(*words, stdin=""):
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        with pytest.raises(SystemExit) as ended:
            main(list(words))
        out, err = capsys.readouterr()
        return ended.value.code, out, err

    return ran


def found(engine, name):
    with reading(engine) as connection:
        return users.find(connection, name)


def test_a_user_comes_and_goes(run, engine):
    """A user is added with a password from stdin, gets another and another role, and is removed."""
    assert run("users", "add", "Ann", "--role", "reviewer", stdin=f"{PASSWORD}\n")[0] == 0
    kept = found(engine, "ann")
    assert matches(kept.password, PASSWORD)
    code, out, _ = run("users", "list", "--format", "json")
    [row] = json.loads(out)
    assert (code, row["name"], row["role"], row["password"]) == (0, "ann", "reviewer", "yes")
    assert PASSWORD not in out
    assert "argon2" not in out

    assert run("users", "password", "ann", stdin="another long password")[0] == 0
    assert matches(found(engine, "ann").password, "another long password")
    assert run("users", "role", "ANN", "admin")[0] == 0
    assert found(engine, "ann").role == "admin"
    assert run("users", "add", "bob", "--no-password")[0] == 0
    assert found(engine, "bob").password is None
    assert run("users", "remove", "ann")[0] == 0
    assert found(engine, "ann") is None


@pytest.mark.parametrize(
    ("words", "stdin", "said"),
    [
        (["add", "ann"], PASSWORD, "there is a user called ann"),
        (["add", "bob"], "short", "a password has 12 to 500 characters"),
        (["add", "bob"], "", "a password has 12 to 500 characters"),
        (["add", "b b"], PASSWORD, "is no name"),
        (["add", "bob", "--role", "chief"], PASSWORD, "invalid choice"),
        (["role", "ann", "chief"], "", "'chief' is none of reader, reviewer, admin"),
        (["role", "bob", "admin"], "", "no user is called bob; there are: ann"),
        (["password", "bob"], PASSWORD, "no user is called bob"),
        (["remove", "bob"], "", "no user is called bob"),
        (["add", "bob", "--password", "x"], "", "unrecognized arguments"),
    ],
)
def test_mistakes_with_users(run, words, stdin, said):
    """What cannot be done is told in a sentence, with exit code 2; a password is no argument."""
    run("users", "add", "ann", stdin=PASSWORD)
    code, _, err = run("users", *words, stdin=stdin)
    assert (code, said in err) == (2, True), err


def test_a_token_comes_and_goes(run):
    """A token is shown once, listed without its secret, ends by itself or is revoked for good."""
    code, out, _ = run("tokens", "add", "Robot", "--scope", "review", "--expires", "90d")
    secret = out.strip()
    assert (code, secret.startswith("monitor_")) == (0, True)
    run("tokens", "add", "other")
    rows = [json.loads(line) for line in run("tokens")[1].splitlines()]
    assert [(row["name"], row["scope"], row["state"]) for row in rows] == [
        ("other", "read", "good"),
        ("robot", "review", "good"),
    ]
    assert secret not in run("tokens")[1]

    assert run("tokens", "revoke", "robot")[0] == 0

    assert "revoked" in run("tokens")[1]
    assert run("tokens", "add", "robot")[0] == 2
    code, _, err = run("tokens", "revoke", "robot")
    assert (code, "no token called robot can be revoked; there are: other" in err) == (2, True)
    assert run("tokens", "add", "third", "--expires", "soon")[0] == 2


def test_a_token_is_good_in_its_time(engine, clock):
    """It is found by its secret until it ends, and by nothing else."""
    with engine.begin() as connection:
        secret = tokens.add(
            connection, "robot", "read", now=clock.now(), expires_at=clock.now().replace(hour=9)
        )
        assert tokens.find(connection, secret, now=clock.now()).name == "robot"
        assert tokens.find(connection, secret + "x", now=clock.now()) is None
        assert tokens.find(connection, secret, now=clock.now().replace(hour=9)) is None
