"""Derived columns: which BigQuery expressions are allowed, and which columns they read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import sqlglot
from sqlglot import exp

from components.example_generation.query.expression_types import RULES, SPECIAL
from pipeline_tools.errors import InputError

# An expression may compute from the columns of its row, and do nothing else: no subquery, no table, no file, no
# session. A list of what is allowed holds when the parser learns new things; a list of what is not would not.
_ALLOWED = (*RULES, *SPECIAL, exp.AtTimeZone, exp.Identifier, exp.Var, exp.DataType)
_ON_TEXT = (exp.Lower, exp.Upper, exp.Trim, exp.Length, exp.Concat, exp.StartsWith)
_ON_NUMBERS = (
    *(exp.Add, exp.Sub, exp.Mul, exp.Div, exp.SafeDivide, exp.Pow, exp.Mod, exp.IntDiv),
    *(exp.Neg, exp.Abs, exp.Sign, exp.Floor, exp.Ceil, exp.Round, exp.Sqrt, exp.Ln),
)
_COMPARISONS = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.In, exp.Between)

NUMBER, TIME = "NUMBER", "TIME"
"""Uses of a column that leave open whether it holds whole numbers: numbers, and points in time or whole seconds."""

_DEEPEST = 100

_READABLE = (
    "arithmetic, comparisons, AND/OR/NOT, CASE, IF, IN, BETWEEN, IS, CAST, SAFE_CAST, EXTRACT (AT TIME ZONE too), "
    "UNIX_SECONDS, ABS, MOD, DIV, FLOOR, CEIL, ROUND (to whole numbers), SQRT, LN, POW, SIGN, GREATEST, LEAST, "
    "SAFE_DIVIDE, COALESCE, IFNULL, NULLIF, LOWER, UPPER, TRIM, LTRIM, RTRIM, LENGTH, CONCAT and STARTS_WITH of the "
    "row's own columns"
)


def parse_derived(derived_columns: Mapping[str, str]) -> dict[str, exp.Expr]:
    """Parse the expressions of derived columns.

    Args:
        derived_columns: BigQuery SQL by column name.

    Returns:
        The parsed expressions by column name.

    Raises:
        InputError: One does not parse as a single expression, or does more than compute from its row's columns.
    """
    return {name: _parse(name, text) for name, text in derived_columns.items()}


def columns_of(expression: exp.Expr) -> set[str]:
    """Name the columns that an expression reads.

    Args:
        expression: As `parse_derived` returns it.

    Returns:
        Column names.
    """
    return {column.name for column in expression.find_all(exp.Column)}


def use_of(name: str, expressions: Iterable[exp.Expr]) -> str | None:
    """Tell from the expressions that read a column what it must hold.

    Args:
        name: The column.
        expressions: As `parse_derived` returns them.

    Returns:
        ``BYTES``, `NUMBER` or ``TIMESTAMP``; None if they leave that open, or do not agree.
    """
    uses = {
        _use(column) for expression in expressions for column in expression.find_all(exp.Column) if column.name == name
    }
    return uses.pop() if len(uses) == 1 else None


def _use(column: exp.Expr) -> str | None:
    child, parent = column, column.parent
    while isinstance(parent, (exp.Paren, exp.AtTimeZone)):
        child, parent = parent, parent.parent
    if isinstance(parent, (exp.Extract, exp.UnixSeconds)):
        return "TIMESTAMP"
    if isinstance(parent, _ON_TEXT) or (
        isinstance(parent, exp.Cast) and parent.args["to"].this == exp.DataType.Type.TEXT
    ):
        return "BYTES"
    if isinstance(parent, _ON_NUMBERS):
        return NUMBER
    if isinstance(parent, _COMPARISONS):
        others = {
            type_ for other in parent.iter_expressions() if other is not child for type_ in [_literal_type(other)]
        }
        return others.pop() if len(others) == 1 else None
    return None


def _literal_type(node: exp.Expr) -> str | None:
    if isinstance(node, exp.Neg):
        node = node.this
    if isinstance(node, exp.Literal):
        return "BYTES" if node.is_string else NUMBER
    return None


def _parse(name: str, text: str) -> exp.Expr:
    where = f"derived_columns[{name!r}]={text!r}"
    if not isinstance(text, str) or not text.strip():
        raise InputError(f"derived_columns[{name!r}]={text!r}: must be a BigQuery expression, as text")
    try:
        # Inside a SELECT, a second statement or a comment that swallows the rest shows.
        select = sqlglot.parse_one(f"SELECT (\n{text}\n) AS x", read="bigquery")
    except RecursionError:
        raise InputError(f"derived_columns[{name!r}]: too many operators are nested in each other") from None
    except sqlglot.errors.SqlglotError as error:
        raise InputError(f"{where}: not a BigQuery expression: {str(error).splitlines()[0]}") from None
    alias = select.expressions[0] if isinstance(select, exp.Select) and len(select.expressions) == 1 else None
    if (
        not isinstance(alias, exp.Alias)
        or not isinstance(alias.this, exp.Paren)
        or set(_given(select)) != {"expressions"}
    ):
        raise InputError(f"{where}: must be one expression")
    expression: exp.Expr = alias.this.this
    if _depth(expression) > _DEEPEST:
        raise InputError(f"derived_columns[{name!r}]: more than {_DEEPEST} operators are nested in each other")
    for node in expression.walk():
        if not isinstance(node, _ALLOWED) or (isinstance(node, exp.Column) and node.table):
            raise InputError(f"{where}: {node.sql(dialect='bigquery')!r} is not allowed. Allowed: {_READABLE}")
    return expression


def _depth(expression: exp.Expr) -> int:
    depth, level = 0, [expression]
    while level:
        depth, level = depth + 1, [child for node in level for child in node.iter_expressions()]
    return depth


def _given(node: exp.Expr) -> list[str]:
    return [key for key, value in node.args.items() if value]
