"""How a text in a CSV file becomes a value: exactly, or not at all.

DuckDB's own casts round (``8.5`` as a whole number is 9), take ``1_000`` for a thousand and ``1e309`` for infinity, and
leave out a time's zone. So every column is read as text, and these expressions say what it means.
"""

from __future__ import annotations

_SPACE = "[ \\t]*"
_WHOLE = f"{_SPACE}[+-]?[0-9]+(\\.0*)?{_SPACE}"
_SCIENTIFIC = f"{_SPACE}[+-]?[0-9]+(\\.[0-9]*)?[eE]\\+?[0-9]{{1,2}}{_SPACE}"
_NOT_FINITE = f"(?i){_SPACE}[+-]?(inf|infinity|nan){_SPACE}"
_DATED = f"{_SPACE}[0-9]{{4}}-.*"
MAX_SECONDS = 253402300799
"""The last second of the year 9999."""


def whole_number(text: str) -> str:
    """Write SQL for the whole number that a text is, such as ``8``, ``8.0`` or ``8e3``.

    Args:
        text: SQL of a text.

    Returns:
        SQL of a BIGINT; NULL if the text is not a whole number of 64 bits.
    """
    number = f"TRY_CAST({text} AS BIGINT)"
    # Digits after the point that the exponent does not move before it would be rounded away.
    fraction = f"length(rtrim(regexp_extract({text}, '\\.([0-9]*)', 1), '0'))"
    exponent = f"TRY_CAST(regexp_extract({text}, '[eE]\\+?([0-9]+)', 1) AS INTEGER)"
    return (
        f"CASE WHEN CAST({number} AS VARCHAR) = {text} THEN {number} "  # most are written as DuckDB would
        f"WHEN regexp_full_match({text}, '{_WHOLE}') "
        f"THEN TRY_CAST(regexp_extract({text}, '[+-]?[0-9]+') AS BIGINT) "
        f"WHEN regexp_full_match({text}, '{_SCIENTIFIC}') AND {fraction} <= {exponent} "
        f"THEN TRY_CAST(trim({text}, ' ' || chr(9)) AS BIGINT) END"
    )


def number(text: str) -> str:
    """Write SQL for the number that a text is.

    Args:
        text: SQL of a text.

    Returns:
        SQL of a DOUBLE, which is infinite or NaN only if the text says so; NULL if the text is no number.
    """
    value = f"TRY_CAST({text} AS DOUBLE)"
    return (
        f"CASE WHEN isfinite({value}) THEN CASE WHEN NOT contains({text}, '_') THEN {value} END "
        f"WHEN regexp_full_match({text}, '{_NOT_FINITE}') THEN {value} END"
    )


def time(text: str) -> str:
    """Write SQL for the time that a text is: in ISO 8601, in UTC unless it names a zone or an offset.

    Args:
        text: SQL of a text.

    Returns:
        SQL of a TIMESTAMP in UTC; NULL if the text is no such time.
    """
    # DuckDB wants seconds where hours and minutes are given.
    whole = f"regexp_replace({text}, '([T ][0-9]{{1,2}}:[0-9]{{2}})([^:0-9]|$)', '\\1:00\\2')"
    return (
        f"CASE WHEN length({text}) = 19 AND {text}[5] = '-' AND {text}[17] = ':' THEN TRY_CAST({text} AS TIMESTAMP) "
        f"WHEN regexp_full_match({text}, '{_DATED}') THEN timezone('UTC', TRY_CAST({whole} AS TIMESTAMPTZ)) END"
    )


def time_or_seconds(text: str) -> str:
    """Write SQL for the time that a text is, or the seconds since 1970 in UTC.

    Args:
        text: SQL of a text.

    Returns:
        SQL of a TIMESTAMP in UTC; NULL if the text is neither, or after the year 9999.
    """
    return (
        f"CASE WHEN regexp_full_match({text}, '{_DATED}') THEN {time(text)} ELSE {from_seconds(whole_number(text))} END"
    )


def from_seconds(seconds: str) -> str:
    """Write SQL for the time that is some seconds after 1970 began in UTC.

    Args:
        seconds: SQL of a BIGINT.

    Returns:
        SQL of a TIMESTAMP; NULL outside of the years 1 to 9999, which no time is.
    """
    return f"CASE WHEN {seconds} BETWEEN -62135596800 AND {MAX_SECONDS} THEN make_timestamp({seconds} * 1000000) END"
