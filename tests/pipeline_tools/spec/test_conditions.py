import pytest

from pipeline_tools.errors import InputError
from pipeline_tools.spec.conditions import parse_condition

N = "inputs.parameter_values['pipelinechannel--n']"
MODE = "inputs.parameter_values['pipelinechannel--mode']"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"int({N}) > 3", True),
        (f"int({N}) <= 3", False),
        (f"!(int({N}) > 3)", False),
        (f"int({N}) > 3 && {MODE} == 'fast'", True),
        (f"!(int({N}) > 3) && {MODE} == 'fast'", False),
        (f"{MODE} == 'slow' || {MODE} != 'slow'", True),
        (f"{MODE} == 'a && b'", False),
        (f"double(int({N})) >= 4.5", False),
        (f"({N} == 4.0)", True),
        ("inputs.parameter_values['flag'] == true", True),
        ("inputs.parameter_values['flag'] == false", False),
        (f"int({N}) == -4", False),
        (f"{MODE} < 'g'", True),
    ],
)
def test_truth(text, expected):
    values = {"pipelinechannel--n": 4, "pipelinechannel--mode": "fast", "flag": True}
    assert parse_condition(text).value(values) is expected


def test_and_binds_closer_than_or():
    assert parse_condition("true || false && false").value({}) is True
    assert parse_condition("(true || false) && false").value({}) is False


@pytest.mark.parametrize(
    "text",
    ["", "1 +", "(true", "true)", "int 3", "'it's'", "size(x) > 1", "'int(inputs.parameter_values['n'])' == 'a'"],
)
def test_what_is_no_condition_is_refused(text):
    with pytest.raises(InputError, match="cannot read the condition"):
        parse_condition(text)


def test_missing_value_is_named():
    with pytest.raises(InputError, match="'pipelinechannel--n', which has no value"):
        parse_condition(f"int({N}) > 3").value({})


def test_reads_as_its_author_wrote_it():
    assert str(parse_condition(f"!(int({N}) > 3) && {MODE} == 'x'")) == "!(n > 3) && mode == 'x'"
