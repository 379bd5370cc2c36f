import pytest

from pipeline_tools.errors import InputError
from pipeline_tools.spec.parameters import complete, parse_pairs, read_file
from pipeline_tools.spec.types import cast

DEFINITIONS = {
    "train_steps": {"parameterType": "NUMBER_INTEGER", "defaultValue": 1000.0, "isOptional": True},
    "rate": {"parameterType": "NUMBER_DOUBLE", "defaultValue": 1.0, "isOptional": True},
    "name": {"parameterType": "STRING", "defaultValue": "x", "isOptional": True},
    "flag": {"parameterType": "BOOLEAN", "defaultValue": True, "isOptional": True},
    "items": {"parameterType": "LIST", "defaultValue": [1.0], "isOptional": True},
    "table": {"parameterType": "STRUCT", "isOptional": True},
    "source": {"parameterType": "STRING"},
}


def test_pairs_take_the_type_of_their_parameter():
    pairs = ["train_steps=20", "rate=1e-3", "name=12=x", "flag=True", "items=[1, 2]", 'table={"a": null}', "source="]
    assert parse_pairs(pairs, DEFINITIONS) == {
        "train_steps": 20,
        "rate": 0.001,
        "name": "12=x",
        "flag": True,
        "items": [1, 2],
        "table": {"a": None},
        "source": "",
    }


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        ("train_step=20", "no parameter 'train_step'; did you mean train_steps"),
        ("zzz=1", "no parameter 'zzz'; it has flag, items, name, rate, source, table, train_steps"),
        ("train_steps", "write it as name=value"),
        ("train_steps=many", r"'train_steps' takes a whole number \(NUMBER_INTEGER\), not 'many'"),
        ("items=1,2", "'items' takes a list, as JSON"),
        ("flag=perhaps", "'flag' takes true or false"),
    ],
)
def test_wrong_pairs(pair, message):
    with pytest.raises(InputError, match=message):
        parse_pairs([pair], DEFINITIONS)


def test_a_pair_given_twice():
    with pytest.raises(InputError, match="given twice"):
        parse_pairs(["name=a", "name=b"], DEFINITIONS)


def test_defaults_are_filled_in_with_their_types():
    values = complete({"source": "a"}, DEFINITIONS)
    assert values == {"train_steps": 1000, "rate": 1.0, "name": "x", "flag": True, "items": [1], "source": "a"}
    assert type(values["train_steps"]) is int
    assert type(values["rate"]) is float
    assert type(values["items"][0]) is int


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("train_steps", 1.5, r"not 1\.5"),
        ("train_steps", True, "not True"),
        ("train_steps", "20", "not '20'"),
        ("rate", float("nan"), "not nan"),
        ("name", 3, "takes text"),
        ("flag", 1, "takes true or false"),
        ("items", {"a": 1}, "takes a list"),
        ("table", [1], "takes a mapping"),
        ("items", [object()], "not JSON serializable"),
    ],
)
def test_wrong_types(name, value, message):
    with pytest.raises(InputError, match=message) as caught:
        complete({"source": "a", name: value}, DEFINITIONS)
    assert repr(name) in str(caught.value)


def test_all_problems_at_once():
    with pytest.raises(InputError) as caught:
        complete({"sorce": "a", "flag": 3}, DEFINITIONS)
    text = str(caught.value)
    assert "did you mean source" in text
    assert "'flag' takes" in text
    assert "'source' is required" in text


def test_literals():
    definitions = {"mode": {"parameterType": "STRING", "literals": ["local", "cloud"]}}
    assert complete({"mode": "local"}, definitions) == {"mode": "local"}
    with pytest.raises(InputError, match="'clod' is none of 'local', 'cloud'"):
        complete({"mode": "clod"}, definitions)


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        (3.0, "NUMBER_INTEGER", 3),
        (3, "NUMBER_DOUBLE", 3.0),
        (1.0, "STRING", "1"),
        ({"a": 1.0}, "STRING", '{"a":1}'),
        ("[1, 2]", "LIST", [1, 2]),
        ("True", "BOOLEAN", True),
        ("4", "NUMBER_INTEGER", 4),
        ({"a": [1.0, 2.5]}, "STRUCT", {"a": [1, 2.5]}),
        ("1.0", "", "1.0"),
        (None, "STRING", None),
        (2.0**60, "NUMBER_DOUBLE", 2.0**60),
    ],
)
def test_cast(value, kind, expected):
    result = cast(value, kind)
    assert result == expected
    assert type(result) is type(expected)


def test_cast_of_other_text():
    with pytest.raises(InputError, match="'x' is not a list"):
        cast("x", "LIST")


@pytest.mark.parametrize("text", ["train_steps: 5\nname: a\n", '{"train_steps": 5, "name": "a"}'])
def test_file(tmp_path, text):
    path = tmp_path / "params"
    path.write_text(text)
    assert read_file(path) == {"train_steps": 5, "name": "a"}


@pytest.mark.parametrize(
    ("text", "message"), [("[1]", "does not hold one mapping"), ("a: [", "not YAML"), ("", "does not hold one mapping")]
)
def test_wrong_file(tmp_path, text, message):
    path = tmp_path / "params.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        read_file(path)


def test_missing_file(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        read_file(tmp_path / "none.yaml")
