"""Tickers: one short form in the lexicon, every common notation in texts."""

from pathlib import Path

import pytest
import yaml

from monitor.detect.definitions import read_company
from monitor.detect.terms import TermIndex
from monitor.detect.tickers import MARKET_WORDS, notations
from monitor.model import Strength
from monitor.text.folding import fold

CASES = yaml.safe_load(Path(__file__).with_name("data").joinpath("tickers.yaml").read_text("utf-8"))


def found(ticker, text):
    terms = read_company("acme", {"name": "Acme Holdings", "tickers": [ticker]}).terms
    read = TermIndex(terms).read(text, fold(text)).terms()
    return {terms[it.term].strength for it in read}


def texts_of(name):
    return [(case["ticker"], text) for case in CASES for text in case.get(name, [])]


@pytest.mark.parametrize(("ticker", "text"), texts_of("finds"))
def test_common_notations_are_found(ticker, text):
    """Each notation of the ticker counts by itself."""
    assert Strength.STRONG in found(ticker, text)


@pytest.mark.parametrize(("ticker", "text"), texts_of("beside"))
def test_short_notations_want_a_word_of_the_market(ticker, text):
    """A code in brackets, or behind a dollar sign, is a ticker only among market words."""
    assert found(ticker, text) == {Strength.CONTEXT}


@pytest.mark.parametrize(("ticker", "text"), texts_of("leaves"))
def test_what_only_looks_like_a_ticker_is_left_alone(ticker, text):
    """Bare codes, sums of money, longer numbers and other words are no tickers."""
    assert found(ticker, text) == set()


def test_an_exchange_has_many_names():
    """However the exchange is named in the lexicon, the same notations come of it."""
    assert notations("HKG:09988") == notations("HKEX: 9988") == notations("sehk:9988")
    assert notations("Nasdaq:BIDU") == notations("NASDAQ:BIDU")


def test_a_mapping_says_the_same():
    """`{exchange: HKEX, code: "9988"}` is "HKEX:9988" in more words."""
    short = read_company("acme", {"name": "Acme", "tickers": ["HKEX:9988"]})
    long = {"name": "Acme", "tickers": [{"exchange": "HKEX", "code": "9988"}]}

    assert read_company("acme", long) == short


def test_market_words_are_phrases():
    """What a short notation needs could itself be written in a lexicon."""
    data = {"name": "Acme", "aliases": [{"text": "Ajax", "needs": list(MARKET_WORDS)}]}

    assert read_company("acme", data).terms[1].needs == MARKET_WORDS
