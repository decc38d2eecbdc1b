"""Regulatory Monitor: tells people when a company on their watch-list meets a regulator.

Start reading at `monitor/model/` (the words), then `monitor/pipeline/` (the line).
"""

__version__ = "0.1.0"
