"""The shape of companies and topics defined in the configuration, as JSON Schema for editors.

* It tells editors which keys there are and what they mean; what is right in detail is checked by
  `monitor.detect.definitions`, whose keys a test holds against these.
"""

from __future__ import annotations

from typing import Any, Final

Shape = dict[str, Any]

_TEXT: Final[Shape] = {"type": "string", "minLength": 1}
_TEXTS: Final[Shape] = {"type": "array", "items": _TEXT}
_NAMES: Final[Shape] = {"type": "object", "additionalProperties": _TEXT}


def _object(keys: Shape, **more: object) -> Shape:
    return {"type": "object", "properties": keys, "additionalProperties": False, **more}


def _about(shape: Shape, description: str) -> Shape:
    return {**shape, "description": description}


SPELLING_KEYS: Final[Shape] = {
    "text": _about(_TEXT, 'The words; "monopol*" takes any ending, "abuse ... power" a gap.'),
    "lang": _about(_TEXT, "Its language, if its script does not tell."),
    "strength": {
        "enum": ["strong", "context"],
        "description": "Whether it counts by itself; context if it has `needs`.",
    },
    "case": {"type": "boolean", "description": "Whether its capitals count."},
    "needs": _about(_TEXTS, "Words, of which one must be in the sentence."),
    "near": {
        "type": "integer",
        "minimum": 1,
        "description": "How near they must be, in characters.",
    },
    "not": _about(_TEXTS, "Words, of which none may be in the sentence."),
    "after_company": {
        "type": "boolean",
        "description": "Whether a company's name directly before it stands for its `needs`.",
    },
    "always": {
        "type": "boolean",
        "description": "Whether it means its own topic for a company without listed shares too.",
    },
    "unless": _about(_TEXTS, "Longer phrases that hold it and mean something else."),
}
_SPELLINGS: Final[Shape] = {
    "type": "array",
    "items": {"anyOf": [_TEXT, _object(SPELLING_KEYS, required=["text"])]},
}
_TICKERS: Final[Shape] = {
    "type": "array",
    "items": {
        "anyOf": [
            {"type": "string", "examples": ["HKEX:9988", "NYSE:BABA"]},
            _object({"exchange": _TEXT, "code": _TEXT}, required=["exchange", "code"]),
        ]
    },
}
_IDENTIFIER: Final[Shape] = {"anyOf": [_TEXT, _TEXTS]}
IDENTIFIER_KEYS: Final[Shape] = {
    "wikidata": {"anyOf": [{"type": "string", "pattern": "^Q[1-9][0-9]*$"}, _TEXTS]},
    "lei": _IDENTIFIER,
    "cik": _IDENTIFIER,
    "isin": _IDENTIFIER,
}
PART_KEYS: Final[Shape] = {
    "aliases": _SPELLINGS,
    "tickers": _TICKERS,
    "identifiers": _object(IDENTIFIER_KEYS),
}
_PARTS: Final[Shape] = {
    "type": "object",
    "additionalProperties": {"anyOf": [_SPELLINGS, _object(PART_KEYS)]},
}
_ID: Final[Shape] = {
    "type": "string",
    "pattern": "^[a-z0-9][a-z0-9_-]*$",
    "description": "What commands and tables call it; made from its name if not given.",
}
_NAME: Final[Shape] = _about(_TEXT, "What mails call it.")
_EXTENSION: Final[Shape] = {
    "extends": _about(_TEXT, "The bundled one that this adds to."),
    "drop": _about(_TEXTS, "Spellings of that to take out."),
}
COMPANY_KEYS: Final[Shape] = {
    "name": _about(_TEXT, "What mails call it; a spelling too."),
    "names": _about(_NAMES, "Its names by language; spellings too."),
    "legal_names": _about(_SPELLINGS, "Its names in registers."),
    "aliases": _about(_SPELLINGS, "Other spellings."),
    "tickers": _about(_TICKERS, "Codes at exchanges, found in every common notation."),
    "identifiers": _about(_object(IDENTIFIER_KEYS), "Its numbers in registers."),
    "units": _about(_PARTS, "Parts of the company, reported as the company."),
    "people": _about(_PARTS, "People, who always need context."),
    "unless": _about(_TEXTS, "Phrases in which no spelling of it counts."),
    "listed": {"type": "boolean", "default": True, "description": "Whether it has listed shares."},
}
TOPIC_KEYS: Final[Shape] = {
    "name": _NAME,
    "names": _about(_NAMES, "Its names by language."),
    "keywords": _about(_SPELLINGS, "The words that say so."),
    "queries": _about(
        _TEXTS, "Queries in the language of searches; an article that answers one tells of it."
    ),
    "unless": _about(_TEXTS, "Phrases in which no keyword of it counts."),
    "not": _about(_TEXTS, "Words, of which none may be in a keyword's sentence."),
    "if_unlisted": _about(_TEXT, "The topic it means for a company without listed shares."),
}


def entry_shape(keys: Shape, *one_of: str) -> Shape:
    """Return the JSON Schema of an entry: a name, a file, a definition or an extension.

    A definition has at least *one_of* these keys.
    """
    some: Shape = {"anyOf": [{"required": [key]} for key in one_of]} if one_of else {}
    return {
        "anyOf": [
            _about(_TEXT, "A bundled one, or a YAML file of definitions."),
            _object({"id": _ID, **keys}, required=["name"], **some),
            _object({**_EXTENSION, **keys}, required=["extends"]),
        ]
    }
