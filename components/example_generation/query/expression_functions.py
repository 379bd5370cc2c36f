"""Functions that DuckDB lacks, or has with another meaning than BigQuery's manual: NaN, overflow, casts, case.

They work on Arrow arrays. A value that BigQuery would refuse is an error, with the values that it is about.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
from duckdb.func import FunctionNullHandling, PythonUDFType

Array = Any
"""An Arrow array; pyarrow has no types."""
Function = Callable[..., Array]

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_INT = re.compile(r"[+-]?[0-9]+")
_HEX = re.compile(r"[+-]?0[xX][0-9a-fA-F]+")
_FLOAT = re.compile(r"[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|inf|infinity|nan)", re.IGNORECASE)
_DATE = re.compile(r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})")
_TIMESTAMP = re.compile(
    _DATE.pattern + r"(?:[ Tt]([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?:\.([0-9]{1,6}))?)?"
    r"(?:[Zz]| ?UTC|([+-])([0-9]{1,2})(?::([0-9]{2}))?)?"
)


def register(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the functions known to a connection.

    Args:
        connection: Where expressions shall run that `expression_sql` writes.
    """
    for name, (function, takes, gives) in _FUNCTIONS.items():
        connection.create_function(
            name,
            function,
            list(takes),
            gives,
            type=PythonUDFType.ARROW,
            null_handling=FunctionNullHandling.SPECIAL,
        )


def _computed(sign: str, compute: Callable[[Any, Any], Any]) -> Function:
    """A float operation: infinity and NaN may only come of infinity and NaN; else they are an error."""

    def run(left: Array, right: Array) -> Array:
        result = compute(left, right)
        finite = pc.and_(pc.is_finite(left), pc.is_finite(right))
        _refuse(pc.and_(finite, pc.invert(pc.is_finite(result))), sign, left, right)
        return result

    return run


def _refuse(broken: Array, sign: str, left: Array, right: Array) -> None:
    """Raise an error about the first pair of operands that is marked."""
    at = pc.index(broken, True).as_py()
    if at >= 0:
        x, y = left[at].as_py(), right[at].as_py()
        raise ValueError(f"{x} {sign} {y} is {'a division by zero' if sign == '/' and y == 0 else 'out of range'}")


def _divide(left: Array, right: Array) -> Array:
    _refuse(pc.equal(right, 0.0), "/", left, right)
    return _computed("/", pc.divide)(left, right)


def _nonzero(divisor: Array) -> Array:
    if pc.any(pc.equal(divisor, 0)).as_py():
        raise ValueError("division by zero")
    return divisor


def _safe_divide(left: Array, right: Array) -> Array:
    result = pc.divide(left, right)
    finite = pc.and_(pc.is_finite(left), pc.is_finite(right))
    failed = pc.or_(pc.equal(right, 0.0), pc.and_(finite, pc.invert(pc.is_finite(result))))
    return pc.if_else(failed, pa.scalar(None, pa.float64()), result)


def _compared(compute: Callable[[Any, Any], Any]) -> Function:
    """Arrow's comparison, without its further parameters, for which DuckDB would want operands."""

    def run(left: Array, right: Array) -> Array:
        return compute(left, right)

    return run


def _extreme(compute: Callable[..., Any]) -> Function:
    """The least or the greatest of two; NULL if one is NULL, else NaN if one is NaN."""

    def run(left: Array, right: Array) -> Array:
        return pc.if_else(pc.or_(pc.is_nan(left), pc.is_nan(right)), math.nan, compute(left, right, skip_nulls=False))

    return run


def _each(kind: pa.DataType, convert: Callable[[Any], Any], *, safe: bool = False) -> Function:
    """Convert value by value."""

    def run(values: Array) -> Array:
        return pa.array([None if value is None else one(value) for value in values.to_pylist()], kind)

    def one(value: Any) -> Any:
        try:
            return convert(value)
        except (ValueError, OverflowError):
            if safe:
                return None
            raise ValueError(f"{value!r} cannot be cast to {_SAID[kind]}") from None

    return run


_SAID = {
    pa.int64(): "INT64",
    pa.float64(): "FLOAT64",
    pa.bool_(): "BOOL",
    pa.date32(): "DATE",
    pa.timestamp("us"): "TIMESTAMP",
    pa.string(): "STRING",
}


def _to_int(text: str) -> int:
    text = text.strip(" ")
    if not (_INT.fullmatch(text) or _HEX.fullmatch(text)):
        raise ValueError(text)
    number = int(text, 16 if _HEX.fullmatch(text) else 10)
    if not -(2**63) <= number < 2**63:
        raise ValueError(text)
    return number


def _to_float(text: str) -> float:
    text = text.strip(" ")
    if not _FLOAT.fullmatch(text):
        raise ValueError(text)
    number = float(text)
    if math.isinf(number) and "inf" not in text.lower():
        raise ValueError(text)
    return number


def _to_bool(text: str) -> bool:
    if text.lower() not in {"true", "false"}:
        raise ValueError(text)
    return text.lower() == "true"


def _to_date(text: str) -> date:
    found = _DATE.fullmatch(text)
    if not found:
        raise ValueError(text)
    return date(*map(int, found.groups()))


def _to_timestamp(text: str) -> int:
    """Microseconds since 1970. A text without a zone is in UTC, BigQuery's default."""
    found = _TIMESTAMP.fullmatch(text)
    if not found:
        raise ValueError(text)
    *fields, fraction, sign, hours, minutes = found.groups()
    moment = datetime(*(int(field or 0) for field in fields), tzinfo=timezone.utc)  # type: ignore[misc, arg-type]
    if sign:
        offset = timedelta(hours=int(hours), minutes=int(minutes or 0))
        moment += -offset if sign == "+" else offset
    whole = (moment - _EPOCH) // timedelta(microseconds=1)
    return whole + int((fraction or "").ljust(6, "0"))


def _float_text(number: float) -> str:
    """Fifteen digits where they tell the number, else seventeen; 0 and NaN have no sign."""
    if math.isnan(number) or number == 0:
        return "nan" if number else "0"
    short = f"{number:.15g}"
    return short if float(short) == number else f"{number:.17g}"


_FLOATS = ("DOUBLE", "DOUBLE")
_FUNCTIONS: dict[str, tuple[Function, tuple[str, ...], str]] = {
    "bq_add": (_computed("+", pc.add), _FLOATS, "DOUBLE"),
    "bq_subtract": (_computed("-", pc.subtract), _FLOATS, "DOUBLE"),
    "bq_multiply": (_computed("*", pc.multiply), _FLOATS, "DOUBLE"),
    "bq_power": (_computed("to the power of", pc.power), _FLOATS, "DOUBLE"),
    "bq_divide": (_divide, _FLOATS, "DOUBLE"),
    "bq_nonzero": (_nonzero, ("BIGINT",), "BIGINT"),
    "bq_safe_divide": (_safe_divide, _FLOATS, "DOUBLE"),
    "bq_greatest": (_extreme(pc.max_element_wise), _FLOATS, "DOUBLE"),
    "bq_least": (_extreme(pc.min_element_wise), _FLOATS, "DOUBLE"),
    "bq_equal": (_compared(pc.equal), _FLOATS, "BOOLEAN"),
    "bq_less": (_compared(pc.less), _FLOATS, "BOOLEAN"),
    "bq_less_equal": (_compared(pc.less_equal), _FLOATS, "BOOLEAN"),
    # str.lower and str.upper map as Unicode says, ß to SS among others; DuckDB maps character by character.
    "bq_lower": (_each(pa.string(), str.lower), ("VARCHAR",), "VARCHAR"),
    "bq_upper": (_each(pa.string(), str.upper), ("VARCHAR",), "VARCHAR"),
    "bq_float_text": (_each(pa.string(), _float_text), ("DOUBLE",), "VARCHAR"),
    **{
        f"bq_{'safe_' * safe}{name}": (_each(kind, convert, safe=safe), ("VARCHAR",), gives)
        for safe in (False, True)
        for name, kind, convert, gives in (
            ("int64", pa.int64(), _to_int, "BIGINT"),
            ("float64", pa.float64(), _to_float, "DOUBLE"),
            ("bool", pa.bool_(), _to_bool, "BOOLEAN"),
            ("date", pa.date32(), _to_date, "DATE"),
            ("timestamp", pa.timestamp("us"), _to_timestamp, "TIMESTAMP"),
        )
    },
}
