"""Reading queries: mistakes are shown where they are; marks and snippets where a text answers."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.errors import QueryError
from monitor.query import marks, parse, snippet

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("query", "place", "said"),
    [
        ("", "", "nothing to search for"),
        ("alibaba (罚款 OR fine", "(", "never closed"),
        ("a) b", ")", "never opened"),
        ('罚款 "abc', '"', "never closed"),
        ("罚款 AND", "AND", "must follow"),
        ("OR a", "OR", "must stand before OR"),
        ("a OR OR b", "OR", "must stand before OR"),
        ("a NEAR", "NEAR", "must follow"),
        ("a NEAR/2000 b", "NEAR/2000", "at most 1000 words"),
        ("(a b) NEAR c", "(", "beside NEAR"),
        ("a NEAR company:b", "company:b", "beside NEAR"),
        ("NOT", "NOT", "must follow"),
        ("a ()", ")", "nothing to search for here"),
        ("a & b", "&", "no letter or digit"),
        ("a | b", "|", "write OR for either"),
        ("amount > 1bn", ">", "with no blanks around"),
        ("a NEAR/ b", "NEAR/", "needs a number"),
        ("罚款 NEAR/five 决定", "NEAR/five", "needs a number"),
        ("NEAR/-1", "NEAR/-1", "needs a number"),
        ("fi*ne", "fi*ne", "behind the beginning of a word"),
        ("罚*款", "罚*款", "behind the beginning of a word"),
        ("*fine OR x", "*fine", "behind the beginning of a word"),
        ('""', '""', "no letter or digit"),
        ("a compny:b", "compny:b", "did you mean company:?"),
        ("see http://example.org", "http://example.org", "quotation marks"),
        ("company:", "company:", "needs a company's key"),
        ("company>a", "company>a", "with a colon"),
        ("since:yesterday", "since:yesterday", "neither a time ago"),
        ("since:999999w", "since:999999w", "neither a time ago"),
        ("amount>much", "amount>much", "no sum"),
        ("amount>1bnXYZ", "amount>1bnXYZ", "none of the currencies"),
        ("score>2", "score>2", "no number from 0 to 1"),
        ("SENTENCE(a company:b)", "company:b", "not of a sentence"),
        (" ".join(["a"] * 101), "a", "100 words"),
        ("(" * 31 + "a" + ")" * 31, "(", "30 deep"),
        ("a" * 2001, "a", "2000 is the limit"),
    ],
    ids=lambda value: value[:20],
)
def test_a_mistake_is_shown_where_it_is(query, place, said):
    """What is wrong is told with carets right below it, and a hint where one helps."""
    with pytest.raises(QueryError) as caught:
        parse(query, now=NOW)

    error = caught.value
    assert query[error.start : error.end] == place
    assert said in str(error)
    assert "^" in str(error).splitlines()[2]


def test_carets_stand_below_han():
    """A Han character takes two columns of a terminal, and the carets know."""
    with pytest.raises(QueryError) as caught:
        parse("罚款 compny:b", now=NOW)

    assert str(caught.value).splitlines()[1:3] == ["  罚款 compny:b", "       ^^^^^^^^"]


@given(st.text(alphabet='ab罚 ()"-:*/>NEARORANDSENTENCEcompanysince19d', max_size=40))
def test_any_input_is_read_or_refused(query):
    """Whatever is typed gives a tree or a mistake with a place in it, and nothing else."""
    place = (0, 0)
    try:
        parse(query, now=NOW)
    except QueryError as error:
        place = (error.start, error.end)
    assert 0 <= place[0] <= place[1] <= len(query)


@pytest.mark.parametrize(
    ("query", "text", "marked"),
    [
        ("罚款", "公司被罰款，罚款已缴", ["罰款", "罚款"]),
        ('"ant group" OR ant', "Ant-Group and ants", ["Ant-Group"]),
        ("fine* NOT wine", "Fined for wine", ["Fined"]),
        ("company:a fi", "ﬁ", ["ﬁ"]),
        ("acme NEAR/3 (fine OR 罚)", "Acme: 罚 fine", ["Acme", "罚", "fine"]),
        ("SENTENCE(a b)", "a c", ["a"]),
        ("反垄断", "反 垄 断", ["反 垄 断"]),
        ("lang:en", "a", []),
    ],
)
def test_marks(query, text, marked):
    """What is looked for is marked in the text as it was stored, not as it was folded."""
    found = marks(parse(query, now=NOW), text)

    assert [text[start:end] for start, end in found] == marked


def test_a_snippet_shows_the_first_mark():
    """A long text is cut to the part with the first mark, which the spans still fit."""
    text = "word " * 100 + "the fine\nwas 罚款 " + "more " * 100
    shown = snippet(parse("fine OR 罚款", now=NOW), text, width=80)

    assert [shown.text[start:end] for start, end in shown.marks] == ["fine", "罚款"]
    assert (len(shown.text), shown.cut_before, shown.cut_behind) == (80, True, True)
    assert "\n" not in shown.text
    short = snippet(parse("fine", now=NOW), "No mark here")
    assert (short.text, short.marks, short.cut_behind) == ("No mark here", (), False)
