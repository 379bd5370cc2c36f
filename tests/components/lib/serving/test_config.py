from __future__ import annotations

import pytest

from components.lib.serving.config import VersionPolicy, find_models
from pipeline_tools.errors import InputError


@pytest.fixture
def models(tmp_path):
    for name, version in (("taxi", 1), ("taxi", 2), ("bus", 1)):
        (tmp_path / name / str(version)).mkdir(parents=True)
    (tmp_path / "notes").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("text", "chosen"),
    [("latest", [5]), ("latest:2", [3, 5]), ("all", [1, 3, 5]), ("specific:1,5,9", [1, 5])],
)
def test_a_policy_chooses_versions(text, chosen):
    assert VersionPolicy.parse(text).choose([1, 3, 5]) == chosen
    assert VersionPolicy.parse(text).choose([]) == []


@pytest.mark.parametrize("text", ["", "newest", "latest:0", "latest:-1", "specific:", "specific:a", "all:1"])
def test_what_is_no_policy_is_refused(text):
    with pytest.raises(InputError, match="version policy"):
        VersionPolicy.parse(text)


def test_a_directory_of_models_serves_each(models):
    found = find_models(str(models), None, VersionPolicy())

    assert {model.name: model.base_path for model in found} == {
        "bus": str(models / "bus"),
        "taxi": str(models / "taxi"),
    }


def test_one_model_can_be_named(models):
    (found,) = find_models(str(models), "taxi", VersionPolicy(), {"stable": 1})

    assert (found.name, found.base_path, found.labels) == ("taxi", str(models / "taxi"), {"stable": 1})


def test_a_directory_of_versions_is_one_model_as_for_tf_serving(models):
    assert [model.name for model in find_models(str(models / "taxi"), None, VersionPolicy())] == ["default"]
    assert [model.name for model in find_models(str(models / "taxi"), "x", VersionPolicy())] == ["x"]
    assert find_models("gs://bucket/taxi", "taxi", VersionPolicy())[0].base_path == "gs://bucket/taxi"


def test_what_is_not_there_is_named_with_what_is(models, tmp_path):
    with pytest.raises(InputError, match=r"no such model under .*; the models are: bus, taxi"):
        find_models(str(models), "tram", VersionPolicy())
    with pytest.raises(InputError, match="does not exist"):
        find_models(str(tmp_path / "none"), None, VersionPolicy())
    with pytest.raises(InputError, match="no model in it"):
        find_models(str(models / "notes"), None, VersionPolicy())
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="is a file"):
        find_models(str(tmp_path / "file"), None, VersionPolicy())


def test_a_label_needs_one_model(models):
    with pytest.raises(InputError, match="--label needs --model-name; the models are bus, taxi"):
        find_models(str(models), None, VersionPolicy(), {"stable": 1})
