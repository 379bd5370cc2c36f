"""The rule of KFP's backend for values in text, against values recorded from its Go code."""

import json

import pytest

from pipeline_tools.spec.text import text_of

RECORDED = [
    ("null", ""),
    ('""', ""),
    ('"a \\"b\\" ü"', 'a "b" ü'),
    ("20.0", "20"),
    ("20", "20"),
    ("-0.0", "0"),
    ("9007199254740991", "9007199254740991"),
    ("1e20", "1e+20"),
    ("1e21", "1e+21"),
    ("-1e25", "-1e+25"),
    ("0.1", "0.1"),
    ("-1.5", "-1.5"),
    ("100.25", "100.25"),
    ("123456.5", "123456.5"),
    ("1234567.5", "1.2345675e+06"),
    ("0.0001", "0.0001"),
    ("0.00001", "1e-05"),
    ("0.000123", "0.000123"),
    ("1.5e-7", "1.5e-07"),
    ("true", "true"),
    ("false", "false"),
    ("[]", "[]"),
    ("{}", "{}"),
    ('[1.0, "a b", null, true, {"z": 1, "a": 0.5}]', '[1,"a b",null,true,{"a":0.5,"z":1}]'),
    ("[1234567.5, 1e20, 1e21, 1e-7, 0.000001]", "[1234567.5,100000000000000000000,1e+21,1e-7,0.000001]"),
    ('["ü", "<&>"]', '["ü","\\u003c\\u0026\\u003e"]'),
]
"""A value as JSON, and the text that the driver puts in its place."""


@pytest.mark.parametrize(("value", "text"), RECORDED)
def test_values_are_written_as_the_driver_writes_them(value, text):
    assert text_of(json.loads(value)) == text


def test_this_machine_keeps_digits_that_no_float_has():
    assert text_of(9007199254740993) == "9007199254740993"
