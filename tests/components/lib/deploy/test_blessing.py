from __future__ import annotations

import json
from pathlib import Path

import pytest

from components.lib.deploy.blessing import NotBlessedError, check_blessing
from components.lib.deploy.names import check_model_name
from pipeline_tools.errors import InputError


def write_verdict(directory: Path, blessed: bool) -> str:
    verdict = {"blessed": blessed, "reason": "AUC of all examples: 0.8, must be at least 0.9", "failures": []}
    (directory / "verdict.json").write_text(json.dumps(verdict))
    return str(directory)


def test_a_blessed_model_passes(tmp_path):
    blessing = check_blessing(write_verdict(tmp_path, True), deploy_unblessed=False)

    assert blessing.blessed
    assert not blessing.overridden


def test_an_unblessed_model_is_stopped_with_the_reason_and_the_way_round(tmp_path):
    with pytest.raises(NotBlessedError, match=r"AUC of all examples: 0.8.*deploy_unblessed"):
        check_blessing(write_verdict(tmp_path, False), deploy_unblessed=False)


def test_the_way_round_is_recorded(tmp_path):
    blessing = check_blessing(write_verdict(tmp_path, False), deploy_unblessed=True)

    assert blessing.as_dict() == {
        "blessed": False,
        "reason": "AUC of all examples: 0.8, must be at least 0.9",
        "overridden": True,
    }


def test_a_blessed_model_needs_no_way_round_even_if_it_is_open(tmp_path):
    assert not check_blessing(write_verdict(tmp_path, True), deploy_unblessed=True).overridden


@pytest.mark.parametrize("content", [None, "", "[]", '{"reason": "x"}'])
def test_without_a_verdict_nothing_passes(tmp_path, content):
    if content is not None:
        (tmp_path / "verdict.json").write_text(content)

    with pytest.raises(InputError, match=r"verdict.json: no readable verdict"):
        check_blessing(str(tmp_path), deploy_unblessed=True)


@pytest.mark.parametrize("name", ["taxi", "taxi-tips-2", "a", "a" * 63])
def test_dns_labels_are_model_names(name):
    check_model_name(name)


@pytest.mark.parametrize("name", ["", "Taxi", "taxi_tips", "2taxi", "-taxi", "taxi-", "a/b", "..", "a" * 64, "taxi\n"])
def test_what_is_no_dns_label_is_no_model_name(name):
    with pytest.raises(InputError, match="is not a DNS label"):
        check_model_name(name)
