"""Argo's expression language, as much of it as a lowered workflow uses, for the interpreter in these tests.

`tests/conformance` evaluates the same expressions with Argo's own engine and compares.
"""

from __future__ import annotations

import hashlib
import json
import re
from decimal import Decimal
from typing import Any

_TOKEN = re.compile(
    r"""\s*(?:(?P<number>\d+(?:\.\d+)?(?:e[+-]?\d+)?)
      | (?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
      | (?P<name>[A-Za-z_]\w*)
      | (?P<op>\?\?|\?\.|&&|\|\||==|!=|<=|>=|[-+*/<>!?:.,()\[\]{}\#]))""",
    re.VERBOSE,
)
_BINARY = {"??": 1, "||": 2, "or": 2, "&&": 3, "and": 3, "==": 4, "!=": 4, "<": 4, "<=": 4, ">": 4, ">=": 4}
_BINARY |= {"startsWith": 4, "+": 5, "-": 5, "*": 6, "/": 6}


class ExpressionError(Exception):
    """The expression does not compile, or fails."""


def evaluate(source: str, env: dict[str, Any]) -> Any:
    """Evaluate an expression over an environment of flat, dotted names, as Argo holds them."""
    tree = _Parser(source).whole()
    return _run(tree, {**_FUNCTIONS, **_expand(env)}, None)


def _expand(flat: dict[str, Any]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for name, value in sorted(flat.items()):
        *path, last = name.split(".")
        place = nested
        for part in path:
            inner = place.get(part)
            if not isinstance(inner, dict):
                inner = place[part] = {}
            place = inner
        if not isinstance(place.get(last), dict):
            place[last] = value
    return nested


class _Parser:
    def __init__(self, source: str) -> None:
        self.tokens: list[tuple[str, str]] = []
        at = 0
        while source[at:].strip():
            match = _TOKEN.match(source, at)
            if match is None:
                raise ExpressionError(f"unexpected {source[at : at + 20]!r} in {source!r}")
            self.tokens.append((match.lastgroup or "", match.group(match.lastgroup or 0)))
            at = match.end()
        self.tokens.append(("end", ""))

    def peek(self) -> str:
        return self.tokens[0][1] if self.tokens[0][0] != "string" else ""

    def take(self, wanted: str | None = None) -> tuple[str, str]:
        token = self.tokens.pop(0)
        if wanted is not None and token[1] != wanted:
            raise ExpressionError(f"{wanted!r} expected, not {token[1]!r}")
        return token

    def whole(self) -> Any:
        tree = self.ternary()
        if self.tokens[0][0] != "end":
            raise ExpressionError(f"unexpected {self.tokens[0][1]!r}")
        return tree

    def ternary(self) -> Any:
        condition = self.binary(0)
        if self.peek() != "?":
            return condition
        self.take()
        then = self.ternary()
        self.take(":")
        return ("if", condition, then, self.ternary())

    def binary(self, least: int) -> Any:
        left = self.unary()
        while self.tokens[0][0] in ("op", "name") and _BINARY.get(self.peek(), 0) > least:
            operator = self.take()[1]
            left = ("binary", operator, left, self.binary(_BINARY[operator]))
        return left

    def unary(self) -> Any:
        if self.peek() in ("!", "not"):
            self.take()
            return ("not", self.unary())
        if self.peek() == "-":
            self.take()
            return ("negative", self.unary())
        return self.postfix(self.primary())

    def primary(self) -> Any:
        kind, text = self.take()
        if kind == "number":
            return ("value", float(text) if re.search("[.e]", text) else int(text))
        if kind == "string":
            return ("value", _unquote(text))
        if text == "(":
            tree = self.ternary()
            self.take(")")
            return tree
        if text == "[":
            return ("list", self.items("]"))
        if text == "{":
            pairs = []
            while self.peek() != "}":
                key = self.take()
                self.take(":")
                pairs.append((_unquote(key[1]) if key[0] == "string" else key[1], self.ternary()))
                if self.peek() == ",":
                    self.take()
            self.take("}")
            return ("map", pairs)
        if text == "#":
            return ("item",)
        if kind == "name":
            constants = {"true": True, "false": False, "nil": None}
            return ("value", constants[text]) if text in constants else ("name", text)
        raise ExpressionError(f"unexpected {text!r}")

    def items(self, closing: str) -> list[Any]:
        found = []
        while self.peek() != closing:
            found.append(self.ternary())
            if self.peek() == ",":
                self.take()
        self.take(closing)
        return found

    def postfix(self, tree: Any) -> Any:
        while self.peek() in (".", "?.", "[", "("):
            operator = self.take()[1]
            if operator == "[":
                tree = ("get", tree, self.ternary(), False)
                self.take("]")
            elif operator == "(":
                tree = ("call", tree, self.items(")"))
            else:
                tree = ("get", tree, ("value", self.take()[1]), operator == "?.")
        return tree


def _unquote(text: str) -> str:
    def character(match: re.Match[str]) -> str:
        escape = match.group(1)
        return chr(int(escape[1:], 16)) if escape[0] == "u" else {"n": "\n", "t": "\t", "r": "\r"}.get(escape, escape)

    return re.sub(r"\\(u[0-9a-fA-F]{4}|.)", character, text[1:-1], flags=re.DOTALL)


def _run(tree: Any, env: dict[str, Any], item: Any) -> Any:
    kind = tree[0]
    if kind == "value":
        return tree[1]
    if kind == "item":
        return item
    if kind == "name":
        if tree[1] not in env:
            raise ExpressionError(f"unknown name {tree[1]}")
        return env[tree[1]]
    if kind == "list":
        return [_run(each, env, item) for each in tree[1]]
    if kind == "map":
        return {key: _run(value, env, item) for key, value in tree[1]}
    if kind == "if":
        return _run(tree[2] if _run(tree[1], env, item) is True else tree[3], env, item)
    if kind == "not":
        return not _run(tree[1], env, item)
    if kind == "negative":
        return -_run(tree[1], env, item)
    if kind == "get":
        return _get(_run(tree[1], env, item), _run(tree[2], env, item), tree[3])
    if kind == "call":
        return _call(tree, env, item)
    return _binary(tree, env, item)


def _get(holder: Any, key: Any, optional: bool) -> Any:
    if holder is None:
        if optional:
            return None
        raise ExpressionError(f"cannot get {key!r} of nil")
    return holder.get(key) if isinstance(holder, dict) else holder[int(key)]


def _call(tree: Any, env: dict[str, Any], item: Any) -> Any:
    if tree[1] == ("name", "map"):
        values, predicate = tree[2]
        return [_run(predicate, env, each) for each in _run(values, env, item)]
    function = _run(tree[1], env, item)
    if not callable(function):
        raise ExpressionError(f"{tree[1]} is no function")
    try:
        return function(*[_run(each, env, item) for each in tree[2]])
    except (TypeError, ValueError, AttributeError) as error:
        raise ExpressionError(str(error)) from error


def _binary(tree: Any, env: dict[str, Any], item: Any) -> Any:
    _, operator, left, right = tree
    if operator == "??":
        try:
            value = _run(left, env, item)
        except ExpressionError:
            value = None
        return _run(right, env, item) if value is None else value
    first = _run(left, env, item)
    if operator in ("&&", "and"):
        return first and _run(right, env, item)
    if operator in ("||", "or"):
        return first or _run(right, env, item)
    second = _run(right, env, item)
    operations = {
        "==": lambda: first == second and isinstance(first, bool) == isinstance(second, bool),
        "!=": lambda: first != second,
        "<": lambda: first < second,
        "<=": lambda: first <= second,
        ">": lambda: first > second,
        ">=": lambda: first >= second,
        "+": lambda: first + second,
        "-": lambda: first - second,
        "*": lambda: first * second,
        "/": lambda: first / second,
        "startsWith": lambda: first.startswith(second),
    }
    try:
        return operations[operator]()
    except (TypeError, AttributeError) as error:
        raise ExpressionError(str(error)) from error


def go_json(value: Any) -> str:
    """Write JSON as Go does: sorted keys, no spaces, exponents only where Go has them, no HTML characters."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{go_json(key)}:{go_json(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(go_json, value)) + "]"
    if isinstance(value, float):
        if value and not 1e-6 <= abs(value) < 1e21:
            return re.sub("e-0", "e-", _go_string(value))
        text = format(Decimal(repr(value)), "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    text = json.dumps(value, ensure_ascii=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _from_json(text: str) -> Any:
    try:
        return json.loads(text, parse_int=float)
    except ValueError as error:
        raise ExpressionError(f"not JSON: {text[:80]!r}") from error


def _type(value: Any) -> str:
    kinds = {str: "string", bool: "bool", int: "int", float: "float", list: "array", dict: "map", type(None): "nil"}
    return kinds[type(value)]


def _go_string(value: Any) -> str:
    """Write a float as Go's ``%v`` does: the shortest digits, with an exponent below 1e-4 and from a million on."""
    if not isinstance(value, float):
        raise TypeError("only floats are written so here")
    mantissa, _, exponent = f"{Decimal(repr(value)).normalize():e}".partition("e")
    return format(Decimal(repr(value)), "f") if -4 <= int(exponent) < 6 else f"{mantissa}e{int(exponent):+03d}"


_FUNCTIONS: dict[str, Any] = {
    "fromJSON": _from_json,
    "toJson": go_json,
    "replace": lambda text, old, new: text.replace(old, new),
    "lower": lambda text: text.lower(),
    "split": lambda text, by, most: text.split(by, most - 1),
    "trimPrefix": lambda text, prefix: text.removeprefix(prefix),
    "type": _type,
    "int": int,
    "float": float,
    "map": None,
    "sprig": {"sha256sum": lambda text: hashlib.sha256(text.encode()).hexdigest(), "toString": _go_string},
}
