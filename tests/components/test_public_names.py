"""`from components import …` gives every factory; what a step imports loads none of them."""

import subprocess
import sys

import pytest

import components


def test_all_public_names_can_be_imported_and_are_listed() -> None:
    assert set(components._MODULES) == set(components.__all__)
    assert set(components.__all__) <= set(dir(components))
    for name in components.__all__:
        assert getattr(components, name) is not None


def test_an_unknown_name_is_an_ordinary_import_error() -> None:
    with pytest.raises(ImportError, match="cannot import name 'trian'"):
        exec("from components import trian", {})


@pytest.mark.parametrize(
    "module", ["components", "components.lib.beam.options", "components.lib.modules", "components.lib.schema"]
)
def test_importing_the_library_does_not_import_kfp(module: str) -> None:
    loaded = "[name for name in ('kfp', 'tensorflow', 'apache_beam', 'pyarrow') if name in sys.modules]"
    done = subprocess.run(
        [sys.executable, "-c", f"import sys, {module}; print({loaded})"], check=True, capture_output=True, text=True
    )
    assert done.stdout.strip() == "[]"


def test_a_step_can_import_the_work_where_kfp_has_no_decorators() -> None:
    """In a step, KFP sets _KFP_RUNTIME, and its `dsl` then has no `component`."""
    subprocess.run(
        [sys.executable, "-c", "import components.lib.beam.options, components.training.request"],
        check=True,
        env={"_KFP_RUNTIME": "true", "PYTHONPATH": ":".join(sys.path)},
    )
