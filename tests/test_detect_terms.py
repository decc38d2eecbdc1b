"""Terms: which spellings stand in a text, which are eaten, whose needs are met."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.detect.phrases import may_hold, phrase_parts
from monitor.detect.terms import Found, Sieve, TermIndex
from monitor.model import Strength, Term
from monitor.text.folding import fold, fold_together


def found(term, text):
    """Return the quotes of *term* in *text*, and what eats each."""
    folded = fold(text)
    reading = TermIndex([term]).read(text, folded)
    return [(text[slice(*folded.span(it.start, it.end))], it.excluded) for it in reading.terms()]


@pytest.mark.parametrize(
    ("term", "text", "quotes"),
    [
        ("IPO", "an ipo, IPO.", ["ipo", "IPO"]),
        ("IPO", "tripod", []),
        ("IPO", "蚂蚁IPO暂缓", ["IPO"]),
        ("IPO", "IPOs", []),
        ("IPO", "2IPO", []),
        ("été", "l'été pétété", ["été"]),
        ("суд", "суд судить", ["суд"]),
        ("上市", "将上市公司", ["上市"]),
        ("Ant Group", "Ant\u00a0Group, ant  group", ["Ant\u00a0Group", "ant  group"]),
        ("anti-trust", "anti\u2011trust", ["anti\u2011trust"]),
        ("People's Bank", "People’s Bank", ["People’s Bank"]),
        ("monopol*", "monopoly, monopolistic; oligomonopol", ["monopoly", "monopolistic"]),
        ("abuse ... power", "abuse of its power", ["abuse of its power"]),
        ("abuse ... power", "power to abuse", []),
        ("abuse ... power", f"abuse {'x' * 50} power", []),
        ("赴 ... 上市", "赴纽约上市", ["赴纽约上市"]),
        ("Baidu, Inc.", "at Baidu, Inc. today", ["Baidu, Inc."]),
    ],
)
def test_spellings(term, text, quotes):
    """A spelling is found where it stands as a word, and quoted as it is written there."""
    assert [quote for quote, _ in found(Term("t", term), text)] == quotes


@pytest.mark.parametrize(
    ("term", "text", "count"),
    [
        ("IPO", "IPO IPOs IPO's ipo Ipo", 3),
        ("IPO", "IPOD PIPO", 0),
        ("IPO", "ＩＰＯ", 1),
        ("IPO", "about-faceof the IPOone", 1),
        ("IPO", "FIRST IPO OF IPODS", 1),
        ("Ant", "Ant Antitrust ant ANT", 1),
        ("Ant", "ANT WINS", 1),
    ],
)
def test_capitals_that_count(term, text, count):
    """With `case` the capitals must agree; an acronym takes small letters glued behind."""
    assert len(found(Term("t", term, case=True), text)) == count


def test_unless_eats_what_stands_inside():
    """A spelling inside an `unless` phrase is found with that phrase; one outside is free."""
    term = Term("t", "Tencent", unless=("Tencent News", "per ... Tencent"))

    assert found(term, "Tencent News asks Tencent; per our friends at Tencent") == [
        ("Tencent", "Tencent News"),
        ("Tencent", None),
        ("Tencent", "per ... Tencent"),
    ]


def test_needs_are_looked_for_between_bounds():
    """A need counts only inside the bounds asked about."""
    text = "ant ipo. ant hill"
    first, second = Found(0, 0, 3), Found(0, 9, 12)
    reading = TermIndex([Term("t", "ant", Strength.CONTEXT, needs=("ipo", "big ... share"))]).read(
        text, fold(text)
    )

    assert reading.need_met(first, 0, 8)
    assert not reading.need_met(second, 9, len(text))
    assert not reading.need_met(first, 0, 5)


def test_an_empty_index_finds_nothing():
    """No terms, no finds, no error."""
    assert list(TermIndex([]).read("text", fold("text")).terms()) == []


@given(
    st.text(alphabet="aAbB 阿里。.-", max_size=40),
    st.sampled_from(["ab", "阿里", "b*", "里b", "a ... b"]),
)
def test_finds_are_the_term(text, phrase):
    """Whatever is found folds to the term, with no letter of its own kind glued on."""
    term = Term("t", "abb*" if phrase == "b*" else phrase)
    if term.text == "a ... b":
        term = Term("t", "aa ... bb")
    for quote, _ in found(term, text):
        folded = fold(quote).text
        parts = [fold(part.removesuffix("*")).text for part in phrase_parts(term.text)]
        assert folded.startswith(parts[0])
        assert parts[-1] in folded


@pytest.mark.parametrize(
    ("phrase", "text", "may"),
    [
        ("Ant-Man", "Ant", True),
        ("ants' nest", "Alipay", False),
        ("Monopoly money", "monopol*", True),
        ("打破 ... 垄断", "反垄断", True),
    ],
)
def test_may_hold(phrase, text, may):
    """A phrase that cannot hold a spelling is known beforehand; when in doubt it may."""
    assert may_hold(phrase, text) is may


SIEVED = [
    Term("ant", "Ant", case=True),
    Term("ants", "ant colon*"),
    Term("ipo", "IPO", case=True),
    Term("list", "go ... public"),
    Term("mayi", "蚂蚁"),
    Term("plain", "été"),
]
PIECES = st.sampled_from(
    [
        "Ant",
        "ANT",
        "ant",
        "IPO",
        "IPOs",
        "ipod",
        "go",
        "public",
        "螞蟻",
        "蚂 蚁",
        "colony",
        "été",
        "-",
        " ",
    ]
)


@given(pieces=st.lists(PIECES | st.text(max_size=2), max_size=12))
def test_sieve_holds_back_nothing_that_would_be_found(pieces):
    """A text that the sieve holds back has none of the terms, whatever stands around them."""
    text = "".join(pieces)
    index, folded = TermIndex(SIEVED), fold(text)

    if not Sieve(index, range(len(SIEVED))).lets_through(folded.text):
        assert list(index.read(text, folded).terms()) == []


@given(texts=st.lists(st.lists(PIECES | st.text(max_size=2), max_size=4).map("".join), max_size=6))
def test_sieve_lets_the_same_texts_through_together(texts):
    """Of several texts the sieve lets those through that it does one by one."""
    sieve = Sieve(TermIndex(SIEVED), range(len(SIEVED)))
    together = fold_together(texts)

    if together is not None:
        through = {at for at, text in enumerate(texts) if sieve.lets_through(fold(text).text)}
        assert sieve.among(together) == through


def test_sieve_holds_back_what_names_nobody():
    """Terms the sieve was not made for do not open it, nor do letters inside other words."""
    index = TermIndex(SIEVED)
    sieve = Sieve(index, [4])

    assert sieve.lets_through(fold("螞蟻上市").text)
    assert not sieve.lets_through(fold("Ant IPO").text)
    assert not Sieve(index, [1]).lets_through(fold("a tenant colonised it").text)
