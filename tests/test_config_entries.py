"""Entries of the watch-list: names, definitions, extensions and files, with the place of each."""

import pytest

from monitor.config import load, shapes
from monitor.config.merge import merge
from monitor.config.schema import json_schema
from monitor.detect import definitions
from monitor.detect.identifiers import KINDS
from monitor.detect.spellings import SPELLING_KEYS
from monitor.errors import ConfigError


@pytest.fixture
def written(tmp_path):
    """Return a function that writes files, text by name, and returns the path of config.yaml."""

    def write(**files):
        for name, text in files.items():
            tmp_path.joinpath(f"{name}.yaml").write_text(text, "utf-8")
        return tmp_path / "config.yaml"

    return write


def companies(path):
    return {company.key: company for company in load(path, {}).lexicon.companies}


def spellings(company):
    return {term.text for term in company.terms}


def mistakes(path):
    with pytest.raises(ConfigError) as caught:
        load(path, {})
    return str(caught.value).replace(f"{path.parent}/", "").split("\n")


def test_a_name_and_two_aliases_are_a_company(written):
    """The id of a company is made from its name where that has letters for it."""
    path = written(config="companies:\n  - {name: JD.com, aliases: [京东, Jingdong]}\n")

    [jd] = companies(path).values()

    assert (jd.key, jd.name) == ("jd-com", "JD.com")
    assert spellings(jd) == {"JD.com", "京东", "Jingdong"}


def test_a_name_and_five_keywords_are_a_topic(written):
    """A topic needs nothing else, and is found."""
    text = "topics:\n  - {name: Labour, keywords: [strike*, union, layoff*, 罢工, 加班]}\n"

    [topic] = load(written(config=text), {}).lexicon.topics

    assert (topic.key, len(topic.terms)) == ("labour", 5)


def test_a_bundled_company_is_extended_in_place(written):
    """What is added stands beside what is bundled; what is dropped is gone; the rest stays."""
    plain = companies(written(config="companies: [alibaba]\n"))["alibaba"]
    text = """\
companies:
  - extends: alibaba
    name: Alibaba Group Holding
    drop: [淘宝村, Trendyol, "NYSE:BABA"]
    aliases: [阿里爸爸]
    units:
      cainiao: [Cainiao Smart Logistics]
      alibaba-health: [Ali Health]
      taobao: {tickers: ["NYSE:TAO"]}
      lingxi: [Lingxi Games]
"""
    more = companies(written(config=text))["alibaba"]

    assert more.name == "Alibaba Group Holding"
    added = spellings(more) - spellings(plain)
    assert added >= {"阿里爸爸", "Cainiao Smart Logistics", "Ali Health", "TAO.N", "Lingxi Games"}
    gone = spellings(plain) - spellings(more)
    assert gone >= {"Trendyol", "BABA.N", "(BABA)"}
    assert not gone & {"Alibaba", "阿里巴巴", "Taobao", "Cainiao", "Alibaba Health", "9988.HK"}
    assert any("淘宝村" in term.unless for term in plain.terms)
    assert not any("淘宝村" in term.unless for term in more.terms)


def test_a_spelling_said_again_is_as_it_is_said_last(written):
    """So a bundled spelling can be given needs, and what a later version bundles is no mistake."""
    text = """\
companies:
  - extends: alibaba
    aliases: [Trendyol, {text: Lazada, needs: [Singapore]}, {text: 阿里巴巴, needs: [杭州]}]
    tickers: ["NYSE:BABA"]
"""
    terms = {term.text: term for term in companies(written(config=text))["alibaba"].terms}

    assert terms["Lazada"].needs == ("Singapore",)
    assert terms["阿里巴巴"].needs == ("杭州",)
    assert {"Trendyol", "BABA.N"} <= set(terms)


def test_a_bundled_topic_is_extended_in_place(written):
    """Topics grow as companies do."""
    config = load(
        written(config="topics:\n  - {extends: ipo, keywords: [floatation], drop: [IPO]}\n"), {}
    )

    texts = {term.text for term in config.lexicon.topics[0].terms}

    assert "floatation" in texts
    assert "IPO" not in texts
    assert "initial public offering*" in texts


def test_definitions_may_stand_in_a_file_of_their_own(written):
    """A file holds one definition, or a list; its path counts from the configuration's."""
    path = written(
        config="companies: [alibaba, ./jd.yaml, more.yaml]\ntopics: [labour.yaml]\n"
        "subscriptions:\n  - {name: a, to: a@example.com, at: '07:30', companies: [jd, acme]}\n",
        jd="name: JD.com\naliases: [Jingdong]\n",
        more="- {name: Acme, aliases: [Ajax]}\n- extends: ant\n  aliases: [Antz]\n- baidu\n",
        labour="name: Labour\nkeywords: [strike*]\n",
    )

    config = load(path, {})

    assert [it.key for it in config.lexicon.companies] == ["alibaba", "jd", "acme", "ant", "baidu"]
    assert [it.key for it in config.lexicon.topics] == ["labour"]


def test_every_mistake_has_the_line_it_stands_in(written):
    """In the configuration, in a file of one's own, in what extends a bundled definition."""
    path = written(
        config="""\
companies:
  - extends: alibaba
    aliases:
      - 阿里爸爸
      - {text: Ali, needs: shop}
    drop: [Alibabar]
  - extends: alibabar
  - {extends: ant, id: ant}
  - ./more.yaml
  - ./none.yaml
  - {extends: baidu, drop: 百度一下}
""",
        more="- name: Acme\n  aliases:\n    - A\n- {name: Bee, alias: [x]}\n- tencent\n- tencent\n",
    )

    assert mistakes(path) == [
        "config.yaml:5: companies[0].aliases[1].needs: must be a list",
        'config.yaml:6: companies[0].drop[0]: "Alibabar" is no spelling of "alibaba"',
        (
            'config.yaml:7: companies[1].extends: no bundled company is called "alibabar"; did you '
            'mean "alibaba"?'
        ),
        "config.yaml:8: companies[2].id: is that of what it extends: leave it out",
        'config.yaml:10: companies[4]: there is no file "none.yaml"',
        "config.yaml:11: companies[5].drop: must be a list of spellings",
        (
            'more.yaml:3: [0].aliases[0]: "A" is a single letter or digit: '
            "it would be found everywhere"
        ),
        (
            "more.yaml:4: [1].alias: unknown key; known are id, name, names, legal_names, aliases, "
            "tickers, identifiers, units, people, unless, listed"
        ),
        'more.yaml:6: [3]: names "tencent" a second time, first in line 5',
    ]


def test_a_file_that_is_no_definition_is_refused(written):
    """A file that cannot be read as YAML, or holds something else, is told with its line."""
    path = written(
        config="companies: [text.yaml, twice.yaml, empty.yaml]\n",
        text="Acme\n",
        twice="name: Acme\nname: Ajax\n",
        empty="",
    )

    assert mistakes(path) == [
        "empty.yaml:1: is empty",
        "text.yaml:1: must be one company, or a list of them",
        "twice.yaml:2: name: stands here a second time, first in line 1",
    ]


def test_one_spelling_of_two_companies_names_both(written):
    """Whoever comes later is told, with the place of the first: alias, unit or ticker."""
    path = written(
        config="""\
companies:
  - tencent
  - name: Acme
    aliases: [Ajax, WeChat]
    tickers: ["HKEX:00700"]
  - ./bee.yaml
  - extends: baidu
    aliases: [Bee]
""",
        bee="name: Bee\nunits:\n  shop: [AJAX]\n",
    )

    found = mistakes(path)

    ours = "monitor/lexicon/companies/tencent.yaml"
    assert [it.split(":")[:2] for it in found] == [
        ["config.yaml", "4"], ["config.yaml", "5"], ["config.yaml", "8"], ["bee.yaml", "3"],
    ]  # fmt: skip
    assert 'aliases[1]: "WeChat" is a spelling of "tencent" too' in found[0]
    assert f"({ours}:" in found[0]
    assert "companies[1].tickers[0]" in found[1]
    assert f"({ours}:" in found[1]
    assert found[2].startswith('config.yaml:8: companies[3].aliases[0]: "Bee"')
    assert "(bee.yaml:1)" in found[2].replace(f"{path.parent}/", "")
    assert 'units.shop[0]: "AJAX" is a spelling of "acme" too (config.yaml:4)' in found[3]


def test_a_reference_to_nothing_is_refused(written):
    """A stage, regulator or topic that is named in a definition must be there."""
    path = written(
        config="""\
companies:
  - {name: Acme, aliases: [{text: Ajax, needs: ["regulator:nobody"]}]}
topics:
  - name: Labour
    keywords:
      - {text: strike, not: ["stage:nowhere"]}
    if_unlisted: nothing
"""
    )

    assert mistakes(path) == [
        'config.yaml:2: companies[0].aliases[0].needs[0]: there is no regulator "nobody"',
        'config.yaml:6: topics[0].keywords[0].not[0]: there is no stage "nowhere"',
        'config.yaml:7: topics[0].if_unlisted: there is no topic "nothing"',
    ]


def test_merging_tells_where_each_part_came_from():
    """Every path of the whole leads to the place it had in the one or the other."""
    base = {"name": "A", "aliases": ["one", "two"], "units": {"shop": ["three"]}}
    more = {"aliases": ["four"], "units": {"shop": {"tickers": ["five"]}}}

    whole = merge(base, more, ["one", "none"])

    assert whole.data == {
        "name": "A",
        "aliases": ["two", "four"],
        "units": {"shop": {"aliases": ["three"], "tickers": ["five"]}},
    }
    assert whole.home["aliases", 0] == (False, ("aliases", 1))
    assert whole.home["aliases", 1] == (True, ("aliases", 0))
    assert whole.home["units", "shop", "aliases", 0] == (False, ("units", "shop", 0))
    assert whole.missing == ("none",)


def test_the_schema_knows_every_key_there_is():
    """What an editor offers for a company, a topic and a spelling is what may be written."""
    assert list(shapes.COMPANY_KEYS) == definitions.COMPANY_KEYS.split()
    assert list(shapes.TOPIC_KEYS) == definitions.TOPIC_KEYS.split()
    assert tuple(shapes.PART_KEYS) == definitions.PART_KEYS
    assert tuple(shapes.SPELLING_KEYS) == SPELLING_KEYS
    assert set(shapes.IDENTIFIER_KEYS) == set(KINDS)


def test_the_schema_offers_them_where_they_belong():
    """The schema of `companies` and `topics` has a name or file, a definition and an extension."""
    for kind, keys in (("companies", shapes.COMPANY_KEYS), ("topics", shapes.TOPIC_KEYS)):
        name, definition, extension = json_schema()["properties"][kind]["items"]["anyOf"]
        assert name["type"] == "string"
        assert set(definition["properties"]) == {"id", *keys}
        assert set(extension["properties"]) == {"extends", "drop", *keys}
        assert extension["required"] == ["extends"]


def test_a_topic_by_queries(written):
    """Queries stand in a definition or an extension; a mistake has carets and a line."""
    config = """\
topics:
  - {name: Halted, queries: [IPO NEAR/8 (halt* OR 暂缓)]}
  - {extends: ipo, queries: [IPO rocket, antitrust]}
  - antitrust
"""
    found = {topic.key: topic for topic in load(written(config=config), {}).lexicon.topics}
    assert [it.text for it in found["halted"].queries] == ["IPO NEAR/8 (halt* OR 暂缓)"]
    assert [it.text for it in found["ipo"].queries] == ["IPO rocket", "antitrust"]
    assert "IPO" in {it.text for it in found["ipo"].terms}

    first, second, *rest = mistakes(written(config=config.replace("rocket", "stage:fine")))
    assert first.startswith("config.yaml:3: topics[1].queries[0]: the query cannot be read: ")
    assert first.endswith("stage: has no place in a topic, which is found by words alone")
    assert second == "  IPO stage:fine"
    assert rest == [
        "      ^^^^^^^^^^",
        "hint: a search, or the filter of a subscription, can ask for it",
    ]


def test_a_not_that_never_does_anything_is_refused(written):
    """A strong spelling of a company counts whatever stands beside it: `not` there is a mistake."""
    strong = "companies:\n  - {name: Acme, aliases: [{text: AC, case: true, not: [unit]}]}\n"

    [told] = mistakes(written(config=strong))
    assert told.startswith("config.yaml:2: companies[0].aliases[0].not: does nothing here")
    in_context = strong.replace("case: true", "needs: [anvil]")
    assert load(written(config=in_context), {}).lexicon.companies[0].terms[1].without == ("unit",)
    topic = "topics:\n  - {name: Rain, keywords: [{text: rain, not: [unit]}]}\n"
    assert load(written(config=topic), {}).lexicon.topics[0].terms[0].without == ("unit",)
