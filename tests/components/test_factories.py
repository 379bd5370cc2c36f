"""What a cluster gets of a component is the source of its function alone."""

import pytest

import components
from pipeline_tools.compiler import read_spec

FACTORIES = [
    each for each in (getattr(components, name) for name in components.__all__) if hasattr(each, "component_spec")
]


@pytest.mark.parametrize("factory", FACTORIES, ids=lambda factory: factory.name)
def test_the_source_can_be_executed_by_itself(factory) -> None:
    containers = read_spec(factory)["deploymentSpec"]["executors"].values()
    for source in (each["container"]["command"][-1] for each in containers):
        namespace: dict[str, object] = {}
        exec(source, namespace)  # as KFP's executor does
        assert factory.python_func.__name__ in namespace
