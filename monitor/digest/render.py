"""Rendering: an edition in; subject, text and HTML out. The words are in templates/digest/.

* Words from a feed are values, never template source; HTML is escaped by default, and no template
  can change that. The subject is made of configured names alone.
* Templates are compiled when a `Renderer` is made: a mistake stops the start, not a digest.
* The HTML loads nothing. The styles of style.css are moved into the elements, since some mail
  programs drop style sheets; rules for dark mode and narrow screens stay, for those that do not.
* An entry is rendered once for all editions that hold the same one, and stays in a bounded cache.
* The same edition always gives the same bytes.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import css_inline
from jinja2 import (
    Environment,
    FileSystemLoader,
    StrictUndefined,
    TemplateError,
    TemplateSyntaxError,
)
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup
from rich.cells import cell_len, set_cell_size

from monitor.digest.wrap import WIDTH, wrap
from monitor.errors import RenderError
from monitor.model import Rendered
from monitor.resources import shipped
from monitor.text.counted import counted
from monitor.text.html import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from jinja2 import Template

    from monitor.digest.edition import Bar, Edition, Entry, Line
    from monitor.digest.excerpt import Piece

SUBJECT_COLUMNS = 78  # what most mail programs show, and one header line (RFC 5322, 2.1.1)
KEPT = 6000  # entries rendered

SUBJECT, TEXT, HTML = "digest/subject.txt.j2", "digest/body.txt.j2", "digest/body.html.j2"
ENTRY_TEXT, ENTRY_HTML, STYLE = "digest/entry.txt.j2", "digest/entry.html.j2", "digest/style.css"
TEMPLATES = (SUBJECT, TEXT, HTML, ENTRY_TEXT, ENTRY_HTML, STYLE)
_PLACE = re.compile("<!--entry ([0-9]+)-->")  # no word of a feed can make one: < is escaped


@dataclass(frozen=True, slots=True)
class _Shown:
    """An entry as it looks; *octets* is about what it takes of a mail."""

    entry: Entry
    text: str
    html: str
    octets: int


class Renderer:
    """Fills the digest's templates; those in *folder* come before the shipped ones.

    Raises RenderError, which names template and line, if one cannot be read or compiled.
    """

    def __init__(self, folder: str | Path | None = None) -> None:
        environment = environment_of(folder)
        environment.filters |= {
            "block": lambda entry: Markup(f"<!--entry {self._place(entry)}-->"),  # noqa: S704 - a number
            "lines": lambda entry: self._show(entry).text,
        }
        self._subject, self._text, self._html, self._entry_text, self._entry_html = (
            compiled(environment, name) for name in (SUBJECT, TEXT, HTML, ENTRY_TEXT, ENTRY_HTML)
        )
        self._style = _source(environment, STYLE)
        self._inliner = css_inline.CSSInliner(
            load_remote_stylesheets=False, minify_css=True, extra_css=self._style
        )
        self._of_entries = css_inline.CSSInliner(load_remote_stylesheets=False, minify_css=True)
        self._kept: OrderedDict[int, _Shown] = OrderedDict()
        self._placed: list[Entry] = []

    def octets(self, entry: Entry) -> int:
        """Return about how many octets of a mail *entry* takes."""
        return self._show(entry).octets

    def render(self, edition: Edition) -> Rendered:
        """Return *edition* as it will be sent, to every recipient and at every attempt.

        Raises RenderError, which names template and line, if a template cannot be filled.
        """
        self._placed = []
        html = self._inlined(filled(self._html, edition=edition))
        html = _PLACE.sub(lambda place: self._show(self._placed[int(place[1])]).html, html)
        return Rendered(self._subject_of(edition), filled(self._text, edition=edition), html)

    def _inlined(self, html: str) -> str:
        try:
            return self._inliner.inline(html)
        except css_inline.InlineError as error:
            raise RenderError(f"{STYLE}: a style that cannot be read: {error}") from error

    def _place(self, entry: Entry) -> int:
        self._placed.append(entry)
        return len(self._placed) - 1

    def _show(self, entry: Entry) -> _Shown:
        # By identity, which costs nothing: whoever composes many editions keeps its entries, and
        # what is kept here keeps its entry alive, so that no other one takes its number.
        shown = self._kept.get(id(entry))
        if shown is None:
            shown = self._kept[id(entry)] = self._made(entry)
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return shown

    def _made(self, entry: Entry) -> _Shown:
        text = filled(self._entry_text, entry=entry)
        html = filled(self._entry_html, entry=entry)
        try:
            html = self._of_entries.inline_fragment(html, self._style)
        except css_inline.InlineError as error:
            raise RenderError(f"{STYLE}: a style that cannot be read: {error}") from error
        return _Shown(entry, text, html, _octets(text) + _octets(html))

    def _subject_of(self, edition: Edition) -> str:
        """Return the subject with the fullest lead that fits, the shortest one cut if none does."""
        subject = ""
        for lead in edition.leads or ("",):
            subject = one_line(filled(self._subject, edition=edition, lead=lead))
            if cell_len(subject) <= SUBJECT_COLUMNS:
                return subject
        lead = edition.leads[-1] if edition.leads else ""
        while lead and cell_len(subject) > SUBJECT_COLUMNS:
            lead = lead[:-1]
            subject = one_line(filled(self._subject, edition=edition, lead=lead + "..."))
        return subject


def environment_of(folder: str | Path | None) -> Environment:
    """Return where templates are looked for and what they can use.

    Everything but plain text is escaped, and nothing can be declared safe. Templates of an
    operator's run in a sandbox, which costs time and is of no use to ours.
    """
    folders = [shipped("templates")] if folder is None else [folder, shipped("templates")]
    kind = Environment if folder is None else ImmutableSandboxedEnvironment
    environment = kind(
        loader=FileSystemLoader(folders),
        undefined=StrictUndefined,
        autoescape=lambda name: name is None or not name.endswith(".txt.j2"),
        trim_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
    )
    del environment.filters["safe"]
    environment.filters |= {
        "count": counted,
        "marked": _starred,
        "underline": lambda text: "=" * min(cell_len(text), WIDTH),
        "wrap": wrap,
        "bars": bars,
        "columns": columns,
        "step": lambda step: f"{step.stage} {step.day}",
    }
    return environment


def _octets(part: str) -> int:
    """Return about how many octets *part* takes, as quoted-printable or base64."""
    octets = part.encode("utf-8", "replace")
    beyond = sum(map(octets.count, b"=")) + len(octets) - len(part)  # nothing is exact here
    return min(len(octets) * 103 // 100 + 2 * beyond, len(octets) * 137 // 100)


def compiled(environment: Environment, name: str) -> Template:
    """Return the template; raise RenderError, which names template and line, if it is none."""
    try:
        return environment.get_template(name)
    except TemplateSyntaxError as error:
        raise RenderError(f"{error.filename or name}:{error.lineno}: {error.message}") from error
    except (TemplateError, OSError, UnicodeDecodeError) as error:
        raise RenderError(f"template {name}: {type(error).__name__}: {error}") from error


def _source(environment: Environment, name: str) -> str:
    try:
        loader = environment.loader
        return loader.get_source(environment, name)[0] if loader else ""
    except (TemplateError, OSError, UnicodeDecodeError) as error:
        raise RenderError(f"template {name}: {type(error).__name__}: {error}") from error


def filled(template: Template, **values: object) -> str:
    """Return *template* filled with *values*; raise RenderError, which names its line."""
    try:
        return template.render(values)
    except Exception as error:
        # A template is a program: it may fail in any way. Jinja puts its lines in the traceback.
        raise RenderError(f"{_line(template, error)}: {type(error).__name__}: {error}") from error


def _line(template: Template, error: BaseException) -> str:
    where, trace = f"template {template.name}", error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == template.filename:
            where = f"{template.filename}:{trace.tb_lineno}"
        trace = trace.tb_next
    return where


# --- filters -----------------------------------------------------------------------------------


def _starred(pieces: Iterable[Piece], stars: bool = True) -> str:  # noqa: FBT001, FBT002 - a filter
    return "".join(f"*{piece.text}*" if piece.marked and stars else piece.text for piece in pieces)


def bars(chart: Iterable[Bar], height: int = 5) -> list[str]:
    """Return *chart* as lines of text, two columns to a bar: + stands for hits, # for high ones."""
    bars = list(chart)
    most = max((bar.hits for bar in bars), default=0)
    if not most:
        return []
    lines = []
    for level in range(height, 0, -1):
        cells = (_mark(bar, most, height, level) for bar in bars)
        lines.append("".join(f"{cell} " for cell in cells).rstrip())
    return lines


def _mark(bar: Bar, most: int, height: int, level: int) -> str:
    filled, high = (-(-number * height // most) for number in (bar.hits, bar.high))
    return " " if level > filled else "#" if level <= high else "+"


def columns(lines: Iterable[Line]) -> str:
    """Return the coverage table as text in columns, within WIDTH."""
    head = ("Feed", "State", "Polls", "Entries", "New", "Hits")
    rows = [head] + [
        (it.feed, it.state, *(f"{n:,}" for n in (it.polls, it.entries, it.new, it.matched)))
        for it in lines
    ]
    widths = [max(cell_len(row[at]) for row in rows) for at in range(1, len(head))]
    room = WIDTH - sum(widths) - len(widths)
    return "\n".join(
        " ".join([set_cell_size(row[0], room), *map(str.rjust, row[1:], widths)]).rstrip()
        for row in rows
    )
