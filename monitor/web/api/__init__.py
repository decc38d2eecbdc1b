"""The HTTP API under /api/v1: what the pages show, as JSON for programs, and what they change.

* `endpoints.py` is the table of addresses: routes and the OpenAPI document are both made from it.
* `takes.py` and `shapes.py` are the pydantic models that requests are read by and answers are
  written by, and whose JSON Schemas the document holds: it cannot say anything else than what is
  done.
* Errors are problem details (RFC 9457), lists are pages with an opaque cursor.

The API is described in docs/guide/api.md.
"""
