"""Argo's substitution of tags, as it is done on the JSON text of a template, for the interpreter in these tests."""

from __future__ import annotations

import json
from typing import Any

from tests.pipeline_tools.compiler.argo.expr_lang import ExpressionError, evaluate, go_json


def substitute(document: Any, variables: dict[str, str]) -> Any:
    """Replace every tag that can be resolved; leave the others as they stand."""
    text = json.dumps(document, ensure_ascii=False)
    out: list[str] = []
    at = 0
    while (start := text.find("{{", at)) >= 0:
        end = text.find("}}", start)
        if end < 0:
            break
        out += [text[at:start], _resolved(text[start + 2 : end], variables)]
        at = end + 2
    result = "".join([*out, text[at:]])
    try:
        return json.loads(result)
    except ValueError as error:
        raise ValueError(f"the replacement made invalid JSON: {result}") from error


def _resolved(tag: str, variables: dict[str, str]) -> str:
    if not tag.startswith("="):
        value = variables.get(tag.strip())
        return "{{" + tag + "}}" if value is None else _go_quote(value)
    try:
        result = evaluate(json.loads(f'"{tag[1:]}"'), variables)
    except (ExpressionError, ValueError):
        result = None
    if result is None:
        return "{{" + tag + "}}"
    written = go_json(result)
    return written[1:-1] if isinstance(result, str) else json.dumps(written)[1:-1]


def _go_quote(text: str) -> str:
    """Quote as Go's strconv.Quote does, without the quotes: not always JSON, which is one reason to avoid it."""
    escapes = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t", "\a": "\\a", "\b": "\\b", "\v": "\\v"}
    return "".join(
        escapes.get(c) or (c if c.isprintable() else f"\\x{ord(c):02x}" if ord(c) < 0x80 else f"\\u{ord(c):04x}")
        for c in text
    )
