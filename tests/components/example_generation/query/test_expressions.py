"""Each function and operator that a derived column may use, against the values of BigQuery's manual.

The values are those of the manual's examples and tables, or follow from its sentences; a few on rounding, text of
numbers and case are those of the compliance tests of GoogleSQL. Each expression is run in DuckDB, as over files, and
what is sent to BigQuery must be the same expression.
"""

from __future__ import annotations

import math
import re

import duckdb
import pytest

from components.example_generation.query.dialect import connect
from components.example_generation.query.expression_sql import write_expression
from components.example_generation.query.expression_types import RULES, infer_types
from components.example_generation.query.expressions import parse_derived
from pipeline_tools.errors import InputError

NAN, INF = "CAST('nan' AS FLOAT64)", "CAST('inf' AS FLOAT64)"
MOMENT = "TIMESTAMP '2008-12-25 15:30:07.891234+00'"
LOS_ANGELES = "TIMESTAMP '2008-12-25 05:30:00+00' AT TIME ZONE 'America/Los_Angeles'"

ARITHMETIC = [
    ("1 + 2", 3),
    ("1 + 2.5", 3.5),
    ("0.1 + 0.2 = 0.3", False),  # a literal with a point is a FLOAT64
    ("2147483647 + 1", 2147483648),
    ("5 - 7", -2),
    ("3 * 4", 12),
    ("1.5 * 2", 3.0),
    ("NULL + 1", None),
    (f"{NAN} + 1", math.nan),
    (f"{INF} - 1", math.inf),
    (f"{INF} - {INF}", math.nan),
    ("7 / 2", 3.5),
    ("4 / 2", 2.0),
    ("NULL / 2", None),
    ("SAFE_DIVIDE(20, 4)", 5.0),
    ("SAFE_DIVIDE(0, 20)", 0.0),
    ("SAFE_DIVIDE(20, 0)", None),
    ("SAFE_DIVIDE(1e308, 0.1)", None),
    ("MOD(25, 12)", 1),
    ("MOD(-8, 3)", -2),
    ("MOD(8, -3)", 2),
    ("MOD(-9223372036854775808, -1)", 0),
    ("MOD(NULL, 0 + 2)", None),
    ("DIV(20, 4)", 5),
    ("DIV(12, -7)", -1),
    ("DIV(20, 3)", 6),
    ("DIV(0, 20)", 0),
    ("-(3 + 4)", -7),
    ("-9223372036854775808", -(2**63)),
    ("-1.5", -1.5),
    ("ABS(25)", 25),
    ("ABS(-25)", 25),
    (f"ABS(-{INF})", math.inf),
    ("SIGN(25)", 1),
    ("SIGN(0)", 0),
    ("SIGN(-25)", -1),
    ("SIGN(-2.5)", -1.0),
    (f"SIGN({NAN})", math.nan),
    ("FLOOR(2.8)", 2.0),
    ("FLOOR(-2.3)", -3.0),
    (f"FLOOR({INF})", math.inf),
    ("FLOOR(3)", 3.0),
    ("CEIL(2.3)", 3.0),
    ("CEIL(-2.5)", -2.0),
    ("CEILING(2)", 2.0),
    ("ROUND(2.0)", 2.0),
    ("ROUND(2.3)", 2.0),
    ("ROUND(2.8)", 3.0),
    ("ROUND(2.5)", 3.0),
    ("ROUND(-2.3)", -2.0),
    ("ROUND(-2.8)", -3.0),
    ("ROUND(-2.5)", -3.0),
    (f"ROUND({NAN})", math.nan),
    ("SQRT(25.0)", 5.0),
    (f"SQRT({INF})", math.inf),
    ("LN(1.0)", 0.0),
    (f"LN({INF})", math.inf),
    ("POW(2.0, 3.0)", 8.0),
    ("POWER(2, 3)", 8.0),
    (f"POW(1.0, {NAN})", 1.0),
    (f"POW({NAN}, 0)", 1.0),
    (f"POW(-1.0, {INF})", 1.0),
    (f"POW(0.5, -{INF})", math.inf),
    (f"POW(2.0, -{INF})", 0.0),
    ("GREATEST(3, 5, 1)", 5),
    ("LEAST(3, 5, 1)", 1),
    ("GREATEST(3, NULL, 1)", None),
    ("LEAST(1.5, NULL)", None),
    (f"GREATEST(3, {NAN}, 1)", math.nan),
    (f"LEAST(3, {NAN}, 1)", math.nan),
    (f"LEAST({NAN}, NULL)", None),
    ("GREATEST('a', 'B', 'ä')", "ä"),
    ("LEAST(2.5)", 2.5),
]
COMPARISONS = [
    ("1 = 1.0", True),
    ("1 <> 2", True),
    ("2 > 1 AND 1 < 2 AND 2 >= 2 AND 2 <= 2", True),
    (f"IF({NAN} > 5, 1, 0)", 0),
    (f"{NAN} < 5", False),
    (f"{NAN} = {NAN}", False),
    (f"{NAN} <> {NAN}", True),
    (f"{NAN} >= {NAN} OR {NAN} <= 1.0", False),
    (f"5 > {NAN}", False),
    ("CAST(NULL AS FLOAT64) = 1.5", None),
    ("'a' < 'b'", True),
    ("'Z' < 'a'", True),
    ("2 BETWEEN 1 AND 3", True),
    ("2.5 BETWEEN 2.5 AND 3", True),
    (f"{NAN} BETWEEN 1 AND 3", False),
    ("NOT 2 BETWEEN 1 AND 3", False),
    ("2 IN (1, 2)", True),
    ("3 IN (1, NULL)", None),
    (f"{NAN} IN (1.0, {NAN})", False),
    ("NOT 'a' IN ('b')", True),
    ("NULL IS NULL", True),
    ("NOT 1 IS NULL", True),
    ("(1 > 2) IS FALSE", True),
    ("(NULL > 2) IS TRUE", False),
    ("NULL OR TRUE", True),
    ("NULL AND FALSE", False),
    ("NOT NULL", None),
]
CONDITIONS = [
    ("IF(1 > 2, 3, 4)", 4),
    ("IF(NULL, 3, 4)", 4),
    ("IF(TRUE, 1, 2.5)", 1.0),
    ("IF(2 > 1, 5, 1 / 0)", 5.0),  # the other side is not computed
    ("CASE WHEN 1 > 2 THEN 'a' WHEN 2 > 1 THEN 'b' ELSE 'c' END", "b"),
    ("CASE WHEN FALSE THEN 1 END", None),
    ("CASE 2 WHEN 1 THEN 'one' WHEN 2 THEN 'two' END", "two"),
    (f"CASE {NAN} WHEN {NAN} THEN 'same' ELSE 'other' END", "other"),
    ("CASE NULL WHEN NULL THEN 'same' ELSE 'other' END", "other"),
    ("COALESCE('A', 'B', 'C')", "A"),
    ("COALESCE(NULL, 'B', 'C')", "B"),
    ("IFNULL(NULL, 0)", 0),
    ("IFNULL(10, 0)", 10),
    ("COALESCE(NULL, 1, 2.5)", 1.0),
    ("NULLIF(0, 0)", None),
    ("NULLIF(10, 0)", 10),
    (f"NULLIF({NAN}, {NAN})", math.nan),
]
CASTS = [
    ("CAST(0.5 AS INT64)", 1),
    ("CAST(1.5 AS INT64)", 2),
    ("CAST(2.5 AS INT64)", 3),
    ("CAST(-0.5 AS INT64)", -1),
    ("CAST(0.49999999999999994 AS INT64)", 0),
    ("CAST(4503599627370497.0 AS INT64)", 4503599627370497),
    ("CAST(7 / 2 AS INT64)", 4),
    ("CAST(3 > 2 AS INT64)", 1),
    ("CAST('12' AS INT64)", 12),
    ("CAST(' +12' AS INT64)", 12),
    ("CAST('0x123' AS INT64)", 291),
    ("CAST('-0x123' AS INT64)", -291),
    ("CAST('9223372036854775807' AS INT64)", 2**63 - 1),
    ("CAST('02134' AS INT64)", 2134),
    ("CAST(3 AS FLOAT64)", 3.0),
    ("CAST('1.5e3' AS FLOAT64)", 1500.0),
    ("CAST('.5' AS FLOAT64)", 0.5),
    ("CAST('-Infinity' AS FLOAT64)", -math.inf),
    ("CAST('NaN' AS FLOAT64)", math.nan),
    ("CAST(0 AS BOOL)", False),
    ("CAST(-2 AS BOOL)", True),
    ("CAST('TRUE' AS BOOL)", True),
    ("CAST('false' AS BOOL)", False),
    ("CAST(1 = 1 AS STRING)", "true"),
    ("CAST(NULL AS STRING)", None),
    ("CAST(1.0 AS STRING)", "1"),
    ("CAST(0.1 AS STRING)", "0.1"),
    ("CAST(0.1 + 0.2 AS STRING)", "0.30000000000000004"),
    ("CAST(1e15 AS STRING)", "1e+15"),
    ("CAST(123456789.25 AS STRING)", "123456789.25"),
    ("CAST(-0.0 AS STRING)", "0"),
    (f"CAST({NAN} AS STRING)", "nan"),
    (f"CAST(-{INF} AS STRING)", "-inf"),
    ("CAST(12 AS STRING)", "12"),
    ("CAST(CAST('2016-1-3' AS DATE) AS STRING)", "2016-01-03"),
    ("SAFE_CAST('apple' AS INT64)", None),
    ("SAFE_CAST('1.5' AS INT64)", None),
    ("SAFE_CAST('1_000' AS INT64)", None),
    ("SAFE_CAST('12' AS INT64)", 12),
    ("SAFE_CAST('9223372036854775808' AS INT64)", None),
    (f"SAFE_CAST({NAN} AS INT64)", None),
    ("SAFE_CAST(1e19 AS INT64)", None),
    ("SAFE_CAST(-2.5 AS INT64)", -3),
    ("SAFE_CAST('1,5' AS FLOAT64)", None),
    ("SAFE_CAST('yes' AS BOOL)", None),
    ("SAFE_CAST('2016-02-30' AS DATE)", None),
    ("SAFE_CAST('noon' AS TIMESTAMP)", None),
    ("UNIX_SECONDS(CAST('2016-01-15T22:15:00-06:00' AS TIMESTAMP))", 1452917700),
    ("UNIX_SECONDS(CAST('2016-1-15 22:15:00+5:30' AS TIMESTAMP))", 1452876300),
    ("UNIX_SECONDS(CAST('2016-01-15' AS TIMESTAMP))", 1452816000),
    ("UNIX_SECONDS(CAST('2016-01-15 22:15:00 UTC' AS TIMESTAMP))", 1452896100),
    ("UNIX_SECONDS(CAST(CAST(TIMESTAMP '2016-01-15 22:15:00+00' AS DATE) AS TIMESTAMP))", 1452816000),
]
TIMES = [
    ("EXTRACT(DAYOFWEEK FROM TIMESTAMP '2024-01-07 00:00:00+00')", 1),  # a Sunday
    ("EXTRACT(DAYOFWEEK FROM TIMESTAMP '2024-01-06 00:00:00+00')", 7),
    ("EXTRACT(DAY FROM DATE '2013-12-25')", 25),
    ("EXTRACT(DAYOFYEAR FROM DATE '2016-12-31')", 366),
    ("EXTRACT(WEEK FROM DATE '2016-01-03')", 1),
    ("EXTRACT(WEEK FROM DATE '2016-01-02')", 0),
    ("EXTRACT(WEEK FROM DATE '2017-01-01')", 1),
    ("EXTRACT(WEEK FROM DATE '2000-12-31')", 53),
    ("EXTRACT(ISOWEEK FROM DATE '2015-12-27')", 52),
    ("EXTRACT(WEEK FROM DATE '2015-12-27')", 52),
    ("EXTRACT(ISOYEAR FROM DATE '2016-01-03')", 2015),
    ("EXTRACT(ISOWEEK FROM DATE '2016-01-03')", 53),
    ("EXTRACT(YEAR FROM DATE '2016-01-03')", 2016),
    ("EXTRACT(QUARTER FROM DATE '2016-12-03')", 4),
    ("EXTRACT(MONTH FROM DATE '2016-12-03')", 12),
    (f"EXTRACT(MICROSECOND FROM {MOMENT})", 891234),
    (f"EXTRACT(MILLISECOND FROM {MOMENT})", 891),
    (f"EXTRACT(SECOND FROM {MOMENT})", 7),
    (f"EXTRACT(MINUTE FROM {MOMENT})", 30),
    (f"EXTRACT(HOUR FROM {MOMENT})", 15),
    ("EXTRACT(MICROSECOND FROM TIMESTAMP '1969-12-31 23:59:58.2+00')", 200000),
    (f"EXTRACT(DAY FROM {LOS_ANGELES})", 24),
    (f"EXTRACT(HOUR FROM {LOS_ANGELES})", 21),
    ("EXTRACT(HOUR FROM TIMESTAMP '2016-07-01 03:00:00+00' AT TIME ZONE 'America/Chicago')", 22),
    ("EXTRACT(HOUR FROM TIMESTAMP '2016-12-01 03:00:00+00' AT TIME ZONE 'America/Chicago')", 21),
    ("EXTRACT(YEAR FROM NULL)", None),
    ("UNIX_SECONDS(TIMESTAMP '2008-12-25 15:30:00+00')", 1230219000),
    ("UNIX_SECONDS(TIMESTAMP '1970-01-01 00:00:01.8+00')", 1),
    ("UNIX_SECONDS(TIMESTAMP '1969-12-31 23:59:58.2+00')", -2),
    ("TIMESTAMP '2016-01-15 22:15:00-06:00' = TIMESTAMP '2016-01-16 04:15:00Z'", True),
]
TEXTS = [
    ("LOWER('FOO')", "foo"),
    ("LOWER('ÄÖÜ ΟΔΟΣ')", "äöü οδος"),
    ("UPPER('foo')", "FOO"),
    ("UPPER('Straße')", "STRASSE"),
    ("TRIM('   apple   ')", "apple"),
    ("TRIM('\\t apple\\n\u2003\u3000')", "apple"),
    ("TRIM('***apple***', '*')", "apple"),
    ("TRIM('abaW\u030a', 'Y\u030a')", "abaW"),
    ("LTRIM('   apple   ')", "apple   "),
    ("LTRIM('xxxapplexxx', 'xyz')", "applexxx"),
    ("RTRIM('***apple***', '*')", "***apple"),
    ("LENGTH('абвгд')", 5),
    ("LENGTH('')", 0),
    ("CHAR_LENGTH('äöü')", 3),
    ("CONCAT('T.P.', ' ', 'Bar')", "T.P. Bar"),
    ("CONCAT('Summer', NULL)", None),
    ("STARTS_WITH('foobar', 'foo')", True),
    ("STARTS_WITH('bazbar', 'foo')", False),
    ("STARTS_WITH(NULL, 'foo')", None),
    ("'it\\'s'", "it's"),
]
ALL = [*ARITHMETIC, *COMPARISONS, *CONDITIONS, *CASTS, *TIMES, *TEXTS]
ERRORS = [
    ("1 / 0", "1.0 / 0.0 is a division by zero"),
    ("1.5 / 0.0", "division by zero"),
    (f"{NAN} / 0", "division by zero"),
    ("MOD(25, 0)", "division by zero"),
    ("DIV(20, 0)", "division by zero"),
    ("DIV(-9223372036854775808, -1)", "[Oo]verflow"),
    ("9223372036854775807 + 1", "[Oo]verflow"),
    ("ABS(-9223372036854775808)", "[Oo]verflow"),
    ("1e308 * 10", "out of range"),
    ("1e308 + 1e308", "out of range"),
    ("-1e308 - 1e308", "out of range"),
    ("1e308 / 0.1", "out of range"),
    ("POW(10, 400)", "out of range"),
    ("POW(-1, 0.5)", "out of range"),
    ("POW(0, -1)", "out of range"),
    ("SQRT(-1)", "negative"),
    ("LN(0)", "zero"),
    ("LN(-1)", "negative"),
    ("CAST('apple' AS INT64)", "'apple' cannot be cast to INT64"),
    ("CAST('1.5' AS INT64)", "'1.5' cannot be cast to INT64"),
    ("CAST('' AS INT64)", "'' cannot be cast to INT64"),
    (f"CAST({NAN} AS INT64)", "nan"),
    ("CAST(1e19 AS INT64)", "out of range"),
    ("CAST('1_0.5' AS FLOAT64)", "cannot be cast to FLOAT64"),
    ("CAST('1e309' AS FLOAT64)", "cannot be cast to FLOAT64"),
    ("CAST('yes' AS BOOL)", "cannot be cast to BOOL"),
    ("CAST('2016-02-30' AS DATE)", "cannot be cast to DATE"),
    ("TIMESTAMP '2016-01-15 22:15'", "cannot be cast to TIMESTAMP"),
]
REFUSED = [
    ("'1' + 1", "takes two numbers, and is given STRING, INT64"),
    ("MOD(1.5, 1)", "takes two INT64, and is given FLOAT64, INT64"),
    ("LOWER(5)", "takes a STRING, and is given INT64"),
    ("1 = '1'", "takes values of one type, and is given INT64, STRING"),
    ("IF(1, 2, 3)", "takes a BOOL and values of one type"),
    ("CASE WHEN TRUE THEN 1 ELSE 'a' END", "gives values of several types"),
    ("CASE 1 WHEN 'a' THEN 1 END", "compares values that are"),
    ("CAST(1.5 AS BOOL)", "FLOAT64 becomes FLOAT64, INT64, STRING"),
    ("CAST(1 AS NUMERIC)", "INT64 becomes"),
    ("CAST(1 AS STRING FORMAT 'x')", "is not allowed"),
    ("ROUND(2.345, 2)", "is not allowed"),
    ("EXTRACT(HOUR FROM DATE '2016-01-03')", "of a DATE there is DAYOFWEEK"),
    ("EXTRACT(EPOCH FROM TIMESTAMP '2016-01-03')", "is not allowed; of a TIMESTAMP there is MICROSECOND"),
    ("EXTRACT(YEAR FROM '2016')", "takes a TIMESTAMP or a DATE, and is given STRING"),
    ("EXTRACT(HOUR FROM TIMESTAMP '2016-01-03' AT TIME ZONE '+05:00')", "name a time zone"),
    ("EXTRACT(HOUR FROM TIMESTAMP '2016-01-03' AT TIME ZONE 'Mars/Olympus')", "name a time zone"),
    ("9223372036854775808", "too large for INT64"),
    ("1e309", "too large for FLOAT64"),
    ("1 IS TRUE", "takes a BOOL, and is given INT64"),
    ("NOT 1", "takes a BOOL"),
]


def typed(expression):
    node = parse_derived({"x": expression})["x"]
    infer_types(node, {})
    return node


@pytest.fixture(scope="module")
def connection(tmp_path_factory):
    with connect(tmp_path_factory.mktemp("scratch")) as connection:
        yield connection


def run(connection, expression):
    return connection.execute(f"SELECT {write_expression(typed(expression))}").fetchall()[0][0]


@pytest.mark.parametrize(("expression", "value"), ALL)
def test_duckdb_computes_the_value_of_the_manual(expression, value, connection):
    found = run(connection, expression)
    assert type(found) is type(value)
    assert found == value or (found != found and value != value)


@pytest.mark.parametrize(("expression", "_"), [*ALL, *ERRORS])
def test_what_is_sent_to_bigquery_is_what_was_written(expression, _):
    """Up to names that mean the same: a literal's type as a cast, a time zone by DATETIME."""
    said = re.sub(r"\b(TIMESTAMP|DATE) ('[^']*')", r"CAST(\2 AS \1)", expression)
    said = re.sub(r"(CAST\('[^']*' AS TIMESTAMP\)) AT TIME ZONE ('[^']*')", r"TIMESTAMP(DATETIME(\1, \2))", said)
    sent = parse_derived({"x": expression})["x"].sql(dialect="bigquery")
    assert sent == said


@pytest.mark.parametrize(("expression", "message"), ERRORS)
def test_what_bigquery_refuses_to_compute_is_an_error(expression, message, connection):
    with pytest.raises(duckdb.Error, match=message):
        run(connection, expression)


@pytest.mark.parametrize(("expression", "message"), REFUSED)
def test_what_does_not_fit_is_refused_before_a_row_is_read(expression, message):
    with pytest.raises(InputError, match=message):
        typed(expression)


def test_every_function_on_the_list_has_a_case():
    used = {type(node) for expression, _ in ALL for node in parse_derived({"x": expression})["x"].walk()}
    assert set(RULES) <= used
