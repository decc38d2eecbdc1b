"""Where each value came from, and the mistakes found so far.

* A value has one place: a line of the file, or the variable that set it.
* A key path is reported once: what follows from a first mistake is noise.
* Mistakes come out in file order; those in other files and in variables follow.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from monitor.config.marks import walk_to
from monitor.errors import ConfigError, Mistake

if TYPE_CHECKING:
    from collections.abc import Mapping

    from monitor.config.marks import KeyPath

_FILE, _OTHER_FILE, _VARIABLE = range(3)


@dataclass(slots=True, eq=False)
class Places:
    """The places of the values of one *file*, and every mistake reported about them."""

    file: str
    lines: Mapping[KeyPath, int] = field(default_factory=dict)
    variables: dict[KeyPath, str] = field(default_factory=dict)
    _found: list[tuple[int, str, int, Mistake]] = field(default_factory=list)
    _reported: set[KeyPath] = field(default_factory=set)

    def report(self, path: KeyPath, message: str, *, line: int | None = None) -> None:
        """Take down a mistake at *path*, unless one was taken down there before."""
        if path in self._reported and line is None:
            return
        self._reported.add(path)
        if variable := self.variable(path):
            mistake = Mistake(variable, dotted(path), message)
            self._found.append((_VARIABLE, variable, 0, mistake))
            return
        line = line or self.line(path)
        place = f"{self.file}:{line}" if line else self.file
        self._found.append((_FILE, "", line, Mistake(place, dotted(path), message)))

    def report_elsewhere(self, file: str, line: int, path: KeyPath, message: str) -> None:
        """Take down a mistake in another *file*, such as one of the bundled lexicon."""
        mistake = Mistake(f"{file}:{line}", dotted(path), message)
        self._found.append((_OTHER_FILE, file, line, mistake))

    def report_variable(self, variable: str, message: str) -> None:
        """Take down a mistake in an environment variable that stands for no value."""
        self._found.append((_VARIABLE, variable, 0, Mistake(variable, "", message)))

    def line(self, path: KeyPath) -> int:
        """Return the line of *path*, or of the closest thing round it; 0 for none."""
        return next((self.lines[part] for part in _outwards(path) if part in self.lines), 0)

    def where(self, path: KeyPath) -> str:
        """Return the place of *path* as part of a sentence: "line 4" or a variable's name."""
        return self.variable(path) or f"line {self.line(path)}"

    def place(self, path: KeyPath) -> str:
        """Return the place of *path* as it stands before a mistake: "config.yaml:4"."""
        return self.variable(path) or f"{self.file}:{self.line(path)}"

    @property
    def any(self) -> bool:
        """Whether a mistake was reported."""
        return bool(self._found)

    def any_inside(self, path: KeyPath) -> bool:
        """Return whether a mistake was reported at *path* or below."""
        return any(reported[: len(path)] == path for reported in self._reported)

    def stop_if_any(self) -> None:
        """Raise ConfigError with all mistakes, in order, if there are any."""
        if self._found:
            ordered = sorted(self._found, key=lambda found: found[:3])
            raise ConfigError(*(mistake for *_, mistake in ordered))

    def variable(self, path: KeyPath) -> str | None:
        """Return the variable that set *path*, or None if the file did."""
        # A variable may set a whole list, or the parent of a key that is missing.
        return next((self.variables[at] for at in _outwards(path) if at in self.variables), None)


def dotted(path: KeyPath) -> str:
    """Return *path* as people write it: `feeds[0].url`."""
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return "".join(steps).removeprefix(".")


def shown_path(data: object, path: KeyPath) -> KeyPath:
    """Return *path* cut to what was written: `at[0]` is `at` if one time stands there."""
    return walk_to(data, path)[0]


def _outwards(path: KeyPath) -> list[KeyPath]:
    return [path[:depth] for depth in range(len(path), -1, -1)]
