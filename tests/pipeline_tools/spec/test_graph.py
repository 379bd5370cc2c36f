import pytest
from kfp import dsl

from pipeline_tools.compiler import read_documents, read_spec
from pipeline_tools.errors import InputError
from pipeline_tools.spec.graph import Position, read_plan
from tests.pipeline_tools.local import pipelines


def test_what_cannot_run_here_is_named_before_anything_starts():
    with pytest.raises(InputError) as caught:
        read_plan(read_documents(pipelines.impossible))
    text = str(caught.value)
    assert "task 'wants-package': it needs no-such-package-here==1.0, which is not installed" in text
    assert "pip install 'no-such-package-here==1.0'" in text
    assert "task 'no-such-command': it runs the command 'frobnicate-nothing' of the image some/image" in text
    assert "task 'entry-point': it runs the entry point of the image some/image" in text
    assert "task 'condition-1/inside-image': its code is inside the image" in text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda task, spec: task.update(dependentTasks=["ghost"]), "do not exist: ghost"),
        (lambda task, spec: task.update(dependentTasks=["make"]), "wait for one another"),
        (
            lambda task, spec: task.update(triggerPolicy={"condition": "size(x)"}),
            "task 'make': cannot read the condition",
        ),
        (
            lambda task, spec: spec["deploymentSpec"]["executors"].update({"exec-make": {"resolver": {}}}),
            "task 'make': it is a resolver",
        ),
        (
            lambda task, spec: spec["deploymentSpec"]["executors"]["exec-make"]["container"]["args"].append("{{$.x}}"),
            r"the placeholder {{\$.x}} has no meaning",
        ),
    ],
)
def test_broken_specifications(change, message):
    spec = read_spec(pipelines.chain)
    change(spec["root"]["dag"]["tasks"]["make"], spec)
    with pytest.raises(InputError, match=message):
        read_plan([spec])


def test_importer_to_a_workspace_is_refused():
    @dsl.pipeline(pipeline_config=dsl.PipelineConfig(workspace=dsl.WorkspaceConfig(size="1Gi")))
    def brings():
        dsl.importer(artifact_uri="/x", artifact_class=dsl.Dataset, download_to_workspace=True)

    with pytest.raises(InputError, match="task 'importer': download_to_workspace"):
        read_plan(read_documents(brings))


def test_steps_come_in_an_order_in_which_they_can_run():
    names = [name for name, _ in read_plan(read_documents(pipelines.chain)).steps(Position())]
    assert names.index("make") < names.index("read")


def test_only_what_is_sure_to_run_is_imported_beforehand():
    @dsl.pipeline
    def choosy(place: str = "", count: int = 1):
        @pipelines.component
        def always():
            import always_needed  # noqa: F401

        @pipelines.component
        def published():
            import publisher  # noqa: F401

        @pipelines.component
        def late():
            import only_then  # noqa: F401

        always()
        with dsl.If(place != ""), dsl.If(count > 0):
            published()
        with dsl.If(pipelines.measure().outputs["Output"] > 0.1):
            late()

    plan = read_plan(read_documents(choosy))
    own = {"always_needed", "publisher", "only_then"}
    assert own.intersection(plan.imports({"place": "", "count": 1})) == {"always_needed"}
    assert own.intersection(plan.imports({"place": "x", "count": 0})) == {"always_needed"}
    assert own.intersection(plan.imports({"place": "x", "count": 1})) == {"always_needed", "publisher"}
