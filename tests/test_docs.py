"""The documentation, held against the program: what it names exists, what it shows works."""

import argparse
import ast
import json
import re
import tomllib
from pathlib import Path

import pytest
import yaml
from sqlalchemy import inspect, text

from monitor import __version__, model
from monitor.cli import main, parser
from monitor.config import load
from monitor.store import schema as t

TOP = Path(__file__).parents[1]
# The catalogue of feeds is held against the program in test_config_docs.py.
PAGES = sorted([*TOP.glob("*.md"), *TOP.glob("docs/**/*.md"), *TOP.glob(".github/*.md")])
GUIDES = [page for page in PAGES if page != TOP / "docs" / "feeds.md"]
FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
VARIABLES = {
    "IMAP_PASSWORD": "x",
    **dict.fromkeys(("SMTP_PASSWORD", "DATABASE_PASSWORD", "DKIM_KEY"), "x"),
    "SLACK_URL": "slack://a/b/c",
    "HOOK_SECRET": "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz",
    "DESK": "desk@example.com",
}


def read(name):
    return (TOP / name).read_text("utf-8")


def name_of(page):
    return str(page.relative_to(TOP))


def blocks(page, language):
    """Return the fenced blocks of *page* whose first word is *language*, with their other words."""
    found = FENCE.findall(page.read_text("utf-8"))
    return [(info.split()[1:], body) for info, body in found if info.split()[:1] == [language]]


def all_blocks(language):
    return [
        pytest.param(words, body, id=f"{name_of(page)}-{number}")
        for page in GUIDES
        for number, (words, body) in enumerate(blocks(page, language), start=1)
    ]


# --- commands ----------------------------------------------------------------------------------


def commands(root, path=()):
    """Yield each command of the program as its words, with its own parser."""
    yield path, root
    for action in root._actions:
        if isinstance(action, argparse._SubParsersAction):
            for word, child in action.choices.items():
                yield from commands(child, (*path, word))


COMMANDS = dict(commands(parser()))
REFERENCE = read("docs/guide/commands.md")


def options_of(command):
    return {word for action in command._actions for word in action.option_strings}


def actions_of(path):
    """Return the words that may follow a command without a dash, where they are a closed set."""
    return {
        choice
        for action in COMMANDS[path]._actions
        if not action.option_strings and action.choices
        for choice in action.choices
    }


def section(path):
    """Return what the reference says under the heading of a command, and what all share."""
    word = f"monitor {path[0]}" if path else "What all have in common"
    parts = re.split(r"^## ", REFERENCE, flags=re.MULTILINE)[1:]
    common = next(part for part in parts if part.startswith("What all have in common"))
    own = [part for part in parts if f"`{word}`" in part.split("\n")[0] or part.startswith(word)]
    return "\n".join([common, *own])


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_is_in_the_reference(path):
    """Each command, each action and each option has its place under its own heading."""
    if path:
        assert f"`monitor {path[0]}`" in REFERENCE
        assert f"## `monitor {path[0]}" in REFERENCE or f"`monitor {path[0]}`" in section(path)
    said = section(path) if path else REFERENCE
    wanted = {
        f"monitor {' '.join(path)} {action}".replace("  ", " ") for action in actions_of(path)
    }

    assert sorted(name for name in wanted if name not in said) == []
    assert sorted(word for word in options_of(COMMANDS[path]) if f"`{word}" not in said) == []


def shown_commands(page):
    """Return the commands a page shows, in code spans and in blocks that are typed."""
    body = page.read_text("utf-8")
    typed = "\n".join(
        block.replace("\\\n", " ")
        for info, block in FENCE.findall(body)
        if info in {"", "console", "sh"}
    )
    spans = re.findall(r"`([^`\n]+)`", FENCE.sub("", body))
    lines = [*typed.split("\n"), *spans]
    began = re.compile(r"(?:^|[|$] |bin/|-m |exec monitor )monitor ([a-z-][^|>#]*)")
    return [hit[1].split() for line in lines if (hit := began.search(line))]


def is_known(words):
    """Return whether *words* after `monitor` are a command with options and actions it has."""
    path: tuple[str, ...] = ()
    for word in words:
        if (*path, word) not in COMMANDS:
            break
        path = (*path, word)
    rest = words[len(path) :]
    if not path and not rest[0].startswith("-"):
        return False
    if {word for word in rest if word.startswith("--")} - options_of(COMMANDS[path]):
        return False
    actions = actions_of(path)
    return not (rest and actions) or rest[0].startswith("-") or rest[0] in actions


@pytest.mark.parametrize("page", GUIDES, ids=name_of)
def test_every_command_shown_exists(page):
    """Whoever types what a page shows is never told of an unknown command or option."""
    unknown = [" ".join(words) for words in shown_commands(page) if not is_known(words)]

    assert unknown == []


def test_commands_are_looked_for_where_they_are_shown():
    """The documents show enough commands for the test above to mean something."""
    assert sum(len(shown_commands(page)) for page in GUIDES) > 50
    assert not is_known(["approve", "7"])
    assert not is_known(["poll", "--everything"])
    assert not is_known(["db", "destroy"])


def test_every_option_named_exists():
    """An option a guide names alone, in a table or a sentence, is some command's option."""
    known = set().union(*(options_of(command) for command in COMMANDS.values()))
    foreign = {"--build-arg", "--tag", "--format", "--detach", "--now"}  # of container tools
    ours = [*TOP.glob("*.md"), *TOP.glob("docs/guide/*.md")]
    named = {
        option: name_of(page)
        for page in ours
        for option in re.findall(r"`(--[a-z-]+)", page.read_text("utf-8"))
    }

    assert len(named) > 15
    assert {option: page for option, page in named.items() if option not in known | foreign} == {}


# --- configuration -----------------------------------------------------------------------------


@pytest.mark.parametrize(("words", "body"), all_blocks("yaml"))
def test_every_configuration_shown_loads(words, body, tmp_path):
    """A configuration in the documentation can be copied as it stands."""
    assert words == []
    path = tmp_path / "config.yaml"
    (tmp_path / "smtp_password").write_text("x", "utf-8")
    path.write_text(body.replace("/run/secrets/", f"{tmp_path}/"), "utf-8")

    load(path, VARIABLES)


def test_rules_find_what_the_guide_says(tmp_path, monkeypatch, capsys):
    """The example of the rules, tried with `monitor match --all`, gives what the guide says."""
    page = TOP / "docs" / "guide" / "rules.md"
    guide = page.read_text("utf-8")
    (_, configuration), *_ = blocks(page, "yaml")
    (_, console), *_ = blocks(page, "console")
    lines = [line for line in console.split("\n") if line.startswith("{")]
    (tmp_path / "config.yaml").write_text(configuration, "utf-8")
    (tmp_path / "titles.ndjson").write_text("\n".join(lines), "utf-8")
    monkeypatch.chdir(tmp_path)

    with pytest.raises(SystemExit) as ended:
        main(["match", "--all", "titles.ndjson"])

    answers = {
        answer["id"]: answer["matches"]
        for answer in map(json.loads, capsys.readouterr().out.splitlines())
    }
    told = dict(re.findall(r"^\| (\d+) \| (.+) \|$", guide, re.MULTILINE))
    assert ended.value.code == 0
    assert sorted(map(str, answers)) == sorted(told)
    for number, said in told.items():
        [match] = answers[int(number)]
        reason = match.get("rejected")
        expected = f"rejected: `{reason}`" if reason else f"score {match['score']}"
        assert said.endswith(expected)


# --- SQL ---------------------------------------------------------------------------------------


def documented_views():
    """Return view -> columns, as the guide lists them."""
    parts = re.split(r"^### `(v_\w+)`.*$", read("docs/guide/sql.md"), flags=re.MULTILINE)[1:]
    return {
        view: re.findall(r"^\| `(\w+)` \| \w", part.split("\n## ")[0], re.MULTILINE)
        for view, part in zip(parts[::2], parts[1::2], strict=True)
    }


def test_every_column_of_every_view_is_in_the_guide(engine):
    """The guide lists the columns of the views, all of them, in their order, and no others."""
    inspector = inspect(engine)
    views = {
        view: [column["name"] for column in inspector.get_columns(view)]
        for view in inspector.get_view_names()
    }

    assert documented_views() == views


@pytest.mark.parametrize(("words", "query"), all_blocks("sql"))
def test_every_query_shown_runs(words, query, engine):
    """A query can be copied as it stands, on the database it is meant for or on both."""
    assert set(words) <= {"sqlite", "postgresql"}
    if words and engine.dialect.name not in words:
        return
    with engine.connect() as connection:
        assert connection.execute(text(query)).keys()


def test_every_unique_constraint_is_in_the_architecture():
    """The promises of the schema are those the architecture lists."""
    rows = re.findall(
        r"^\| `(\w+)` \| [^|]+ \|([^|]*)\|", read("docs/architecture.md"), re.MULTILINE
    )
    told = {table: set(re.findall(r"`([\w, ]+)`", unique)) for table, unique in rows}
    real = {}
    for table in t.metadata.sorted_tables:
        constraints = [
            constraint
            for constraint in table.constraints
            if type(constraint).__name__ == "UniqueConstraint"
        ]
        real[table.name] = {", ".join(column.name for column in it.columns) for it in constraints}
        keys = [column.name for column in table.primary_key]
        if keys != ["id"]:
            real[table.name].add(", ".join(keys))

    assert told == real


# --- the house ---------------------------------------------------------------------------------


def test_the_architecture_draws_the_contract():
    """The direction of imports in the architecture is the one that is enforced."""
    contracts = tomllib.loads(read("pyproject.toml"))["tool"]["importlinter"]["contracts"]
    house = next(it for it in contracts if it.get("containers") == ["monitor"])

    assert "\n".join(["```text", *house["layers"], "```"]) in read("docs/architecture.md")


def test_every_module_is_in_the_tree():
    """A module, or the package it is in, has its line in the architecture; every line exists."""
    rows = re.findall(r"^\| `(monitor/[\w./]+)` \|(.*)", read("docs/architecture.md"), re.MULTILINE)
    beside = {
        str(Path(path).with_name(name))
        for path, said in rows
        for name in re.findall(r"`(\w+\.py)`", said)
    }
    told = {path for path, _ in rows} | beside
    modules = {name_of(path) for path in TOP.glob("monitor/**/*.py") if path.name != "__init__.py"}
    missing = {
        module
        for module in modules
        if module not in told and not any(module.startswith(it) for it in told if it.endswith("/"))
    }

    assert missing == set()
    assert {path for path in told if not (TOP / path).exists()} == set()


def test_every_log_event_is_in_the_guide():
    """What the service logs is what the guide explains."""
    logged = set()
    for path in [
        *TOP.glob("monitor/pipeline/*.py"),
        *TOP.glob("monitor/store/*.py"),
        *TOP.glob("monitor/web/*.py"),
        *TOP.glob("monitor/cluster/*.py"),
        TOP / "monitor" / "steps.py",
        TOP / "monitor" / "worker.py",
        TOP / "monitor" / "signals.py",
    ]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                caller = node.func.value
                if isinstance(caller, ast.Name) and caller.id in {"log", "bound"}:
                    logged |= {it.value for it in node.args if _is_text(it)}
    logs = read("docs/guide/operations.md").split("## Logs")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (`.+?`) \| \w+ \|", logs, re.MULTILINE)

    assert {event for row in rows for event in re.findall(r"`([^`]+)`", row)} == logged


def test_every_span_is_in_the_guide():
    """What a collector is told is what the guide explains."""
    told = read("docs/guide/operations.md").split("## Traces")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| (?:`\w+`)? ?\|", told, re.MULTILINE)
    made = {
        name
        for path in TOP.glob("monitor/**/*.py")
        for name in re.findall(r"traces\.(?:span|done)\(\s*\"(\w+)\"", path.read_text("utf-8"))
    }

    assert sorted(rows) == sorted(made)


def _is_text(node):
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def test_every_state_is_in_the_guide():
    """The states of feeds and deliveries are explained, each one, and no others."""
    told = (
        ("operations.md", "States of a feed", model.FeedState),
        ("delivery.md", "States", model.DeliveryStatus),
    )
    for page, heading, words in told:
        part = read(f"docs/guide/{page}").split(f"## {heading}\n")[1].split("\n## ")[0]
        assert re.findall(r"^\| `(\w+)` \|", part, re.MULTILINE) == [word.value for word in words]


def singular(table):
    """Return what one row of a table is called."""
    for ending, one in (("ies", "y"), ("hes", "h"), ("sses", "ss"), ("s", "")):
        if table.endswith(ending):
            return table.removesuffix(ending) + one
    return table


def test_the_glossary_knows_the_vocabulary():
    """Each thing that the model names or a table holds has a word in the glossary."""
    words = set(re.findall(r"^\| \*\*([\w-]+)\*\* \|", read("docs/glossary.md"), re.MULTILINE))
    words |= {word.title().replace("-", "") for word in words}  # as a class is called
    tables = {singular(name).title().replace("_", "") for name in t.metadata.tables}
    # Parts of a thing that has a word of its own, or a thing at one moment of the line.
    parts = {
        "DigestItem",
        "BacktestPart",
        "LoginFailure",
        "FeedState",
        "PollOutcome",
        "DeliveryStatus",
        "Alerting",
        "CatchUp",
        "DigestKind",
        "Way",
        "EmptyDay",
        "Verdict",
        "UserRole",
        "LeftBy",
        "Role",
        "Label",
        "ScorePart",
        "Step",
        "StoryEdit",
        "FullTextStatus",
        "PushState",
        "WebPage",
    }
    moments = {
        "FeedToPoll",
        "HitToGroup",
        "PageToRead",
        "PushToAsk",
        "OpenStory",
        "Alerted",
        "ReportedHit",
        "DeliveryToMake",
        "FeedTrouble",
        "FeedEvent",
        "FeedFigures",
        "Kind",
        "OpenHit",
        "NearMissToTell",
        "Alteration",
        "Undelivered",
    }
    mails = {"Mail", "Rendered", "Attachment", "SentForm"}
    values = {name for name in model.WORDS if isinstance(getattr(model, name), type)}

    assert (tables | values) - parts - moments - mails - words == set()
    assert list(words) != []
    assert (parts | moments | mails) <= tables | values


def test_dependencies_have_their_reason():
    """Each library the program needs is in the record of dependencies, at the locked version."""
    record = read("docs/adr/0001-dependencies.md")
    told = {
        name.lower().replace("_", "-"): version
        for name, version in re.findall(r"^\| ([\w-]+) \| ([\d.]+) \|", record, re.MULTILINE)
    }
    project = tomllib.loads(read("pyproject.toml"))["project"]
    names = {re.split(r"[^a-z0-9-]", wanted)[0] for wanted in project["dependencies"]}
    locked = dict(re.findall(r"^([a-z0-9-]+)==([\d.]+)", read("requirements.lock"), re.MULTILINE))

    assert told == {name: locked[name] for name in names}


# --- pages -------------------------------------------------------------------------------------


def anchors(page):
    """Return the anchors of a page's headings, as GitHub makes them."""
    body = FENCE.sub("", page.read_text("utf-8"))
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")
        for heading in re.findall(r"^#+ (.+)$", body, re.MULTILINE)
    }


def test_the_site_has_every_page():
    """Each page of docs/ has its place in the site, decisions by their list; none is gone."""

    def named(part):
        if isinstance(part, str):
            return {part}
        values = part.values() if isinstance(part, dict) else part
        return set().union(*map(named, values))

    site = yaml.safe_load(read("mkdocs.yml"))
    pages = {str(it.relative_to(TOP / "docs")) for it in TOP.glob("docs/**/*.md")}
    pages = {page for page in pages if not page.startswith("adr/0")} | {"CHANGELOG.md"}

    assert named(site["nav"]) == pages


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_leads_somewhere(page):
    """A link to a file of the checkout, or to a heading in one, leads there."""
    body = FENCE.sub("", page.read_text("utf-8"))
    links = re.findall(r"\]\(([^)\s]+)\)|(?:src|href)=\"([^\"]+)\"", body)
    broken = []
    for link in (first or second for first, second in links):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)

    assert broken == []


def test_every_decision_is_listed():
    """The list of decisions has every record, under its own title's number, and no other."""
    folder = TOP / "docs" / "adr"
    listed = re.findall(
        r"^\| \[(\d{4})\]\((\1-[\w-]+\.md)\)", read("docs/adr/README.md"), re.MULTILINE
    )
    records = sorted(path.name for path in folder.glob("[0-9]*.md"))

    assert [name for _, name in listed] == records
    for name in records:
        body = (folder / name).read_text("utf-8")
        assert body.startswith(f"# {int(name[:4])}. ")
        headings = re.findall(r"^## (.+)$", body, re.MULTILINE)
        assert headings == ["Context", "Decision", "Consequences", "Also looked at"] or (
            name.startswith("0001") and headings == ["Context", "Decision", "Consequences"]
        )


def test_every_promise_is_guarded():
    """Each promise of the README names test files that exist and hold tests."""
    part = read("README.md").split("## What is promised")[1].split("\n## ")[0]
    rows = re.findall(r"^\| ([A-Z].+?) \| (.+) \|$", part, re.MULTILINE)

    assert len(rows) > 8
    for promise, guards in rows:
        files = re.findall(r"\[(tests/[\w/]+\.py)\]\(\1\)", guards)
        assert files, promise
        assert all("def test_" in read(file) for file in files), promise


def test_the_minimal_configuration_is_the_same_everywhere():
    """README and quickstart show one smallest file, and it is no longer than it says."""
    shown = [
        yaml.safe_load(blocks(TOP / name, "yaml")[0][1])
        for name in ("README.md", "docs/guide/quickstart.md")
    ]

    assert shown[0] == shown[1]
    assert set(shown[0]) == {"companies", "topics", "feeds", "subscriptions"}


def test_the_changelog_knows_this_version():
    """The version of the program has its part of the changelog."""
    version = __version__

    assert f"## [{version}]" in read("CHANGELOG.md")
