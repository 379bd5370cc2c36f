from __future__ import annotations

import subprocess
import sys

import pytest

from components.lib.serving.example import encode_row
from pipeline_tools.errors import InputError


def test_a_row_is_a_tf_example_in_every_type():
    # Written out by hand from the wire format: Example{features{feature{"n": int64_list{value: 3}}}}.
    assert encode_row({"n": 3}) == bytes.fromhex("0a0c0a0a0a016e12051a030a0103")
    # {"s": bytes_list{value: "é"}}
    assert encode_row({"s": "é"}) == bytes.fromhex("0a0d0a0b0a017312060a040a02c3a9")
    # {"f": float_list{value: 1.5}}
    assert encode_row({"f": 1.5}) == bytes.fromhex("0a0f0a0d0a01661208120" + "60a040000c03f")


def test_a_missing_value_is_left_out_and_order_does_not_matter():
    assert encode_row({"a": 1, "b": None, "c": 2.0}) == encode_row({"c": 2.0, "a": 1})
    assert encode_row({}) == encode_row({"a": None})


@pytest.mark.parametrize("value", [True, [1], {"a": 1}, object()])
def test_what_no_column_holds_is_refused_with_the_columns_name(value):
    with pytest.raises(InputError, match="column 'fare'"):
        encode_row({"fare": value})


def test_a_number_outside_64_bits_is_refused():
    with pytest.raises(InputError, match="does not fit into 64 bits"):
        encode_row({"n": 2**63})


def test_the_client_starts_without_tensorflow():
    code = "import sys, components.lib.serving.client; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
