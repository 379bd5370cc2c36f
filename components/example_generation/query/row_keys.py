"""Keys for rows that have none, made of what a row holds."""

from __future__ import annotations

from collections.abc import Mapping

from sqlglot import exp

_CONTENT = "example_content"


def key_by_content(rows: exp.Select, columns: Mapping[str, bool], key: str) -> exp.Select:
    """Give rows a key made of their content, and of their number among equal rows.

    Equal rows have different keys, so that a split deals them each for itself; which of them has which number makes no
    difference, so that keys do not depend on the order of rows.

    Args:
        rows: A query.
        columns: The columns that are content, and whether each is a TIMESTAMP.
        key: Name of the key.

    Returns:
        The query with the key.
    """
    content = exp.alias_(_hash_content(columns), _CONTENT, quoted=True)
    column = exp.column(_CONTENT, quoted=True)
    number = exp.cast(exp.Window(this=exp.RowNumber(), partition_by=[column.copy()]), "STRING", dialect="bigquery")
    value = exp.alias_(concat(column, exp.Literal.string("-"), number), key, quoted=True)
    return exp.select(exp.Star(), value).from_(rows.select(content).subquery("content"))


def concat(*values: exp.Expr) -> exp.Expr:
    """Concatenate texts; NULL if one is NULL.

    Args:
        values: Texts.

    Returns:
        BigQuery's CONCAT.
    """
    return exp.Concat(expressions=list(values), safe=False, coalesce=False)


def _hash_content(columns: Mapping[str, bool]) -> exp.Expr:
    """Hash a row's values; each has its length before it, so that no two rows give the same text."""
    parts: list[exp.Expr] = []
    for name, is_time in sorted(columns.items()):
        column = exp.column(name, quoted=True)
        text = exp.cast(exp.UnixMicros(this=column) if is_time else column, "STRING", dialect="bigquery")
        length = exp.cast(exp.Length(this=text), "STRING", dialect="bigquery")
        value = concat(length, exp.Literal.string(":"), text.copy())
        parts.append(exp.func("IF", column.copy().is_(exp.Null()), exp.Literal.string("-"), value))
    return exp.LowerHex(this=exp.SHA2Digest(this=concat(*parts), length=exp.Literal.number(256)))
