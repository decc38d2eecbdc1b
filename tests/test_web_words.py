"""The words of the pages: each is there in Chinese too."""

import re
from pathlib import Path

import yaml

from monitor.model import DeliveryStatus, FeedState, PollOutcome, Role, UserRole, Verdict
from monitor.resources import shipped
from monitor.store.precision import BY
from monitor.stories import weigh
from monitor.web import login, proposals, rules, searches
from monitor.web.aside.works import FIGURES
from monitor.web.backtests import State
from monitor.web.pages import _WRONG, MENU, MENU_OF_REVIEWERS

WEB = Path(shipped("templates"), "web")
CHINESE = yaml.safe_load((WEB / "zh.yaml").read_text("utf-8"))


def used():
    """Return all English words that pages may show."""
    words = {said for _, _, said in MENU + MENU_OF_REVIEWERS} | set(_WRONG.values())
    words |= {str(it) for kind in (DeliveryStatus, FeedState, PollOutcome, UserRole) for it in kind}
    words |= {"Company", "Topic", "Stage"}  # of the filters
    for module in (login, rules, searches):
        said = {name: it for name, it in vars(module).items() if isinstance(it, str)}
        words |= {it for name, it in said.items() if name.isupper()}
    words |= {str(it) for kind in (State, FIGURES, Verdict, Role) for it in kind}
    words |= {kind.capitalize() for kind in BY} | set(proposals.WORDS.values())
    weighed = Path(weigh.__file__).read_text("utf-8")
    words |= set(re.findall(r'scale\.add\(.*, "([^"]+)"\)', weighed))
    search = (WEB / "search.html.j2").read_text("utf-8")
    words |= set(re.findall(r"^  \('[^']+', '([^']+)'\)", search, re.MULTILINE))
    for path in WEB.glob("*.j2"):
        text = path.read_text("utf-8")
        words |= set(re.findall(r"_\('((?:[^'\\]|\\.)+)'", text))
        words |= set(re.findall(r" else '([^']+)'\) ", text))
    return words


def test_every_word_is_there_in_chinese():
    """A Chinese reader meets no English sentence, and no translation is left over."""
    assert used() - set(CHINESE) == set()
    assert set(CHINESE) - used() == set()


def test_translations_name_the_same_values():
    """What stands in braces is the same in both."""
    for english, chinese in CHINESE.items():
        assert sorted(re.findall(r"\{\w+\}", english)) == sorted(re.findall(r"\{\w+\}", chinese))
