"""The package: its members, its bytes, what the command says, and what it refuses."""

import tarfile

import pytest
import yaml
from click.testing import CliRunner
from kfp import dsl

from pipeline_tools.cli.compile import compile_command
from pipeline_tools.compiler import ArgoSettings, compile_package, package_members, pipeline_yaml, read_spec
from pipeline_tools.errors import InputError
from pipeline_tools.image import IMAGE
from taxi_pipeline.workflow1 import workflow1


def echo(text: str) -> str:
    return text


def component(image: str):
    return dsl.component(echo, base_image=image, install_kfp_package=False)


@dsl.pipeline(name="lines")
def lines(text: str = "one\ntwo: {{x}}\ncomponents:x", other: str = ""):
    component(IMAGE)(text=text)
    component("python:3.11")(text=other)


def members(path) -> dict[str, str]:
    with tarfile.open(path) as archive:
        return {each.name: archive.extractfile(each).read().decode() for each in archive}


def test_a_package_holds_both_forms(tmp_path):
    held = members(compile_package(lines, tmp_path / "lines.tar.gz"))
    assert sorted(held) == ["pipeline.yaml", "workflow.yaml"]
    assert yaml.safe_load(held["pipeline.yaml"])["pipelineInfo"]["name"] == "lines"
    assert yaml.safe_load(held["workflow.yaml"])["kind"] == "Workflow"


@pytest.mark.parametrize(("form", "key"), [("kfp", "pipelineInfo"), ("argo", "apiVersion")])
def test_one_form_alone_is_pipeline_yaml(form, key, tmp_path):
    held = members(compile_package(lines, tmp_path / "lines.tar.gz", format=form))
    assert list(held) == ["pipeline.yaml"]
    assert key in yaml.safe_load(held["pipeline.yaml"])


def test_the_same_pipeline_gives_the_same_bytes(tmp_path):
    first = compile_package(workflow1, tmp_path / "a.tar.gz").read_bytes()
    assert compile_package(workflow1, tmp_path / "b.tar.gz").read_bytes() == first


def test_a_default_of_several_lines_leaves_valid_yaml():
    spec = read_spec(lines)
    assert spec["root"]["inputDefinitions"]["parameters"]["text"]["defaultValue"] == "one\ntwo: {{x}}\ncomponents:x"


def test_image_replaces_our_own_image_only():
    held = package_members(lines, image="registry.example/trips:7")
    for text in held.values():
        assert IMAGE not in text
        assert text.count("image: registry.example/trips:7") == 1
        assert text.count("image: python:3.11") == 1


def test_image_leaves_a_pipeline_of_other_images_as_it_is():
    @dsl.pipeline(name="others")
    def others(text: str = ""):
        component("python:3.11")(text=text)

    assert pipeline_yaml(others, image="registry.example/trips:7") == pipeline_yaml(others)


def test_the_hash_on_the_workflow_is_that_of_the_specification():
    import hashlib

    held = package_members(lines)
    metadata = yaml.safe_load(held["workflow.yaml"])["metadata"]
    digest = hashlib.sha256(held["pipeline.yaml"].encode()).hexdigest()
    assert metadata["annotations"]["taxi-pipeline/package-sha256"] == digest
    assert digest.startswith(metadata["labels"]["taxi-pipeline/package-hash"])
    assert hashlib.sha256(pipeline_yaml(lines).encode()).hexdigest() == digest


def test_a_patch_overrides_any_default():
    patch = {"spec": {"ttlStrategy": None, "securityContext": {"runAsUser": 7}, "priority": 3}}
    spec = yaml.safe_load(package_members(lines, argo=ArgoSettings(patch=patch))["workflow.yaml"])["spec"]
    assert "ttlStrategy" not in spec
    assert spec["securityContext"]["runAsUser"] == 7
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["priority"] == 3


def test_unknown_format_and_name():
    with pytest.raises(InputError, match="'tekton' is not a format of a package; give one of both, kfp, argo"):
        compile_package(lines, format="tekton")
    with pytest.raises(InputError, match=r"give a name that ends so"):
        compile_package(lines, "lines.zip")


def test_parameters_that_the_backend_would_not_keep(tmp_path):
    @dsl.pipeline(name="long")
    def long(text: str = "x" * 10_000):
        component("python:3.11")(text=text)

    compile_package(long, tmp_path / "long.tar.gz")
    with pytest.raises(InputError, match=r"parameters take 10,\d\d\d bytes, the Pipelines backend takes 10,000"):
        compile_package(long, tmp_path / "argo.tar.gz", format="argo")
    assert not (tmp_path / "argo.tar.gz").exists()


def test_command_says_where_and_how_large(tmp_path):
    done = CliRunner().invoke(compile_command, ["workflow1", "-o", str(tmp_path / "w.tar.gz")])
    assert done.exit_code == 0, done.output
    assert done.stdout == f"{tmp_path / 'w.tar.gz'}\n"
    assert "pipeline.yaml: " in done.stderr
    assert "workflow.yaml: " in done.stderr


def test_command_takes_a_patch(tmp_path):
    (tmp_path / "patch.yaml").write_text("spec: {priority: 9}")
    output, patch = str(tmp_path / "w.tar.gz"), str(tmp_path / "patch.yaml")
    arguments = ["workflow1", "--format", "argo", "--argo-patch", patch, "--service-account", "me", "-o", output]
    done = CliRunner().invoke(compile_command, arguments)
    assert done.exit_code == 0, done.output
    spec = yaml.safe_load(members(output)["pipeline.yaml"])["spec"]
    assert (spec["priority"], spec["serviceAccountName"]) == (9, "me")
    (tmp_path / "patch.yaml").write_text("- no mapping")
    done = CliRunner().invoke(compile_command, arguments)
    assert isinstance(done.exception, InputError)
    assert "patch.yaml: must be a mapping" in str(done.exception)
