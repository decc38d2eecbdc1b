"""Topics found by queries: they decide as a search does, and quote what they were answered with."""

from datetime import UTC, datetime

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from monitor.detect.associate import Detector
from monitor.detect.canonical import read_canonical
from monitor.detect.definitions import read_company, read_topic
from monitor.detect.explain import explain
from monitor.detect.lexicon import make_lexicon
from monitor.detect.spellings import LexiconError
from monitor.errors import QueryError
from monitor.model import Role
from monitor.query import Piece, matches, read_rule
from monitor.text.folding import fold

COMPANIES = {
    "acme": {"name": "Acme", "names": {"zh-Hans": "艾克米"}},
    "brook": {"name": "Brook", "names": {"zh-Hans": "布鲁克"}},
}
HALTED = '("initial public offering" OR IPO) NEAR/8 (suspend* OR halt* OR 暂缓) NOT "book review"'


def lexicon_of(*queries, **more):
    topic = {"name": "Topic", "queries": list(queries), **more}
    companies = [read_company(key, data) for key, data in COMPANIES.items()]
    return make_lexicon(companies, [read_topic("topic", topic)])


def detector_of(*queries, **more):
    return Detector(lexicon_of(*queries, **more))


def quotes(match, role=Role.TOPIC):
    return [it.text for it in match.evidence if it.role is role]


@pytest.mark.parametrize(
    ("query", "title", "summary", "hits", "quoted"),
    [
        (HALTED, "Acme's IPO is suspended", "", ["acme"], ["IPO", "suspended"]),
        (HALTED, "艾克米IPO被暂缓", "", ["acme"], ["IPO", "暂缓"]),
        (HALTED, "艾克米IPO被暫緩", "", ["acme"], ["IPO", "暫緩"]),
        (HALTED, "Acme halts its Initial Public Offering", "", ["acme"], None),
        (HALTED, "Acme's IPO is suspended", "A book review.", [], []),
        (HALTED, "Acme's IPO " + "and so on " * 5 + "is halted", "", [], []),
        (HALTED, "Acme's IPO goes on", "", [], []),
        (HALTED, "An IPO is halted", "", [], []),
        ("(罰款 OR fine) 數據", "艾克米因数据问题被罚款", "", ["acme"], ["数据", "罚款"]),
        ("罚款 数据", "艾克米因數據問題被罰款", "", ["acme"], ["數據", "罰款"]),
        ("SENTENCE(minors fine)", "Acme and minors. Acme has a fine", "", [], []),
        ("SENTENCE(minors fine)", "Acme has a fine for minors", "", ["acme"], ["fine", "minors"]),
        ("fine OR (levy NOT b)", "Acme: a fine levy", "", ["acme"], ["fine", "levy"]),
        ("fine -(appeal OR rumour)", "Acme fine, no appeal", "", [], []),
        ("anti-trust", "Acme: Anti Trust", "", ["acme"], ["Anti Trust"]),
    ],
)
def test_a_topic_by_a_query(query, title, summary, hits, quoted):
    """A company is a hit where it stands with what answers the query, each word of it quoted."""
    found = detector_of(query).find(title, summary)

    assert [it.company for it in found if it.rejected is None] == hits
    for match in found if quoted is not None else ():
        assert sorted(quotes(match)) == sorted(quoted)
    for it in (quote for match in found for quote in match.evidence):
        assert (title if it.field == "title" else summary)[it.start : it.end] == it.text


def test_a_company_of_another_sentence_is_no_hit():
    """The rest of detection goes on as ever: who stands elsewhere, or only as an owner, is none."""
    detector = detector_of("IPO halt*")

    found = detector.find("Acme's IPO is halted", "Brook opened a shop.")
    assert [it.company for it in found if it.rejected is None] == ["acme"]
    by_key = {it.company: it.rejected for it in detector.find("Brook-backed Acme IPO halted", "")}
    assert by_key["acme"] is None
    assert by_key["brook"] == "named only as an owner, backer or rival"


def test_a_sentence_that_answers_by_itself_comes_first():
    """Where one sentence answers the whole query, its words elsewhere say nothing of the topic."""
    detector = detector_of("IPO halt*")

    found = detector.find("Acme's IPO was halted. Brook had an IPO once", "")
    assert [it.company for it in found if it.rejected is None] == ["acme"]
    apart = detector.find("Acme's IPO is near", "Trading is halted elsewhere.")
    assert [(it.company, quotes(it)) for it in apart] == [("acme", ["IPO", "halted"])]


def test_what_holds_for_all_keywords_holds_for_queries():
    """A topic's `not` and `unless` set aside what answers its queries, and say so."""
    detector = detector_of("IPO halt*", **{"not": ["rumour*"], "unless": ["IPO Street"]})

    [barred] = detector.find("Acme IPO halted, rumours say", "")
    assert "stands with what it must not" in barred.rejected
    [kept] = detector.find("Acme IPO halted", "")
    assert kept.rejected is None
    [street] = detector.find("Acme halted on IPO Street", "")
    assert quotes(street) == ["halted"]


def test_one_quote_for_each_word_that_was_asked_for():
    """However often a word stands, it is quoted once: where it is nearest."""
    [match] = detector_of("fine* data").find("Fine fines fined data data Acme " + "fine " * 500, "")

    assert quotes(match) == ["fine", "data"]


def test_queries_and_keywords_are_one_topic():
    """A topic may have both; either finds it."""
    detector = detector_of("IPO halt*", keywords=["delisting"])

    for title in ("Acme IPO halted", "Acme faces delisting"):
        [match] = detector.find(title, "")
        assert match.rejected is None


def test_queries_are_remembered():
    """The canonical text has them, and its fingerprint differs with each letter of them."""
    lexicon = lexicon_of("IPO halt*", "罚款 数据")

    again = read_canonical(lexicon.canonical, lexicon.fingerprint)

    assert again == lexicon == read_canonical(lexicon.canonical)
    assert Detector(again).find("艾克米因數據被罰款", "") == Detector(lexicon).find(
        "艾克米因數據被罰款", ""
    )
    assert lexicon_of("IPO halts").fingerprint != lexicon_of("IPO halt*").fingerprint
    assert "queries" not in lexicon_of(keywords=["fine"]).canonical


def test_explaining_a_query():
    """Words of a query that is not answered are told with that reason, and make no match."""
    detector = detector_of(HALTED)

    found = explain(detector, "Acme has an IPO", "Nothing was suspended by Brook, a book review.")
    told = {it.quote.text: it.problem for it in found.standing if it.role is Role.TOPIC}

    assert found.matches == ()
    assert told == dict.fromkeys(("IPO", "suspended"), "the rest of its query is not answered")
    assert found.silence == "what stands in the text of a topic that is watched does not count"
    found = explain(detector, "Acme has an IPO halted", "")
    assert {it.quote.text: it.problem for it in found.standing} == dict.fromkeys(
        ("Acme", "IPO", "halted")
    )


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("IPO company:acme", "company: has no place in a topic, which is found by words alone"),
        ("IPO since:30d", "since: has no place in a topic"),
        ("IPO amount>1bn", "amount> has no place in a topic"),
        ("see http://a.example", "quotation marks"),
        ("NOT fine", "nothing could be quoted"),
        ("IPO OR NOT fine", "nothing could be quoted"),
        ("IPO (halt*", "never closed"),
        ("the OR IPO", '"the" answers it'),
        ("x", '"x" answers it'),
        ("IPO", "is there twice"),
        ("", "is empty"),
        (5, "must be text"),
    ],
)
def test_queries_that_are_refused(query, said):
    """What asks for a field, or may hold where nothing stands, is a mistake at that query."""
    with pytest.raises(LexiconError, match="queries") as caught:
        read_topic("topic", {"name": "Topic", "queries": ["IPO", query]})

    assert caught.value.path == ("queries", 1)
    assert said in caught.value.message


@pytest.mark.parametrize(
    "piece", ["fine ", "fine. ", "罚款", "fine,", "a ", "IPO halted. ", "...."]
)
def test_hostile_texts_take_linear_time(piece):
    """Much of one thing is decided in time linear in its length (else this would hang)."""
    text = "SENTENCE(fine 罚)"
    detector = detector_of(
        "fine NEAR/1000 halt*", "(fine OR 罚款) (IPO OR fine*)", f'"a fine" {text}'
    )

    assert len(detector.find("Acme", piece * (100_000 // len(piece)))) <= 1


WORDS = ["fine", "Fines", "acme", "ipo", "罚款", "罰", "反垄断", "垄断", "a", "é", "，", ". ", "\n"]
TEXT = st.lists(st.sampled_from([*WORDS, " ", " ", "-", "_", "ﬁne", "Ａ"]), max_size=9).map("".join)
TERM = st.sampled_from(
    ["fine", "acme", "IPO", "罚款", "罰", "反垄断", '"a ipo"', "fi*", "断ipo", '"罚 a fine"', "éa"]
)


def wider(inner):
    pairs = st.tuples(inner, inner)
    return st.one_of(
        pairs.map("{0[0]} {0[1]}".format),
        pairs.map("({0[0]} OR {0[1]})".format),
        inner.map("NOT {}".format),
        inner.map("-({})".format),
        st.tuples(TERM, TERM, st.integers(0, 3)).map("{0[0]} NEAR/{0[2]} {0[1]}".format),
        pairs.map("SENTENCE({0[0]} {0[1]})".format),
    )


@settings(max_examples=600, deadline=None)
@given(st.recursive(TERM, wider, max_leaves=6), TEXT, TEXT)
def test_a_topic_decides_as_a_search(query, title, summary):
    """Of a feed about one company a topic is found exactly where a search finds the article.

    So it is whether the query was met by the automaton first or not; and what is quoted is there.
    """
    try:
        node = read_rule(query)
    except QueryError:
        assume(condition=False)  # it can hold where nothing stands
    piece = Piece(title, summary, "a", None, datetime(2026, 1, 1, tzinfo=UTC))

    found = detector_of(query).find(title, summary, company="acme")

    assert [it.company for it in found] == ["acme"] * matches(node, piece)
    for it in (quote for match in found for quote in match.evidence):
        text = {"title": title, "summary": summary}[it.field]
        assert text[it.start : it.end] == it.text
        assert fold(it.text).text.strip()
