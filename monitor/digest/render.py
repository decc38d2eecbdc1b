"""Rendering: an edition in; subject, text and HTML out. The words are in templates/digest/.

* Words from a feed are values, never template source; HTML is escaped by default, and the subject
  is made of configured names alone.
* Templates are compiled when a `Renderer` is made: a mistake stops the start, not a digest.
* The HTML loads nothing. Its styles are moved into the elements, since some mail programs drop
  style sheets; rules for dark mode and narrow screens stay, for those that do not.
* The same edition always gives the same bytes.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

import css_inline
from jinja2 import FileSystemLoader, StrictUndefined, TemplateError, TemplateSyntaxError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from rich.cells import cell_len

from monitor.errors import RenderError
from monitor.model import Rendered
from monitor.resources import shipped
from monitor.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from jinja2 import Template

    from monitor.digest.compose import Edition
    from monitor.digest.excerpt import Piece

WIDTH = 72  # columns of the text part
SUBJECT_CHARS = 78  # what most mail programs show, and one header line (RFC 5322, 2.1.1)

_PARTS = ("digest/subject.txt.j2", "digest/body.txt.j2", "digest/body.html.j2")


class Renderer:
    """Fills the digest's templates; those in *folder* come before the shipped ones.

    Raises RenderError, which names template and line, if one cannot be read or compiled.
    """

    def __init__(self, folder: Path | None = None) -> None:
        folders = [shipped("templates")] if folder is None else [folder, shipped("templates")]
        environment = ImmutableSandboxedEnvironment(
            loader=FileSystemLoader(folders),
            undefined=StrictUndefined,
            autoescape=lambda name: name is not None and name.endswith(".html.j2"),
            trim_blocks=True,
            keep_trailing_newline=True,
            auto_reload=False,
        )
        environment.filters |= {
            "count": _count,
            "marked": _starred,
            "underline": lambda text: "=" * min(cell_len(text), WIDTH),
            "wrap": wrap,
        }
        self._subject, self._text, self._html = (_compiled(environment, name) for name in _PARTS)
        self._inliner = css_inline.CSSInliner(load_remote_stylesheets=False, minify_css=True)

    def render(self, edition: Edition) -> Rendered:
        """Return *edition* as it will be sent, to every recipient and at every attempt.

        Raises RenderError, which names template and line, if a template cannot be filled.
        """
        html = _filled(self._html, edition=edition)
        try:
            html = self._inliner.inline(html)
        except css_inline.InlineError as error:
            raise RenderError(f"{_PARTS[2]}: a style that cannot be read: {error}") from error
        return Rendered(self._subject_of(edition), _filled(self._text, edition=edition), html)

    def _subject_of(self, edition: Edition) -> str:
        """Return the subject with the fullest lead that fits, the shortest one cut if none does."""
        subject = ""
        for lead in edition.leads or ("",):
            subject = one_line(_filled(self._subject, edition=edition, lead=lead))
            if len(subject) <= SUBJECT_CHARS:
                return subject
        lead = edition.leads[-1] if edition.leads else ""
        cut = max(1, len(lead) - (len(subject) - SUBJECT_CHARS) - len("..."))
        return one_line(_filled(self._subject, edition=edition, lead=lead[:cut] + "..."))


def _compiled(environment: ImmutableSandboxedEnvironment, name: str) -> Template:
    try:
        return environment.get_template(name)
    except TemplateSyntaxError as error:
        raise RenderError(f"{error.filename or name}:{error.lineno}: {error.message}") from error
    except (TemplateError, OSError, UnicodeDecodeError) as error:
        raise RenderError(f"template {name}: {type(error).__name__}: {error}") from error


def _filled(template: Template, **values: object) -> str:
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


def _count(number: int, noun: str, nouns: str | None = None) -> str:
    return f"{number:,} " + (noun if number == 1 else nouns or f"{noun}s")


def _starred(pieces: Iterable[Piece], stars: bool = True) -> str:  # noqa: FBT001, FBT002 - a filter
    return "".join(f"*{piece.text}*" if piece.marked and stars else piece.text for piece in pieces)


_NOT_FIRST = frozenset("、。，．：；！？）〕］｝〉》」』】’”…—·%％,.;:!?)]}*")
_NOT_LAST = frozenset("（〔［｛〈《「『【‘“([{*")
_BLANK = re.compile(r"\s+")


def wrap(text: str, first: str = "", rest: str = "", width: int = WIDTH) -> str:
    """Return *text* folded into lines of at most *width* columns, of which Han take two.

    Lines begin with *first*, then *rest*. Chinese breaks between any two characters but before a
    closing mark and after an opening one; a word longer than a line is cut.
    """
    lines: list[str] = []
    line, used = first, cell_len(first)
    margin = used
    for atom in _atoms(text, width - max(cell_len(first), cell_len(rest))):
        wide = cell_len(atom)
        if used + cell_len(atom.rstrip()) > width and used > margin:
            lines.append(line.rstrip())
            line, used = rest, cell_len(rest)
            margin = used
        line += atom
        used += wide
    return "\n".join([*lines, line.rstrip()])


def _atoms(text: str, width: int) -> Iterator[str]:
    """Yield the unbreakable parts of *text*, each with the blank that follows it."""
    atom, wide = "", 0
    for char in _BLANK.sub(" ", text.strip()):
        cells = cell_len(char)
        if atom and (_may_break(atom[-1], char) or (char != " " and wide + cells > width)):
            yield atom
            atom, wide = "", 0
        atom += char
        wide += cells
    if atom:
        yield atom


def _may_break(before: str, after: str) -> bool:
    if before == " ":
        return True
    if after == " " or after in _NOT_FIRST or before in _NOT_LAST:
        return False
    return _is_wide(before) or _is_wide(after)


def _is_wide(char: str) -> bool:
    return unicodedata.east_asian_width(char) in "WF"
