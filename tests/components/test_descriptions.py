"""The Pipelines UI sorts parameters by name: each description is a sentence that makes sense alone."""

import inspect

import docstring_parser
import pytest

import components
from pipeline_tools import registry
from pipeline_tools.cli.pipelines import find_workflow
from pipeline_tools.registry import registrations

FACTORIES = {name: each.factory for name, each in registrations().items()}
WORKFLOWS = {name: find_workflow(name) for name in registry.entry_points(registry.PIPELINES)}


def described(component) -> dict[str, str | None]:
    """Read the descriptions as kfp does, those of output artifacts too, which it leaves out of the specification."""
    function = component.python_func if hasattr(component, "python_func") else component.pipeline_func
    texts = {each.arg_name: each.description for each in docstring_parser.parse(function.__doc__).params}
    assert set(texts) == set(inspect.signature(function).parameters)
    for name, each in (component.component_spec.inputs or {}).items():
        assert " ".join((each.description or "").split()) == " ".join((texts[name] or "").split())
    return texts


def test_every_public_factory_is_registered() -> None:
    public = {getattr(components, name) for name in components.__all__}
    assert {each.name for each in public if hasattr(each, "component_spec")} == {
        each.name for each in FACTORIES.values()
    }
    assert len(FACTORIES) >= 10
    assert set(WORKFLOWS) >= {"workflow1", "workflow2"}


@pytest.mark.parametrize("name", [*FACTORIES, *WORKFLOWS])
def test_every_parameter_is_described_by_a_sentence(name: str) -> None:
    component = {**FACTORIES, **WORKFLOWS}[name]
    poor = {
        each: text
        for each, text in described(component).items()
        if not (text and text.endswith(".") and len(text.split()) >= 8 and "likewise" not in text.lower())
    }
    assert poor == {}


@pytest.mark.parametrize("name", [*FACTORIES, *WORKFLOWS])
def test_no_default_names_an_image_of_ours(name: str) -> None:
    component = {**FACTORIES, **WORKFLOWS}[name]
    defaults = [each.default for each in (component.component_spec.inputs or {}).values()]
    assert not [each for each in defaults if components.IMAGE in str(each)]
