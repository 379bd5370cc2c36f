"""Write typed expressions of derived columns in DuckDB's SQL, so that they compute what BigQuery's manual says."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce

from sqlglot import exp

from components.example_generation.query.expression_types import common_type, operands, type_of

_DUCKDB = {
    "INT64": "BIGINT",
    "FLOAT64": "DOUBLE",
    "STRING": "VARCHAR",
    "BOOL": "BOOLEAN",
    "DATE": "DATE",
    "TIMESTAMP": "TIMESTAMP",
}
# Unicode's White_Space, which TRIM removes; DuckDB's removes spaces alone.
_WHITE_SPACE = "\t\n\v\f\r \x85\xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000"
_PARTS = {
    "MICROSECOND": "(microsecond({x}) % 1000000)",
    "MILLISECOND": "(microsecond({x}) % 1000000 // 1000)",
    "SECOND": "second({x})",
    "MINUTE": "minute({x})",
    "HOUR": "hour({x})",
    "DAYOFWEEK": "(dayofweek({x}) + 1)",
    "DAY": "day({x})",
    "DAYOFYEAR": "dayofyear({x})",
    "WEEK": "((dayofyear({x}) + 6 - dayofweek({x})) // 7)",  # weeks begin on Sunday; before the first one it is 0
    "ISOWEEK": "week({x})",
    "MONTH": "month({x})",
    "QUARTER": "quarter({x})",
    "YEAR": "year({x})",
    "ISOYEAR": "isoyear({x})",
}


def write_expression(node: exp.Expr) -> str:
    """Write an expression in DuckDB's SQL.

    Args:
        node: Typed by `infer_types`.

    Returns:
        SQL for a connection that knows `expression_functions`.
    """
    return _WRITERS[type(node)](node)


def _quote(text: str) -> str:
    return exp.Literal.string(text).sql(dialect="duckdb")


def _as(node: exp.Expr, wanted: str) -> str:
    """Write an operand as what it is coerced to."""
    sql, given = write_expression(node), type_of(node)
    return sql if given == wanted or wanted == "NULL" else f"CAST({sql} AS {_DUCKDB[wanted]})"


def _common(node: exp.Expr) -> tuple[str, list[str]]:
    """Give the type to which all operands are coerced, and their SQL."""
    given = operands(node)
    wanted = common_type([type_of(operand) for operand in given]) or "NULL"
    return wanted, [_as(operand, wanted) for operand in given]


def _column(node: exp.Expr) -> str:
    return node.sql(dialect="duckdb")


def _literal(node: exp.Expr) -> str:
    return _quote(node.name) if node.is_string else f"CAST('{node.name}' AS {_DUCKDB[type_of(node)]})"


def _arithmetic(sign: str, function: str) -> Callable[[exp.Expr], str]:
    def write(node: exp.Expr) -> str:
        kind = type_of(node)
        left, right = (_as(operand, kind) for operand in operands(node))
        return f"({left} {sign} {right})" if kind == "INT64" else f"{function}({left}, {right})"

    return write


def _on_floats(function: str) -> Callable[[exp.Expr], str]:
    return lambda node: f"{function}({', '.join(_as(operand, 'FLOAT64') for operand in operands(node))})"


def _on_operands(template: str) -> Callable[[exp.Expr], str]:
    """Fill in the operands, each as it is."""
    return lambda node: template.format(*(_as(operand, type_of(operand)) for operand in operands(node)))


def _whole(template: str) -> Callable[[exp.Expr], str]:
    return lambda node: template.format(*(_as(operand, "INT64") for operand in operands(node)))


def _negative(node: exp.Expr) -> str:
    if isinstance(node.this, exp.Literal):
        return f"CAST('-{node.this.name}' AS {_DUCKDB[type_of(node)]})"
    return f"(-{_as(node.this, type_of(node))})"


def _sign(node: exp.Expr) -> str:
    value = _as(node.this, type_of(node))
    if type_of(node) == "INT64":
        return f"CAST(sign({value}) AS BIGINT)"
    return f"CASE WHEN isnan({value}) THEN {value} ELSE CAST(sign({value}) AS DOUBLE) END"


def _compare(sign: str, kind: str, left: str, right: str) -> str:
    """NaN is neither equal to, less than nor greater than anything."""
    if kind != "FLOAT64":
        return f"({left} {sign} {right})"
    if sign == "<>":
        return f"(NOT bq_equal({left}, {right}))"
    if sign in {">", ">="}:
        left, right, sign = right, left, sign.replace(">", "<")
    return f"{_COMPARED[sign]}({left}, {right})"


_COMPARED = {"=": "bq_equal", "<": "bq_less", "<=": "bq_less_equal"}


def _comparison(sign: str) -> Callable[[exp.Expr], str]:
    def write(node: exp.Expr) -> str:
        kind, (left, right) = _common(node)
        return _compare(sign, kind, left, right)

    return write


def _between(node: exp.Expr) -> str:
    kind, (value, low, high) = _common(node)
    return f"({_compare('<=', kind, low, value)} AND {_compare('<=', kind, value, high)})"


def _in(node: exp.Expr) -> str:
    kind, (value, *others) = _common(node)
    return "(" + " OR ".join(_compare("=", kind, value, other) for other in others) + ")"


def _extreme(function: str) -> Callable[[exp.Expr], str]:
    """NULL if one is NULL; DuckDB's would leave it out."""

    def write(node: exp.Expr) -> str:
        kind, values = _common(node)
        if kind == "FLOAT64":
            return reduce(lambda left, right: f"bq_{function}({left}, {right})", values)
        missing = " OR ".join(f"{value} IS NULL" for value in values)
        return f"CASE WHEN {missing} THEN NULL ELSE {function}({', '.join(values)}) END"

    return write


def _coalesce(node: exp.Expr) -> str:
    return f"COALESCE({', '.join(_common(node)[1])})"


def _nullif(node: exp.Expr) -> str:
    kind, (value, other) = _common(node)
    return f"CASE WHEN {_compare('=', kind, value, other)} THEN NULL ELSE {value} END"


def _if(node: exp.Expr) -> str:
    kind, (test, *results) = type_of(node), operands(node)
    yes, no = (_as(result, kind) for result in results)
    return f"CASE WHEN {_as(test, 'BOOL')} THEN {yes} ELSE {no} END"


def _case(node: exp.Expr) -> str:
    choices, kind = node.args["ifs"], type_of(node)
    tested = [choice.this for choice in choices]
    if node.this:
        compared = common_type([type_of(test) for test in (node.this, *tested)]) or "NULL"
        value = _as(node.this, compared)
        tests = [_compare("=", compared, value, _as(test, compared)) for test in tested]
    else:
        tests = [_as(test, "BOOL") for test in tested]
    results = [_as(choice.args["true"], kind) for choice in choices]
    default = node.args.get("default")
    pairs = " ".join(f"WHEN {test} THEN {result}" for test, result in zip(tests, results, strict=True))
    return f"CASE {pairs} ELSE {_as(default, kind) if default else 'NULL'} END"


def _is(node: exp.Expr) -> str:
    tested = _as(node.this, "BOOL" if isinstance(node.expression, exp.Boolean) else type_of(node.this))
    return f"({tested} IS {node.expression.sql(dialect='duckdb')})"


def _extract(node: exp.Expr) -> str:
    moment = node.expression
    if isinstance(moment, exp.AtTimeZone):
        # In DuckDB a plain timestamp AT TIME ZONE is taken to be local; say first that it is UTC.
        value = f"timezone({_quote(moment.args['zone'].name)}, timezone('UTC', {_as(moment.this, 'TIMESTAMP')}))"
    else:
        value = _as(moment, "TIMESTAMP")
    return f"CAST({_PARTS[node.this.name.upper()].format(x=value)} AS BIGINT)"


def _trim(node: exp.Expr) -> str:
    text, *characters = (_as(operand, "STRING") for operand in operands(node))
    function = {"LEADING": "ltrim", "TRAILING": "rtrim"}.get(str(node.args.get("position") or ""), "trim")
    return f"{function}({text}, {characters[0] if characters else _quote(_WHITE_SPACE)})"


def _cast(node: exp.Expr) -> str:
    given, wanted, value = type_of(node.this), type_of(node), write_expression(node.this)
    safe = isinstance(node, exp.TryCast)
    if given == "STRING" and wanted != "STRING":
        return f"bq_{'safe_' * safe}{wanted.lower()}({value})"
    if (given, wanted) == ("FLOAT64", "STRING"):
        return f"bq_float_text({value})"
    if (given, wanted) == ("FLOAT64", "INT64"):
        # round() sends a half away from zero, as BigQuery does; DuckDB's cast would send it to the even number.
        return f"{'TRY_' * safe}CAST(round({value}) AS BIGINT)"
    return f"CAST({value} AS {_DUCKDB[wanted]})"


_WRITERS: dict[type[exp.Expr], Callable[[exp.Expr], str]] = {
    exp.Column: _column,
    exp.Literal: _literal,
    exp.Boolean: lambda node: "TRUE" if node.this else "FALSE",
    exp.Null: lambda _: "NULL",
    exp.Paren: _on_operands("({})"),
    exp.Add: _arithmetic("+", "bq_add"),
    exp.Sub: _arithmetic("-", "bq_subtract"),
    exp.Mul: _arithmetic("*", "bq_multiply"),
    exp.Div: _on_floats("bq_divide"),
    exp.SafeDivide: _on_floats("bq_safe_divide"),
    exp.Pow: _on_floats("bq_power"),
    exp.Mod: _whole("CASE bq_nonzero({1}) WHEN -1 THEN {0} * 0 ELSE {0} % {1} END"),
    exp.IntDiv: _whole("({0} // bq_nonzero({1}))"),
    exp.Neg: _negative,
    exp.Abs: lambda node: f"abs({_as(node.this, type_of(node))})",
    exp.Sign: _sign,
    exp.Floor: _on_floats("floor"),
    exp.Ceil: _on_floats("ceil"),
    exp.Round: _on_floats("round"),
    exp.Sqrt: _on_floats("sqrt"),
    exp.Ln: _on_floats("ln"),
    exp.EQ: _comparison("="),
    exp.NEQ: _comparison("<>"),
    exp.GT: _comparison(">"),
    exp.GTE: _comparison(">="),
    exp.LT: _comparison("<"),
    exp.LTE: _comparison("<="),
    exp.Between: _between,
    exp.In: _in,
    exp.Is: _is,
    exp.And: lambda node: "(" + " AND ".join(_as(operand, "BOOL") for operand in operands(node)) + ")",
    exp.Or: lambda node: "(" + " OR ".join(_as(operand, "BOOL") for operand in operands(node)) + ")",
    exp.Not: lambda node: f"(NOT {_as(node.this, 'BOOL')})",
    exp.Greatest: _extreme("greatest"),
    exp.Least: _extreme("least"),
    exp.Coalesce: _coalesce,
    exp.Nullif: _nullif,
    exp.If: _if,
    exp.Case: _case,
    exp.Cast: _cast,
    exp.TryCast: _cast,
    exp.Extract: _extract,
    exp.UnixSeconds: lambda node: f"CAST(floor(epoch({_as(node.this, 'TIMESTAMP')})) AS BIGINT)",
    exp.Lower: lambda node: f"bq_lower({_as(node.this, 'STRING')})",
    exp.Upper: lambda node: f"bq_upper({_as(node.this, 'STRING')})",
    exp.Trim: _trim,
    exp.Length: lambda node: f"length({_as(node.this, 'STRING')})",
    exp.Concat: lambda node: "(" + " || ".join(_as(operand, "STRING") for operand in operands(node)) + ")",
    exp.StartsWith: lambda node: f"starts_with({', '.join(_as(operand, 'STRING') for operand in operands(node))})",
}
