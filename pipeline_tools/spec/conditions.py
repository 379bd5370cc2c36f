"""Evaluate the conditions that KFP compiles `dsl.If` to: a small part of the Common Expression Language."""

from __future__ import annotations

import operator
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

_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}

_Value = Callable[[Mapping[str, Any]], Any]


@dataclass(frozen=True)
class _Constant:
    """A value that the text of the condition gives."""

    value: Any

    def __call__(self, _parameters: Mapping[str, Any]) -> Any:
        return self.value


@dataclass(frozen=True)
class Condition:
    """A condition that was read.

    Attributes:
        text: As the specification writes it.
        value: Evaluates it for the parameters of the task that has the condition. Raises `InputError` for a parameter
            without a value, and for values that cannot be compared.
        tokens: Its parts, each with its kind: ``parameter``, ``string``, ``number``, ``word`` or ``operator``.
    """

    text: str
    value: Callable[[Mapping[str, Any]], bool]
    tokens: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        """The condition as its author writes it: ``add-Output > 3``."""
        return _CHANNEL.sub(r"\1", _CHANNEL_AS_INT.sub(r"\1", self.text))


def parse_condition(text: str) -> Condition:
    """Read a condition.

    Args:
        text: For example ``int(inputs.parameter_values['pipelinechannel--n']) > 3 && !(…)``.

    Returns:
        The condition, ready to be evaluated.

    Raises:
        InputError: The KFP compiler writes no such condition.
    """
    parser = _Parser(text)
    value = parser.either()
    parser.end()
    return Condition(text, lambda parameters: bool(value(parameters)), tuple(_tokens(text)))


def _tokens(text: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    at = 0
    while text[at:].strip():
        match = _TOKEN.match(text, at)
        if match is None:
            raise _unreadable(text, text[at:].strip())
        kind = match.lastgroup or ""
        found.append((kind, match.group(kind)))
        at = match.end()
    return found


def _unreadable(text: str, at: str) -> InputError:
    return InputError(f"cannot read the condition {text!r}, at {at!r}")


class _Parser:
    """Recursive descent: or, and, not, comparison, operand."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = _tokens(text)

    def _error(self, at: str) -> InputError:
        return _unreadable(self._text, at)

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
        sign = self._next(*_COMPARE)
        if sign is None:
            return left
        right = self._operand()
        if isinstance(left, _Constant) and isinstance(right, _Constant):
            _compare(sign, left.value, right.value)  # what can never be compared is known before the run
        return lambda parameters: _compare(sign, left(parameters), right(parameters))

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
            inner = self._closed(self.either())
            return lambda parameters: _convert(cast, inner(parameters))
        if not self._tokens:
            raise self._error("its end")
        kind, text = self._tokens.pop(0)
        if kind == "parameter":
            return lambda parameters: _parameter(parameters, text)
        if kind == "operator" or text in ("int", "double"):
            raise self._error(text)
        return _Constant(_literal(kind, text))

    def _closed(self, value: _Value) -> _Value:
        if not self._next(")"):
            raise self._error(self._tokens[0][1] if self._tokens else "its end")
        return value


def _conjunction(left: _Value, right: _Value) -> _Value:
    return lambda parameters: left(parameters) and right(parameters)


def _disjunction(left: _Value, right: _Value) -> _Value:
    return lambda parameters: left(parameters) or right(parameters)


def _literal(kind: str, text: str) -> Any:
    if kind == "string":
        return text
    if kind == "word":
        return text == "true"
    return float(text) if any(sign in text for sign in ".e") else int(text)


def _parameter(parameters: Mapping[str, Any], name: str) -> Any:
    if parameters.get(name) is None:
        raise InputError(f"a condition needs {name!r}, which has no value")
    return parameters[name]


def _compare(sign: str, left: Any, right: Any) -> bool:
    """Compare as CEL does: numbers with numbers, and anything else with its own kind."""
    numbers = all(isinstance(each, (int, float)) and not isinstance(each, bool) for each in (left, right))
    if not numbers and type(left) is not type(right):
        if sign in ("==", "!="):
            return sign == "!="
        raise InputError(f"cannot compare {left!r} and {right!r}: they are of different types")
    try:
        return bool(_COMPARE[sign](left, right))
    except TypeError:
        raise InputError(f"{left!r} and {right!r} have no order, {sign} cannot compare them") from None


def _convert(cast: str, value: Any) -> int | float:
    try:
        return int(value) if cast == "int" else float(value)
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"{value!r} is not a number, {cast}() cannot convert it") from None
