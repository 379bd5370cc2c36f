"""What an Argo Workflow cannot express is an error that names the task and the construct."""

import re

import pytest
import yaml
from kfp import dsl
from kfp.dsl import Dataset

from pipeline_tools.compiler import compile_package, lower, pipeline_yaml
from pipeline_tools.errors import InputError
from tests.pipeline_tools.compiler.argo.pipelines import add, component, count_all, make, numbers, read

# kfp-kubernetes wants a protobuf that TensorFlow's metadata refuses on Python 3.10, so that it is not installed there.
kubernetes = pytest.importorskip("kfp.kubernetes", reason="kfp-kubernetes is not installed")


def refused(pipeline, message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        lower(pipeline_yaml(pipeline))


def changed(pipeline, change) -> str:
    documents = list(yaml.safe_load_all(pipeline_yaml(pipeline)))
    change(documents[0])
    return yaml.safe_dump_all(documents)


@dsl.pipeline(name="plain")
def plain(count: int = 1):
    add(a=count)


def test_collecting_artifacts_from_a_loop_over_outputs():
    @dsl.pipeline
    def collecting():
        with dsl.ParallelFor(numbers(count=2).output) as rows:
            made = make(rows=rows)
        count_all(parts=dsl.Collected(made.outputs["data"]))

    refused(collecting, "task `for-loop-1`: collecting artifacts (pipelinechannel--make-data) from a ParallelFor whose")


def test_an_artifact_as_the_pipelines_input():
    @dsl.pipeline
    def taking(data: dsl.Input[Dataset]):
        read(data=data)

    refused(taking, "the pipeline takes artifacts as inputs (data); import them in the pipeline instead")


def test_an_importer_that_argo_cannot_fetch_for():
    @dsl.pipeline
    def importing():
        brought = dsl.importer(artifact_uri="hdfs://trips/2026", artifact_class=Dataset)
        read(data=brought.output)

    refused(importing, "task `importer`: importer: Argo cannot fetch hdfs://trips/2026; give a path, or one of gs://")


def test_a_claim_made_in_the_pipeline():
    @dsl.pipeline
    def claiming():
        made = kubernetes.CreatePVC(
            pvc_name_suffix="-x", access_modes=["ReadWriteOnce"], size="5Gi", storage_class_name="s"
        )
        kubernetes.mount_pvc(add(a=1), pvc_name=made.outputs["name"], mount_path="/x")

    refused(
        claiming,
        "task `createpvc`: creating and deleting persistent volume claims (argostub/createpvc) cannot be expressed",
    )


def test_a_secret_whose_name_is_known_too_late():
    @dsl.pipeline
    def late(name: str = "secret"):
        kubernetes.use_secret_as_env(add(a=1), name, {"a": "A"})

    refused(late, "task `add`: secretName is known only when the pipeline runs; give a constant")


def test_a_backoff_factor_with_a_fraction():
    @dsl.pipeline
    def backing_off():
        add(a=1).set_retry(2, backoff_duration="10s", backoff_factor=1.5)

    refused(backing_off, "task `add`: retry: a backoff factor of 1.5 cannot be expressed")


def test_a_container_without_a_command_that_takes_values():
    @dsl.container_component
    def entrypoint(text: str):
        return dsl.ContainerSpec(image="busybox:1.37", args=[text])

    @dsl.pipeline
    def running(text: str = ""):
        entrypoint(text=text)

    refused(running, "task `entrypoint`: the container has no command")


def test_a_pipeline_too_large_for_a_cluster():
    @component
    def long(text: str) -> str:
        return text

    @dsl.pipeline
    def large():
        for at in range(30):
            long(text=f"{at}" + "x" * 40_000)

    refused(large, "bytes, a cluster accepts 1,048,576: split the pipeline, or move the code")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s["root"]["dag"]["tasks"]["add"].update(newField=1), 'no field named "newField"'),
        (
            lambda s: s["deploymentSpec"]["executors"]["exec-add"]["container"].update(lifecycle={}),
            "task `add`: `lifecycle` cannot be expressed",
        ),
        (
            lambda s: s["deploymentSpec"]["executors"].update({"exec-add": {"customJob": {}}}),
            "task `add`: `customJob` cannot be expressed",
        ),
        (
            lambda s: s["root"]["dag"]["tasks"]["add"].update(triggerPolicy={"condition": "1 in [1]"}),
            "task 'add': triggerPolicy.condition: cannot read the condition '1 in [1]', at 'in [1]'",
        ),
        (
            lambda s: s["root"]["dag"]["tasks"]["add"]["inputs"]["parameters"]["a"].update(componentInputParameter="x"),
            "task 'add': input 'a' refers to 'x', which no pipeline or loop around it has",
        ),
        (lambda s: s.update(surprise=1), 'no field named "surprise"'),
        (lambda s: s["root"]["dag"].update(tasks={}), "`plain`: a pipeline without tasks"),
    ],
)
def test_fields_that_nobody_told_us_of(change, message):
    with pytest.raises(InputError, match=re.escape(message)):
        lower(changed(plain, change))


def test_a_package_without_the_workflow_can_be_had(tmp_path):
    @dsl.pipeline(name="claims")
    def claims(data: dsl.Input[Dataset]):
        read(data=data)

    with pytest.raises(InputError, match="can be had with the format `kfp`"):
        compile_package(claims, tmp_path / "claims.tar.gz")
    assert not (tmp_path / "claims.tar.gz").exists()
    assert compile_package(claims, tmp_path / "claims.tar.gz", format="kfp").exists()


def test_a_loop_over_artifacts():
    spec = yaml.safe_load(pipeline_yaml(_looping_over_artifacts))
    loop = spec["root"]["dag"]["tasks"]["for-loop-2"]
    del loop["parameterIterator"]
    loop["artifactIterator"] = {"items": {"inputArtifact": "made"}, "itemInput": "pipelinechannel--loop-item-param-1"}
    loop["inputs"] = {
        "artifacts": {"made": {"taskOutputArtifact": {"producerTask": "make", "outputArtifactKey": "data"}}}
    }
    with pytest.raises(InputError, match="task `for-loop-2`: ParallelFor over artifacts cannot be expressed"):
        lower(yaml.safe_dump(spec))


@dsl.pipeline
def _looping_over_artifacts():
    make(rows=1)
    with dsl.ParallelFor([1, 2]) as item:
        add(a=item)
