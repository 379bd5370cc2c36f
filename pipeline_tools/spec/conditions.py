"""Evaluate the conditions that KFP compiles `dsl.If` to: a small part of the Common Expression Language."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline_tools.errors import InputError

_TOKEN = re.compile(
    r"""\s*(?:
        inputs\.parameter_values\['(?P<parameter>[^']+)'\]
      | '(?P<string>[^']*)'
      | (?P<number>-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)
      | (?P<word>true|false|int|double)\b
      | (?P<operator>&&|\|\||==|!=|<=|>=|<|>|!|\(|\))
    )""",
    re.VERBOSE,
)

_CHANNEL = re.compile(r"inputs\.parameter_values\['(?:pipelinechannel--)?([^']+)'\]")
_CHANNEL_AS_INT = re.compile(rf"int\(({_CHANNEL.pattern})\)")

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "==": lambda left, right: bool(left == right),
    "!=": lambda left, right: bool(left != right),
    "<": lambda left, right: bool(left < right),
    "<=": lambda left, right: bool(left <= right),
    ">": lambda left, right: bool(left > right),
    ">=": lambda left, right: bool(left >= right),
}

_Value = Callable[[Mapping[str, Any]], Any]


@dataclass(frozen=True)
class Condition:
    """A condition that was read.

    Attributes:
        text: As it stands in the specification.
        value: Gives the truth for the parameters of the task that carries the condition.
    """

    text: str
    value: Callable[[Mapping[str, Any]], bool]

    def __str__(self) -> str:
        """The condition as its author thinks of it: ``add-Output > 3``."""
        return _CHANNEL.sub(r"\1", _CHANNEL_AS_INT.sub(r"\1", self.text))


def parse_condition(text: str) -> Condition:
    """Read a condition.

    Args:
        text: For example ``int(inputs.parameter_values['pipelinechannel--n']) > 3 && !(…)``.

    Returns:
        The condition, ready to be evaluated.

    Raises:
        InputError: The text is no condition that the KFP compiler writes.
    """
    parser = _Parser(text)
    value = parser.either()
    parser.end()
    return Condition(text, lambda parameters: bool(value(parameters)))


class _Parser:
    """Recursive descent: or, and, not, comparison, operand."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens: list[tuple[str, str]] = []
        at = 0
        while text[at:].strip():
            match = _TOKEN.match(text, at)
            if match is None:
                raise self._error(text[at:].strip())
            assert match.lastgroup is not None
            self._tokens.append((match.lastgroup, match.group(match.lastgroup)))
            at = match.end()

    def _error(self, at: str) -> InputError:
        return InputError(f"cannot read the condition {self._text!r}, at {at!r}")

    def _next(self, *wanted: str) -> str | None:
        """Take the next token if it is one of these operators or words."""
        if self._tokens and self._tokens[0][0] in ("operator", "word") and self._tokens[0][1] in wanted:
            return self._tokens.pop(0)[1]
        return None

    def end(self) -> None:
        if self._tokens:
            raise self._error(self._tokens[0][1])

    def either(self) -> _Value:
        left = self._both()
        while self._next("||"):
            left = _disjunction(left, self._both())
        return left

    def _both(self) -> _Value:
        left = self._comparison()
        while self._next("&&"):
            left = _conjunction(left, self._comparison())
        return left

    def _comparison(self) -> _Value:
        left = self._operand()
        operator = self._next(*_COMPARE)
        if operator is None:
            return left
        right, compare = self._operand(), _COMPARE[operator]
        return lambda parameters: compare(left(parameters), right(parameters))

    def _operand(self) -> _Value:
        if self._next("!"):
            negated = self._operand()
            return lambda parameters: not negated(parameters)
        if self._next("("):
            return self._closed(self.either())
        cast = self._next("int", "double")
        if cast:
            if not self._next("("):
                raise self._error(cast)
            convert, inner = (int if cast == "int" else float), self._closed(self.either())
            return lambda parameters: convert(inner(parameters))
        if not self._tokens:
            raise self._error("its end")
        kind, text = self._tokens.pop(0)
        if kind == "parameter":
            return lambda parameters: _given(parameters, text)
        if kind == "operator" or text in ("int", "double"):
            raise self._error(text)
        constant = _constant(kind, text)
        return lambda _parameters: constant

    def _closed(self, value: _Value) -> _Value:
        if not self._next(")"):
            raise self._error(self._tokens[0][1] if self._tokens else "its end")
        return value


def _conjunction(left: _Value, right: _Value) -> _Value:
    return lambda parameters: left(parameters) and right(parameters)


def _disjunction(left: _Value, right: _Value) -> _Value:
    return lambda parameters: left(parameters) or right(parameters)


def _constant(kind: str, text: str) -> Any:
    if kind == "string":
        return text
    if kind == "word":
        return text == "true"
    return float(text) if any(sign in text for sign in ".e") else int(text)


def _given(parameters: Mapping[str, Any], name: str) -> Any:
    if parameters.get(name) is None:
        raise InputError(f"a condition needs {name!r}, which has no value")
    return parameters[name]
