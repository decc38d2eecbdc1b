"""Exit 0 if the last line of the log on standard input is the JSON event named, else 1.

Usage: last_event.py EVENT. Whatever else is printed by the program must be JSON as well.
"""

# ruff: noqa: INP001 - a script beside shell scripts
from __future__ import annotations

import json
import sys


def main() -> int:
    """Return the exit code."""
    events = [json.loads(line)["event"] for line in sys.stdin if line.strip()]
    return 0 if events[-1:] == [sys.argv[1]] else 1


if __name__ == "__main__":
    sys.exit(main())
