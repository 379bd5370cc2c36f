import importlib.util

import pytest

from pipeline_tools.errors import MissingExtraError
from pipeline_tools.local.requirements import check_extras
from pipeline_tools.spec.imports import imported_modules

SOURCE = """
import json, a.b
from c.d import e
try:
    import perhaps
except ImportError:
    perhaps = None

def f():
    import kfp
    from a.b import g
    from . import h
"""


@pytest.mark.parametrize(("nested", "expected"), [(True, ["a.b", "c.d", "kfp"]), (False, ["a.b", "c.d"])])
def test_modules_are_found_by_reading(nested, expected):
    assert imported_modules(SOURCE, nested=nested) == expected


@pytest.fixture
def without_libraries(monkeypatch):
    """As after `pip install taxi-pipeline`, without an extra."""
    find = importlib.util.find_spec
    heavy = {"tensorflow", "apache_beam", "tensorflow_transform"}
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in heavy else find(name))


def test_a_missing_extra_is_named_before_anything_starts(without_libraries):
    with pytest.raises(MissingExtraError, match=r"tensorflow.* not installed.*pip install 'taxi-pipeline\[local\]'"):
        check_extras(["components.training.fit"])


def test_what_no_extra_brings_is_the_business_of_the_step(without_libraries):
    check_extras(["no_such_module_anywhere", "pipeline_tools.errors"])
