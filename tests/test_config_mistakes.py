"""What an operator is told: each mistake with its place, its key path and what to do."""

from pathlib import Path

import pytest
import yaml

from monitor.config import load
from monitor.errors import ConfigError

DATA = Path(__file__).with_name("data") / "config"
CASES = yaml.safe_load((DATA / "mistakes.yaml").read_text("utf-8"))

WRONG = {
    "unknown-key": 'unknown-key.yaml:3: feeds[0].intervall: unknown key; did you mean "interval"?',
    "bad-zone": (
        "bad-zone.yaml:5: subscriptions[0].timezone: "
        'names no time zone: "Asia/Hongkong"; did you mean "Asia/Hong_Kong"?'
    ),
    "duplicate-feed": "duplicate-feed.yaml:4: feeds[2].url: is the same address as in line 2",
    "unreadable-pattern": (
        "unreadable-pattern.yaml:7: companies[1].aliases[1].text: "
        '"京东 ..." is empty on a side of "..."'
    ),
    "missing-secret": (
        "missing-secret.yaml:5: delivery.smtp.password: "
        "needs the environment variable MAIL_PASSWORD, which is not set"
    ),
    "bad-url": (
        "bad-url.yaml:2: feeds[0].url: must start with http:// or https://, not file://\n"
        "bad-url.yaml:3: feeds[1].url: names no host"
    ),
    "bad-duration": (
        "bad-duration.yaml:2: polling.interval: "
        'must be a duration such as 45s, 15m, 2h or 30d, not "15 minutes"\n'
        "bad-duration.yaml:3: polling.timeout: needs a unit: 60s, 60m, 60h or 60d"
    ),
}


def message_of(path, environ):
    with pytest.raises(ConfigError) as caught:
        load(path, environ)
    return str(caught.value).replace(f"{path.parent}/", "")


@pytest.mark.parametrize("name", WRONG)
def test_each_kind_of_wrong_file_says_what_where_and_what_instead(name):
    """The seven common mistakes are told in exactly these words."""
    assert message_of(DATA / "wrong" / f"{name}.yaml", {}) == WRONG[name]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_every_mistake_is_named_once_and_in_order(case, tmp_path):
    """A file gives exactly the mistakes the table says: none is hidden, none is doubled."""
    path = tmp_path / "config.yaml"
    path.write_text(case["text"], "utf-8")

    assert message_of(path, case.get("environ", {})) == "\n".join(case["mistakes"])


def test_no_file_says_how_to_make_one(tmp_path):
    """Who starts without a configuration is told which example to copy."""
    message = message_of(tmp_path / "config.yaml", {})

    assert message.startswith("config.yaml: no such file; start from the commented example: cp ")


def test_a_folder_is_no_file(tmp_path):
    """A path that is something else says so."""
    assert message_of(tmp_path, {}).endswith("cannot be read: Is a directory")


@pytest.mark.parametrize(
    "content", [b"topics: [ipo]\n# caf\xe9\n", "topics: [ipo]".encode("utf-16")]
)
def test_another_encoding_is_named_with_its_line(content, tmp_path):
    """A file in Latin-1 or UTF-16 is refused, not guessed at."""
    path = tmp_path / "config.yaml"
    path.write_bytes(content)
    line = 2 if content.startswith(b"topics") else 1

    expected = f"config.yaml:{line}: is not UTF-8; save the file in that encoding"
    assert message_of(path, {}) == expected


def test_a_few_lines_cannot_stand_for_gigabytes(tmp_path):
    """Aliases within aliases end in one mistake, soon and in little memory."""
    path = tmp_path / "config.yaml"
    rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    rows += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    path.write_text("\n".join(rows))

    message = message_of(path, {})

    assert message.count("the file stands for more than 200000 values") == 1


def test_a_value_that_holds_itself_is_refused(tmp_path):
    """A recursive alias ends in a mistake, not in endless recursion."""
    path = tmp_path / "config.yaml"
    path.write_text("topics: &all [*all]\n")

    assert "is nested too deeply" in message_of(path, {})


@pytest.mark.parametrize("content", [b"\n", b"\xff", None])
def test_a_secret_file_must_hold_text(content, tmp_path):
    """A secret file that is empty, not text or a folder is named, and nothing of what it holds."""
    secret = tmp_path / "secret"
    secret.mkdir() if content is None else secret.write_bytes(content)
    path = tmp_path / "config.yaml"
    path.write_text(f"database_file: {secret}\n")
    reason = {b"\n": "is empty", b"\xff": "is not UTF-8 text"}.get(
        content, "cannot be read: Is a directory"
    )

    assert message_of(path, {}) == f"config.yaml:1: database_file: names secret, which {reason}"


def test_authorities_must_be_certificates(tmp_path):
    """A `ca_file` that holds something else is found at the start, not at the first mail."""
    (tmp_path / "ca.pem").write_text("not a certificate")
    path = tmp_path / "config.yaml"
    path.write_text(f"delivery: {{smtp: {{host: mail, ca_file: {tmp_path}/ca.pem}}}}\n")

    expected = "config.yaml:1: delivery.smtp.ca_file: names a file without a PEM certificate"
    assert message_of(path, {}) == expected
