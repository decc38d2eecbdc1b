"""The configuration: one YAML file, environment variables and secret files in, frozen values out.

* `load` finds every mistake in one go and names each with file, line and key path.
* Nothing is ignored: an unknown key, a duplicate or an unset variable stops the start.
* Scalars are read as in YAML 1.2: `07:30` and `no` are text, only `true` and `false` are switches.
* Values take effect in this order, the last one wins: default, file, `MONITOR_*` variable.

Every key is documented in docs/guide/configuration.md, which a test holds against the schema.
"""

from __future__ import annotations

from monitor.config.load import load
from monitor.config.settings import Config, Remembered

__all__ = ["Config", "Remembered", "load"]
