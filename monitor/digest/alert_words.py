"""Words of an alert: its subject, text and HTML, from templates/alert/.

* As with a digest: words from a feed are values, never template source, the HTML loads nothing, and
  the subject is made of configured names alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import css_inline
from rich.cells import cell_len, set_cell_size

from monitor.digest.render import SUBJECT_COLUMNS, compiled, environment_of, filled
from monitor.model import Rendered
from monitor.text.html import one_line

if TYPE_CHECKING:
    from monitor.digest.alerts import Alert

_PARTS = ("alert/subject.txt.j2", "alert/body.txt.j2", "alert/body.html.j2")


class AlertRenderer:
    """Fills the alert's templates. Raises RenderError if one cannot be compiled."""

    def __init__(self) -> None:
        environment = environment_of(None)
        self._subject, self._text, self._html = (compiled(environment, part) for part in _PARTS)
        self._inliner = css_inline.CSSInliner(load_remote_stylesheets=False, minify_css=True)

    def render(self, alert: Alert) -> Rendered:
        """Return *alert* as it will be sent, to every recipient and at every attempt."""
        subject = one_line(filled(self._subject, alert=alert))
        if cell_len(subject) > SUBJECT_COLUMNS:
            subject = set_cell_size(subject, SUBJECT_COLUMNS - 3).rstrip() + "..."
        html = self._inliner.inline(filled(self._html, alert=alert))
        return Rendered(subject, filled(self._text, alert=alert), html)
