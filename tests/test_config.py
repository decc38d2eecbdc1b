"""What a configuration amounts to: defaults, conversions, variables, secrets."""

import subprocess
import sys
from datetime import date, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.config import load
from monitor.config.marks import read, scalar, walk_to
from monitor.config.settings import feed_id
from monitor.config.values import read_duration, read_size, without_password, write_duration
from monitor.config.watchlist import bundled_lexicon
from monitor.errors import ConfigError
from monitor.model import Alerting, CatchUp, EmptyDay, Feed, Page, Schedule, Subscription

DATA = Path(__file__).with_name("data") / "config"
PASSWORDS = {
    "MAIL_PASSWORD": "open sesame",
    "DATABASE_PASSWORD": "p@ss",
    "CHAT_URL": "json://chat",
    "HOOK_PATH": "T0KEN",
    "HOOK_SECRET": "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz",
}


@pytest.fixture
def write(tmp_path):
    def write_file(text, name="config.yaml"):
        path = tmp_path / name
        path.write_text(text, "utf-8")
        return path

    return write_file


def test_the_minimal_file_works_as_it_stands():
    """Ten lines are enough: all else has a default that works."""
    config = load(DATA / "minimal.yaml", {})

    key = "feeds-bbci-co-uk-news-business-rss-xml"
    url = "https://feeds.bbci.co.uk/news/business/rss.xml"
    schedule = Schedule(ZoneInfo("Asia/Hong_Kong"), (time(7, 30),))
    assert config.model_feeds() == (Feed(key=key, url=url, name=key),)
    assert config.model_subscriptions() == (Subscription("daily", ("desk@example.com",), schedule),)
    assert config.database_url == "sqlite:///monitor.db"
    assert config.delivery.smtp is None
    assert config.delivery.outbox == "outbox"
    assert config.polling.interval == timedelta(minutes=15)
    assert config.polling.max_bytes == 10_000_000
    assert 1 <= config.polling.workers <= 4
    assert config.network.allow_private == ()
    assert (config.logging.level, config.logging.format) == ("info", "auto")


def test_every_setting_arrives():
    """A file that sets everything gives a configuration in which nothing is a default."""
    config = load(DATA / "full.yaml", PASSWORDS)

    assert config.model_feeds()[1] == Feed(
        key="filings",
        url="https://filings.example.com/atom?of=baidu",
        name="Filings of Baidu",
        language="en",
        interval=timedelta(hours=2),
        terms="free to use",
        company="baidu",
        enabled=False,
        page=Page("ul.news > li", "h3", "h3 a", ".date", "p", "Asia/Shanghai"),
    )
    desk, quick = config.model_subscriptions()
    assert desk == Subscription(
        name="desk",
        recipients=("desk@example.com",),
        schedule=Schedule(ZoneInfo("America/New_York"), (time(7, 30), time(18, 0))),
        companies=("jd",),
        topics=("privacy",),
        languages=("en", "zh-Hans"),
        min_score=0.5,
        filter='amount>1bn OR "record fine"',
        empty=EmptyDay.SKIP,
        stages=desk.stages,
        catch_up=CatchUp.EACH,
        alert=Alerting(
            ("fine", "settlement"), 5, timedelta(days=2), ("jd",), ("privacy",), "NOT rumour"
        ),
    )
    assert {"fine", "appeal"} <= set(desk.stages)
    assert not {"probe", "plan"} & set(desk.stages)
    days = [date(2026, 12, day) for day in (21, 22, 24, 25, 28)]
    assert [desk.schedule.open_on(day) for day in days] == [True, False, True, False, True]
    assert quick.alert == Alerting(("fine", "appeal"), 10, timedelta(days=7))
    assert quick.schedule == Schedule(ZoneInfo("UTC"), every=timedelta(minutes=15))
    assert quick.recipients == ("first@example.com", "second@example.com", "ops", "desk-system")
    ops, hook = config.channels["ops"], config.channels["desk-system"]
    assert (ops.apprise.get_secret_value(), ops.timeout) == ("json://chat", timedelta(seconds=20))
    assert hook.webhook.get_secret_value() == "https://desk.example.com/hooks/T0KEN"
    assert [key.get_secret_value() for key in hook.secret] == [PASSWORDS["HOOK_SECRET"]]
    smtp = config.delivery.smtp
    assert (smtp.host, smtp.port, smtp.security) == ("smtp.example.com", 4650, "tls")
    assert smtp.password.get_secret_value() == "open sesame"
    assert smtp.timeout == timedelta(seconds=30)
    assert config.database_url == "postgresql+psycopg://monitor:p@ss@db.example.com/monitor"
    assert config.polling.max_bytes == 2 * 1024 * 1024
    assert config.polling.user_agent("1.2") == "regulatory-monitor/1.2 (+https://example.com/about)"
    assert config.network.allow_private == ("127.0.0.0/8", "::1/128")
    assert config.logging.format == "json"


def test_a_configuration_cannot_be_changed():
    """What was checked stays as it was checked."""
    config = load(DATA / "minimal.yaml", {})

    with pytest.raises(ValueError, match="frozen"):
        config.polling.workers = 9


def test_companies_in_place_join_the_bundled_ones():
    """The lexicon holds what was asked for, in that order, and nothing else."""
    lexicon = load(DATA / "full.yaml", PASSWORDS).lexicon

    assert [company.key for company in lexicon.companies] == ["baidu", "jd"]
    assert [topic.key for topic in lexicon.topics] == ["ipo", "privacy"]
    assert {term.text for term in lexicon.companies[1].terms} >= {
        "JD.com",
        "京东",
        "JD Group",
        "JD",
    }
    assert lexicon.stages
    assert lexicon.regulators


def test_the_bundled_lexicon_by_itself():
    """Without names it is the default six and three, and the minimal file gives the same."""
    lexicon = bundled_lexicon()

    keys = ["alibaba", "ant", "tencent", "xiaomi", "huawei", "baidu"]
    assert [company.key for company in lexicon.companies] == keys
    assert [topic.key for topic in lexicon.topics] == ["antitrust", "ipo", "listing"]
    assert load(DATA / "minimal.yaml", {}).lexicon == lexicon
    assert [company.key for company in bundled_lexicon(["ant"]).companies] == ["ant"]


def test_a_name_that_is_not_bundled():
    """A misspelt company is an operator's mistake wherever it is named."""
    with pytest.raises(
        ConfigError, match='no bundled company is called "antt"; did you mean "ant"'
    ):
        bundled_lexicon(["antt"])


@pytest.mark.parametrize(("security", "port"), [("starttls", 587), ("tls", 465), ("none", 25)])
def test_the_port_follows_the_security(security, port, write):
    """Who names no port gets the one the standards name."""
    path = write(f"delivery: {{smtp: {{host: mail, security: {security}}}}}\n")

    assert load(path, {}).delivery.smtp.port == port


def test_no_private_networks_may_be_said_as_false(write):
    """`allow_private: false`, the documented default, can be written down."""
    assert load(write("network: {allow_private: false}\n"), {}).network.allow_private == ()


# --- the environment ---------------------------------------------------------------------------


def test_variables_win_over_the_file(write):
    """A variable reaches any depth, and lists as a whole; MONITOR_CONFIG is no setting."""
    path = write("database: sqlite:///a.db\npolling: {interval: 1h, workers: 1}\n")

    config = load(
        path,
        {
            "MONITOR_CONFIG": "elsewhere.yaml",
            "MONITOR_DATABASE": "sqlite:////data/b.db",
            "MONITOR_POLLING__INTERVAL": "30m",
            "MONITOR_DELIVERY__SMTP__HOST": "mail.example.com",
            "MONITOR_DELIVERY__SMTP__PORT": "2525",
            "MONITOR_COMPANIES": "[ant, baidu]",
            "HOME": "/root",
        },
    )

    assert config.database_url == "sqlite:////data/b.db"
    assert config.polling.interval == timedelta(minutes=30)
    assert config.polling.workers == 1
    assert config.delivery.smtp.host == "mail.example.com"
    assert config.delivery.smtp.port == 2525
    assert config.companies == ("ant", "baidu")


@pytest.mark.parametrize("password", ["123456", "p #1: 'x'", "${HOME}", "true", "~"])
def test_a_password_in_a_variable_is_taken_as_it_stands(password, write):
    """Nothing in a variable is read as YAML or searched for variables, so no password is bent."""
    path = write("delivery: {smtp: {host: mail, username: desk, password: other}}\n")

    config = load(path, {"MONITOR_DELIVERY__SMTP__PASSWORD": password, "HOME": "/root"})

    assert config.delivery.smtp.password.get_secret_value() == password


def test_variables_within_texts(write):
    """A text may hold several, what is put in is not searched again, and `$${` is no variable."""
    path = write("feeds:\n  - url: ${HUB}/x?${Q}=$${Q}\n    name: $5 {a} $Q\n")

    [feed] = load(path, {"HUB": "https://hub.example", "Q": "${HUB}"}).model_feeds()

    assert feed.url == "https://hub.example/x?${HUB}=${Q}"
    assert feed.name == "$5 {a} $Q"


def test_secrets_in_files(write):
    """A secret may stand in a file; the line break that editors put at its end does not count."""
    password = write("open sesame \n", "password")
    url = write("postgresql+psycopg://a:b@c/d\r\n", "url")
    path = write(
        f"database_file: {url}\n"
        f"delivery: {{smtp: {{host: mail, username: desk, password_file: {password}}}}}\n"
    )

    config = load(path, {})

    assert config.database_url == "postgresql+psycopg://a:b@c/d"
    assert config.delivery.smtp.password.get_secret_value() == "open sesame "


def test_a_variable_replaces_a_secret_and_its_file(write):
    """A container sets the file's variable over a password in the file, and the other way round."""
    secret = write("from the file", "secret")
    path = write(
        "delivery: {smtp: {host: mail, username: desk, password: old}}\ndatabase_file: /no\n"
    )

    config = load(
        path,
        {
            "MONITOR_DELIVERY__SMTP__PASSWORD_FILE": str(secret),
            "MONITOR_DATABASE": "sqlite:///b.db",
        },
    )

    assert config.delivery.smtp.password.get_secret_value() == "from the file"
    assert config.database_url == "sqlite:///b.db"


def test_secrets_do_not_show():
    """Neither repr nor str of a configuration holds a password."""
    config = load(DATA / "full.yaml", PASSWORDS)

    assert not any(secret in f"{config!r}{config}" for secret in PASSWORDS.values())


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql+psycopg://me:p@ss:w@db/x", "postgresql+psycopg://me:***@db/x"),
        ("postgresql+psycopg://db/x?password=p&a=b", "postgresql+psycopg://db/x?password=***&a=b"),
        ("https://a.example/rss?api_key=p#top", "https://a.example/rss?api_key=***#top"),
        ("https://a.example/rss?monkey=p", "https://a.example/rss?monkey=p"),
        ("sqlite:////data/monitor.db", "sqlite:////data/monitor.db"),
    ],
)
def test_addresses_are_shown_without_passwords(url, shown):
    """What is printed of an address holds no password, key or token."""
    assert without_password(url) == shown


# --- values ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *[("07:30", "07:30"), ("no", "no"), ("on", "on"), ("2026-11-23", "2026-11-23")],
        *[("true", True), ("False", False), ("~", None), ("", None), ("<<", "<<")],
        *[("010", 10), ("0o10", 8), ("0x10", 16), ("-3", -3), ("1_000", "1_000")],
        *[("1.5", 1.5), ("1e3", 1000.0), (".5", 0.5), ("1.2.3", "1.2.3"), ("9988.HK", "9988.HK")],
    ],
)
def test_plain_words_are_read_as_in_yaml_1_2(text, value):
    """No time, country code or date turns into something else behind the operator's back."""
    assert scalar(text) == value
    assert type(scalar(text)) is type(value)


def test_quoted_words_are_text():
    """Quotes keep a number, a switch or nothing as text."""
    assert read(b"[\"1\", 'true', \"\", '~']").data == ["1", "true", "", "~"]


class _Far(list):
    """A list of which only single places may be asked for, as of 10,000 feeds."""

    def __iter__(self):
        raise AssertionError("all of them are looked at")


@pytest.mark.parametrize(
    ("path", "depth", "found"),
    [
        (("feeds", 1, "url"), 3, "b"),
        (("feeds", 1, "id"), 2, {"url": "b"}),
        (("feeds", 2), 1, None),
        (("feeds", "url"), 1, None),
        (("feeds", 0, "url", "x"), 3, "a"),
        (("other",), 0, None),
    ],
)
def test_the_way_to_a_value(path, depth, found):
    """A path is followed as far as it goes, and no other place of a list is looked at."""
    feeds = _Far([{"url": "a"}, {"url": "b"}])
    data = {"feeds": feeds}

    reached, value = walk_to(data, path)

    assert reached == path[:depth]
    if found is None:
        assert value is (feeds if depth else data)
    else:
        assert value == found


def test_values_behind_an_alias_are_read():
    """A list that several entries share may be written once."""
    assert read(b"a: &shared [1]\nb: *shared\n").data == {"a": [1], "b": [1]}


def test_without_filters_the_language_of_queries_is_not_loaded():
    """It costs a start a fiftieth of a second, which only filters and rules are worth."""
    look = (
        "import sys; from monitor.config import load; load(sys.argv[1], {});"
        " print('monitor.query' in sys.modules)"
    )
    command = [sys.executable, "-c", look, str(DATA / "minimal.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_no_file_breaks_the_reader(content):
    """Whatever the file holds, there is data or a mistake, never a traceback."""
    marked = read(content)

    assert marked.mistakes or marked.data is not None or marked.lines


@given(st.integers(1, 999_999), st.sampled_from("smhd"))
def test_durations_read_as_they_were_written(number, unit):
    """`monitor config show` prints durations that the file may hold, in the largest whole unit."""
    duration = read_duration(f"{number}{unit}")

    assert read_duration(write_duration(duration)) == duration


@pytest.mark.parametrize(
    ("text", "size"), [("1", 1), (7, 7), ("50MB", 50_000_000), ("64 KiB", 65536), ("1kB", 1000)]
)
def test_sizes(text, size):
    """Units of 1000 and of 1024 are told apart."""
    assert read_size(text) == size


def test_ids_made_from_addresses_are_short_and_differ():
    """A feed without an id gets one that depends on its address alone."""
    long = "https://news.example.com/rss/search?q=" + "a" * 100

    assert feed_id("https://www.Example.com/feed/") == "example-com-feed"
    assert len(feed_id(long)) <= 67
    assert feed_id(long) != feed_id(long + "b")


def test_full_texts_need_terms(tmp_path):
    """Pages are read only where the settings say what allows it; the mistake has its line."""
    path = tmp_path / "config.yaml"
    path.write_text("feeds:\n  - url: https://a.example/\n    full_text: true\n", "utf-8")
    with pytest.raises(ConfigError) as failed:
        load(path, {})
    [mistake] = failed.value.mistakes
    assert str(mistake).startswith(f"{path}:2: feeds[0]: has `full_text` without `terms`")
    path.write_text(path.read_text("utf-8") + "    terms: open licence\n", "utf-8")
    assert [feed.full_text for feed in load(path, {}).model_feeds()] == [True]
