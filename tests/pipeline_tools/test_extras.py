"""A missing extra is named."""

import sys

import pytest

from pipeline_tools.errors import MissingExtraError
from pipeline_tools.extras import require


def test_an_installed_module_is_returned() -> None:
    assert require("json") is sys.modules["json"]


def test_a_missing_module_names_its_extra() -> None:
    with pytest.raises(MissingExtraError, match=r"pip install 'taxi-pipeline\[local\]'"):
        require("no_such_module_here.part")


def test_what_an_installed_module_lacks_is_no_missing_extra() -> None:
    with pytest.raises(ModuleNotFoundError) as caught:
        require("json.no_such_part")
    assert not isinstance(caught.value, MissingExtraError)


def test_a_package_in_a_shared_folder_is_missing_by_itself() -> None:
    with pytest.raises(MissingExtraError, match=r"google\.cloud\.no_such is not installed.*\[cloud\]"):
        require("google.cloud.no_such.part", "cloud")
