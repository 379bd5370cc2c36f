"""The types of derived columns' expressions, by the rules of BigQuery's manual.

Types decide what an operator does (7 / 2, NaN in a comparison, the text of 1.0), so an expression is typed before it is
translated, and one that BigQuery would refuse is refused before any row is read.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from zoneinfo import available_timezones

from sqlglot import exp

from pipeline_tools.errors import InputError

TYPE = "bigquery_type"
"""The key of a node's type in its ``meta``."""

_TYPES = {
    exp.DataType.Type.BIGINT: "INT64",
    exp.DataType.Type.DOUBLE: "FLOAT64",
    exp.DataType.Type.TEXT: "STRING",
    exp.DataType.Type.BOOLEAN: "BOOL",
    exp.DataType.Type.DATE: "DATE",
    exp.DataType.Type.TIMESTAMPTZ: "TIMESTAMP",
}
_CASTS = {
    "INT64": {"INT64", "FLOAT64", "BOOL", "STRING"},
    "FLOAT64": {"INT64", "FLOAT64", "STRING"},
    "BOOL": {"INT64", "BOOL", "STRING"},
    "STRING": {"INT64", "FLOAT64", "BOOL", "STRING", "DATE", "TIMESTAMP"},
    "DATE": {"DATE", "TIMESTAMP", "STRING"},
    "TIMESTAMP": {"DATE", "TIMESTAMP"},
    "NULL": set(_TYPES.values()),
}
DATE_PARTS = ("DAYOFWEEK", "DAY", "DAYOFYEAR", "WEEK", "ISOWEEK", "MONTH", "QUARTER", "YEAR", "ISOYEAR")
TIME_PARTS = ("MICROSECOND", "MILLISECOND", "SECOND", "MINUTE", "HOUR")
_ZONE = re.compile(r"[A-Za-z_]+(/[A-Za-z0-9_+\-]+)*")
_INT64_MAX = 2**63 - 1


@dataclass(frozen=True)
class Rule:
    """What an operator or a function takes and gives.

    Attributes:
        operands: The arguments of the parsed node that hold operands.
        result: The type of the result by those of the operands; None if they do not fit.
        takes: What fits, for the error message.
        settings: Further arguments that the parser may set.
    """

    operands: tuple[str, ...]
    result: Callable[[Sequence[str]], str | None]
    takes: str
    settings: tuple[str, ...] = ()


def common_type(types: Sequence[str]) -> str | None:
    """Name the type to which all of some values are coerced.

    Args:
        types: Of the values.

    Returns:
        The type, ``NULL`` where nothing but NULL is given; None if there is none.
    """
    given = set(types) - {"NULL"}
    if given == {"INT64", "FLOAT64"}:
        return "FLOAT64"
    return next(iter(given), "NULL") if len(given) < 2 else None


def _all(kind: str, result: str) -> Callable[[Sequence[str]], str | None]:
    return lambda types: result if set(types) <= {kind, "NULL"} else None


def _number(types: Sequence[str]) -> str | None:
    if not set(types) <= {"INT64", "FLOAT64", "NULL"}:
        return None
    return "FLOAT64" if "FLOAT64" in types else "INT64"


def _float(types: Sequence[str]) -> str | None:
    return "FLOAT64" if _number(types) else None


def _compared(types: Sequence[str]) -> str | None:
    return "BOOL" if common_type(types) else None


def _chosen(types: Sequence[str]) -> str | None:
    return common_type(types[1:]) if types[0] in {"BOOL", "NULL"} else None


_ONE, _TWO, _MANY = ("this",), ("this", "expression"), ("this", "expressions")
_VALUES = "values of one type"
RULES: dict[type[exp.Expr], Rule] = {
    **dict.fromkeys((exp.Add, exp.Sub, exp.Mul), Rule(_TWO, _number, "two numbers")),
    exp.Div: Rule(_TWO, _float, "two numbers", ("typed", "safe")),
    exp.SafeDivide: Rule(_TWO, _float, "two numbers"),
    exp.Pow: Rule(_TWO, _float, "two numbers"),
    **dict.fromkeys((exp.Mod, exp.IntDiv), Rule(_TWO, _all("INT64", "INT64"), "two INT64")),
    **dict.fromkeys((exp.Neg, exp.Abs, exp.Sign), Rule(_ONE, _number, "a number")),
    **dict.fromkeys((exp.Floor, exp.Ceil, exp.Round, exp.Sqrt, exp.Ln), Rule(_ONE, _float, "a number")),
    **dict.fromkeys((exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE), Rule(_TWO, _compared, _VALUES)),
    exp.Between: Rule(("this", "low", "high"), _compared, _VALUES),
    exp.In: Rule(_MANY, _compared, _VALUES),
    **dict.fromkeys((exp.And, exp.Or), Rule(_TWO, _all("BOOL", "BOOL"), "two BOOL")),
    exp.Not: Rule(_ONE, _all("BOOL", "BOOL"), "a BOOL"),
    **dict.fromkeys((exp.Greatest, exp.Least), Rule(_MANY, common_type, _VALUES, ("ignore_nulls",))),
    exp.Coalesce: Rule(_MANY, common_type, _VALUES),
    exp.Nullif: Rule(_TWO, common_type, _VALUES),
    exp.If: Rule(("this", "true", "false"), _chosen, "a BOOL and values of one type"),
    exp.UnixSeconds: Rule(_ONE, _all("TIMESTAMP", "INT64"), "a TIMESTAMP"),
    **dict.fromkeys((exp.Lower, exp.Upper), Rule(_ONE, _all("STRING", "STRING"), "a STRING")),
    exp.Trim: Rule(_TWO, _all("STRING", "STRING"), "one or two STRING", ("position",)),
    exp.Length: Rule(_ONE, _all("STRING", "INT64"), "a STRING", ("binary",)),
    exp.Concat: Rule(("expressions",), _all("STRING", "STRING"), "STRING values", ("safe", "coalesce")),
    exp.StartsWith: Rule(_TWO, _all("STRING", "BOOL"), "two STRING"),
    exp.Paren: Rule(_ONE, common_type, "a value"),
}
"""Every operator and function that an expression may use, beside those in `SPECIAL`."""


def operands(node: exp.Expr) -> list[exp.Expr]:
    """List what an operator or a function is given.

    Args:
        node: Of a class in `RULES`.

    Returns:
        The nodes, in order.
    """
    found: list[exp.Expr] = []
    for name in RULES[type(node)].operands:
        value = node.args.get(name)
        found += value if isinstance(value, list) else [value] if value is not None else []
    return found


def type_of(node: exp.Expr) -> str:
    """Give the type that `infer_types` found.

    Args:
        node: Of a typed expression.

    Returns:
        The name of BigQuery's type; ``NULL`` for a bare NULL.
    """
    return str(node.meta[TYPE])


def infer_types(node: exp.Expr, columns: Mapping[str, str]) -> str:
    """Give every node of an expression its type, in ``node.meta``.

    Args:
        node: An expression as `parse_derived` returns it; is changed.
        columns: Types by column.

    Returns:
        The type of the whole.

    Raises:
        InputError: It uses what is not on the list, or something is of a type that does not fit.
    """
    node.meta[TYPE] = found = _infer(node, columns)
    return found


def _infer(node: exp.Expr, columns: Mapping[str, str]) -> str:
    special = SPECIAL.get(type(node))
    if special:
        return special(node, columns)
    rule = RULES.get(type(node))
    given = {name for name, value in node.args.items() if value not in (None, [], False)}
    if rule is None or not given <= {*rule.operands, *rule.settings}:
        raise _unfit(node, "is not allowed")
    types = [infer_types(operand, columns) for operand in operands(node)]
    result = rule.result(types)
    if result is None:
        raise _unfit(node, f"takes {rule.takes}, and is given {', '.join(types)}")
    return result


def _unfit(node: exp.Expr, message: str) -> InputError:
    text = node.copy()
    for column in text.find_all(exp.Column):
        column.set("table", None)
    return InputError(f"{text.sql(dialect='bigquery')!r} {message}")


def _column(node: exp.Expr, columns: Mapping[str, str]) -> str:
    if columns[node.name] == "OTHER":
        raise InputError(f"column {node.name!r} is of a type that no expression takes")
    return columns[node.name]


def _literal(node: exp.Expr, _: Mapping[str, str]) -> str:
    if node.is_string:
        return "STRING"
    if node.name.isdigit():
        if int(node.name) > _INT64_MAX + isinstance(node.parent, exp.Neg):
            raise _unfit(node, "is too large for INT64")
        return "INT64"
    if math.isinf(float(node.name)):
        raise _unfit(node, "is too large for FLOAT64")
    return "FLOAT64"


def _is(node: exp.Expr, columns: Mapping[str, str]) -> str:
    tested = infer_types(node.this, columns)
    if not isinstance(node.expression, (exp.Null, exp.Boolean)):
        raise _unfit(node, "is not allowed; after IS comes NULL, TRUE or FALSE")
    if isinstance(node.expression, exp.Boolean) and tested not in {"BOOL", "NULL"}:
        raise _unfit(node, f"takes a BOOL, and is given {tested}")
    infer_types(node.expression, columns)
    return "BOOL"


def _case(node: exp.Expr, columns: Mapping[str, str]) -> str:
    choices = node.args["ifs"]
    tests = [infer_types(choice.this, columns) for choice in choices]
    results = [infer_types(choice.args["true"], columns) for choice in choices]
    if node.this:
        tests.append(infer_types(node.this, columns))
    if not (common_type(tests) if node.this else _all("BOOL", "BOOL")(tests)):
        raise _unfit(node, f"compares values that are {', '.join(tests)}")
    if node.args.get("default"):
        results.append(infer_types(node.args["default"], columns))
    result = common_type(results)
    if result is None:
        raise _unfit(node, f"gives values of several types: {', '.join(results)}")
    return result


def _cast(node: exp.Expr, columns: Mapping[str, str]) -> str:
    given = infer_types(node.this, columns)
    wanted = _TYPES.get(node.args["to"].this)
    if any(node.args.get(name) for name in ("format", "action", "default")):
        raise _unfit(node, "is not allowed")
    if wanted not in _CASTS[given]:
        raise _unfit(node, f"is not allowed: {given} becomes {', '.join(sorted(_CASTS[given]))}")
    return wanted


def _is_zone(name: str) -> bool:
    # An offset such as +05:00 is none: engines do not agree which way it counts. A slim image may lack the list.
    return bool(_ZONE.fullmatch(name)) and name in (available_timezones() or {name})


def _extract(node: exp.Expr, columns: Mapping[str, str]) -> str:
    part, moment = node.this, node.expression
    zone = moment.args.get("zone") if isinstance(moment, exp.AtTimeZone) else None
    if zone is not None:
        if not zone.is_string or not _is_zone(zone.name):
            raise _unfit(node, "is not allowed; name a time zone, for example 'America/Chicago'")
        moment.meta[TYPE] = "TIMESTAMP"
        moment = moment.this
    given = infer_types(moment, columns)
    if given not in {"TIMESTAMP", "NULL"} and (given != "DATE" or zone is not None):
        raise _unfit(node, f"takes a TIMESTAMP or a DATE, and is given {given}")
    allowed = DATE_PARTS if given == "DATE" else TIME_PARTS + DATE_PARTS
    if not isinstance(part, exp.Var) or part.name.upper() not in allowed:
        raise _unfit(node, f"is not allowed; of a {given} there is {', '.join(allowed)}")
    return "INT64"


SPECIAL: dict[type[exp.Expr], Callable[[exp.Expr, Mapping[str, str]], str]] = {
    exp.Column: _column,
    exp.Literal: _literal,
    exp.Boolean: lambda *_: "BOOL",
    exp.Null: lambda *_: "NULL",
    exp.Is: _is,
    exp.Case: _case,
    exp.Cast: _cast,
    exp.TryCast: _cast,
    exp.Extract: _extract,
}
"""What needs a rule of its own."""
