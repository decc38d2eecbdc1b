"""Rules that were tried lately, made ready: who tries them on one text tries them on another."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

from monitor.config.trial import read_rules
from monitor.detect.associate import Detector

if TYPE_CHECKING:
    from monitor.config.settings import Config
    from monitor.detect.lexicon import Lexicon

KEPT: Final = 3


@dataclass(frozen=True)
class Rules:
    """What was written, as detection has it."""

    lexicon: Lexicon

    @cached_property
    def detector(self) -> Detector:
        """Finds what they find in a text."""
        return Detector(self.lexicon)


class Tried:
    """The last few rules that were tried, in place of those that *config* has."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._kept: OrderedDict[str, Rules] = OrderedDict()
        self._lock = threading.Lock()

    def rules(self, text: str) -> Rules:
        """Return what the rules in *text* are. Raises ConfigError with every mistake."""
        with self._lock:
            if text in self._kept:
                self._kept.move_to_end(text)
                return self._kept[text]
        read = Rules(read_rules(text, self._config))
        with self._lock:
            self._kept[text] = read
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return read
