"""Printing what `monitor explain` found out: words, quotes with letters under them, and sums."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any, Final

from monitor.cli.marks import GAP, Mark, marked
from monitor.text.html import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

LETTERS: Final = {
    "company": "C",
    "topic": "T",
    "stage": "S",
    "regulator": "R",
    "amount": "A",
    "date": "D",
}
LONGEST: Final = 1000  # characters of a sentence that are printed


def show_text(told: dict[str, Any]) -> None:
    """Print the explanation of a text."""
    if told["silence"]:
        print(f"no match: {told['silence']}")
        _quotes(told["text"], told["found"])
    for match in told["matches"]:
        _match(match, told)
    _others(told["found"], told["matches"])


def show_hit(told: dict[str, Any]) -> None:
    """Print the explanation of a stored hit."""
    hit, article = told["hit"], told["article"]
    print(f"hit {hit['id']}: {hit['company']} / {hit['topic']}, score {hit['score']:.2f}")
    _article(article)
    if hit["withdrawn"]:
        print("withdrawn: the rules that were applied last do not find it")
    if hit["revision"] != article["revision"]:
        print(f"quotes text {hit['revision']} of the article, which is at {article['revision']}")
    print(f"lexicon {hit['lexicon'][:12]}: {_verdict(told)}")
    if told["present"]:
        _presently(told["present"])
    match = told.get("match")
    if told["verdict"] == "agrees":
        _match(match, told)
    else:
        print("\nas it is stored:")
        _match({**hit, "rejected": None, "amounts": ()}, told)
    if told["verdict"] == "differs" and match:
        print("\nas it is found now:")
        _match(match, told)
    for other in told.get("matches", ()):
        _match(other, told)
    _others(told.get("found", ()), [*told.get("matches", ()), match or hit])


def _verdict(told: dict[str, Any]) -> str:
    if told["verdict"] == "agrees":
        return "agrees; the stored text gives the same under the rules that made the hit"
    if told["verdict"] == "differs":
        return "differs\n" + "\n".join(f"  {one_line(it)}" for it in told["differences"])
    return f"{told['verdict']}, so that it cannot be derived again"


def _presently(present: dict[str, Any]) -> None:
    if present["found"]:
        print(f"the present rules find it too, score {present['score']:.2f}")
    else:
        print(f"the present rules do not report it: {one_line(present['reason'])}")


def show_address(told: dict[str, Any]) -> None:
    """Print what is known of an address."""
    if not told["stored"]:
        _unknown(told)
    for stored in told["articles"]:
        _article(stored["article"])
        print(f"  {one_line(stored['text']['title'])}")
        if stored["article"]["matched_with"] is None:
            print("detection failed on it: see the log; `monitor rematch` tries again")
        for hit in stored["hits"]:
            state = "withdrawn hit" if hit["withdrawn"] else "hit"
            print(
                f"{state} {hit['id']}: {hit['company']} / {hit['topic']}, "
                f"score {hit['score']:.2f}; `monitor explain {hit['id']}` says why"
            )
        for near in stored["near_misses"]:
            print(
                f"near-miss: {near['company']} / {near['topic']}, score {near['score']:.2f}: "
                f"{one_line(near['reason'])}"
            )
        print("\nunder the present rules:")
        show_text(stored)
        print()
    if told["more"]:
        print("and more articles with this address")


def _unknown(told: dict[str, Any]) -> None:
    print(f"{one_line(told['url'])} is not stored: no feed has shown it")
    if not told["feeds"]:
        print(f"no feed has ever shown an article of {one_line(told['site'])}")
    for feed in told["feeds"]:
        last = feed["last_ok_at"] or "never"
        trouble = f", last error: {one_line(feed['error'])}" if feed["error"] else ""
        print(f"feed {feed['key']} shows this site: {feed['state']}, last good {last}{trouble}")
        for since, until in feed["gaps"]:
            print(f"  no good poll between {since} and {until}")


def _article(article: dict[str, Any]) -> None:
    published = article["published_at"] or "without a date"
    print(
        f"article {article['id']} of feed {article['feed']}, published {published}, "
        f"first seen {article['first_seen']}\n{one_line(article['url'] or 'no address')}"
    )


# --- matches and quotes ------------------------------------------------------------------------


def _match(match: dict[str, Any] | None, told: dict[str, Any]) -> None:
    if match is None:
        return
    threshold = told.get("threshold")
    limit = "" if threshold is None else f" (reported from {threshold:.2f})"
    word = "reported"
    if match["rejected"]:
        possible = " but possible" if match["possible"] else ""
        word = f"not reported{possible}: {one_line(match['rejected'])}"
    print(f"\n{match['company']} / {match['topic']}: {word}; score {match['score']:.2f}{limit}")
    _quotes(told["text"], match["evidence"])
    sentence, rest = match["sentence"][:LONGEST], match["sentence"][LONGEST:]
    print(f"  sentence: {one_line(sentence)}{GAP if rest else ''}")
    for part in match["parts"]:
        print(f"  {part['value']:+.2f}  {one_line(part['rule'])}")
    facts = [f"{name} {match[name]}" for name in ("stage", "regulator") if match[name]]
    facts += [f"amount {it['value']} {it['currency']}" for it in match["amounts"]]
    facts += [f"date {match['event_date']}"] if match["event_date"] else []
    if facts:
        print(f"  {', '.join(facts)}")
    _rows(match["evidence"])


def _quotes(text: dict[str, str], quotes: Iterable[dict[str, Any]]) -> None:
    width = max(20, shutil.get_terminal_size((100, 24)).columns - 2)
    quotes = list(quotes)
    for field in ("title", "summary"):
        here = [it for it in quotes if it["field"] == field]
        if here or (field == "title" and not quotes):
            marks = [Mark(it["start"], it["end"], LETTERS[it["role"]]) for it in here]
            for shown in marked(text[field], marks, width=width):
                print(f"  {shown}")


def _rows(quotes: Iterable[dict[str, Any]]) -> None:
    for it in quotes:
        place = f"{it['field']} {it['start']}-{it['end']}"
        letter = LETTERS[it["role"]]
        print(f"  {letter} {it['role']:<9} {one_line(it['text'])}  ({place}, {it['term']})")


def _others(found: Iterable[dict[str, Any]], matches: Sequence[dict[str, Any]]) -> None:
    """Print what stands in the text and is evidence of none of *matches*."""
    used = {_place(quote) for match in matches if match for quote in match["evidence"]}
    others = [it for it in found if _place(it) not in used]
    if others:
        print("\nelse in the text:")
    for it in others:
        state = f"does not count: {one_line(it['problem'])}" if it["problem"] else "counts"
        place = f"{it['field']} {it['start']}-{it['end']}"
        print(f"  {it['role']} {it['key']}: {one_line(it['text'])} ({place}), {state}")


def _place(quote: dict[str, Any]) -> tuple[Any, ...]:
    return quote["role"], quote["field"], quote["start"], quote["end"]
