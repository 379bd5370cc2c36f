"""The documents of a specification, read as KFP's backend reads them; hostile ones are one error, soon."""

import gzip
import io
import tarfile
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from pipeline_tools.cli.main import cli
from pipeline_tools.compiler import compile_package, pipeline_yaml, read_documents
from pipeline_tools.errors import InputError
from pipeline_tools.spec import limits
from pipeline_tools.spec.documents import load_documents, parse_documents
from pipeline_tools.spec.limits import check_name
from tests.pipeline_tools.local import pipelines

HOSTILE = Path(__file__).parents[1] / "cases" / "hostile"
SPEC = yaml.safe_load((HOSTILE / "no_name.yaml").read_text()) | {"pipelineInfo": {"name": "fine"}}
PLATFORM = {"platforms": {"kubernetes": {"deploymentSpec": {"executors": {}}}}}


def _text(*documents):
    return yaml.safe_dump_all(documents)


@pytest.mark.parametrize(
    "documents",
    [(SPEC, PLATFORM), (PLATFORM, SPEC), (None, PLATFORM, {}, SPEC, None)],
    ids=["usual", "turned", "empty"],
)
def test_documents_come_in_either_order_with_empty_ones_between(documents):
    assert parse_documents(_text(*documents), "x") == [SPEC, PLATFORM]


def test_a_specification_alone_has_no_platform():
    assert parse_documents(_text(None, SPEC), "x") == [SPEC]
    assert read_documents(pipelines.chain)[0]["pipelineInfo"]["name"] == "chain"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (_text(SPEC, SPEC), "x: holds 2 pipeline specifications; KFP's backend takes one"),
        (_text(SPEC, PLATFORM, PLATFORM), "x: holds 2 documents of platform settings"),
        ("", "x: no KFP v2 pipeline specification"),
        ("- 1\n", "x: document 1 is not a mapping, but list"),
        ("a: 1\n", r"x: document 1 \(a\) is not a KFP v2 pipeline specification"),
        ("kind: Workflow\n", "x: an Argo Workflow"),
        ("a: [\n", "x: not YAML"),
        (_text(SPEC | {"rot": 1}), "x: .*rot"),
        (_text(SPEC | {"root": {"dag": {"tasks": {"../x": {"componentRef": {"name": "comp-hello"}}}}}}), r"'\.\./x'"),
        (_text(SPEC | {"root": {"dag": {"tasks": {"a": {"componentRef": {"name": "no"}}}}}}), "x: task 'a': .*'no'"),
        (_text(SPEC | {"deploymentSpec": {"executors": {}}}), "x: task 'hello': executorLabel: .*'exec-hello'"),
        (_text(PLATFORM | {"platform": {}}, SPEC), "x: .*platform"),
        ("a: 2026-01-01\n", "x: a: 2026-01-01 is a date; quote it"),
        ("1: x\n", "x: : the key 1 is not text"),
    ],
)
def test_what_is_not_a_specification_is_one_error(text, message):
    with pytest.raises(InputError, match=message):
        parse_documents(text, "x")


def _laughs(width: int, depth: int) -> str:
    lines = ["a0: &a0 [x]"]
    lines += [f"a{at}: &a{at} [{', '.join([f'*a{at - 1}'] * width)}]" for at in range(1, depth)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (_laughs(10, 30), "its aliases repeat more than 250,000 values"),
        (_laughs(2, 200), "its aliases repeat more than 250,000 values"),
        ("a: &a {b: 1}\n" + "\n".join(f"a{n}: &a{n} {{<<: [*a, *a]}}" for n in range(3)), "document 1"),
        ("a: &a [*a]\n", "line 1: the alias [*]a names nothing that ends before it"),
        ("[" * 100_000, "not YAML|nested deeper"),
        ("a: " + "{a: " * 300 + "1" + "}" * 300, "nested deeper than 100 levels"),
        ("a: " + "9" * 5_000, "not YAML"),
    ],
    ids=["wide", "deep", "merged", "cycle", "brackets", "levels", "digits"],
)
def test_what_repeats_or_nests_itself_is_refused_before_it_is_built(text, message):
    with pytest.raises(InputError, match=message):
        parse_documents(text, "x")


@pytest.mark.parametrize("command", [["run"], ["run", "--dry-run"], ["diff", str(HOSTILE / "no_name.yaml")]])
@pytest.mark.parametrize("path", sorted(HOSTILE.iterdir()), ids=lambda path: path.name)
def test_a_hostile_file_is_one_error_and_writes_nothing(path, command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(cli, [*command, str(path)])
    if command[0] == "diff" and path.name in ("source_syntax.yaml", "pip_unbalanced.yaml"):
        path = HOSTILE / "no_name.yaml"  # what they install and execute is no matter of comparing
    assert isinstance(result.exception, InputError), result.output
    assert path.name in str(result.exception) or command[0] == "diff"
    assert list(tmp_path.iterdir()) == []


def test_a_specification_that_hostile_ones_are_made_from_is_fine():
    assert parse_documents(_text(SPEC), "x") == [SPEC]


def _package(path: Path, member: tarfile.TarInfo, content: bytes = b"") -> Path:
    member.size = len(content)
    with tarfile.open(path, "w:gz") as archive:
        archive.addfile(member, io.BytesIO(content))
    return path


def test_a_package_is_read_without_following_links(tmp_path):
    link = tarfile.TarInfo("pipeline.yaml")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    with pytest.raises(InputError, match=r"link.tar.gz: the package has no file member named pipeline.yaml"):
        load_documents(_package(tmp_path / "link.tar.gz", link))


def test_a_package_that_unpacks_to_too_much_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "LARGEST_ARCHIVE", 1 << 20)
    (tmp_path / "bomb.tar.gz").write_bytes(gzip.compress(bytes(1 << 21)))
    with pytest.raises(InputError, match=r"bomb.tar.gz: unpacks to more than 1,048,576 bytes"):
        load_documents(tmp_path / "bomb.tar.gz")


def test_a_file_that_is_too_large_is_refused_unread(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "LARGEST_FILE", 10)
    for name in ("large.yaml", "large.tar.gz"):
        (tmp_path / name).write_bytes(bytes(11))
        with pytest.raises(InputError, match=f"{name}: has 11 bytes"):
            load_documents(tmp_path / name)


def test_a_package_of_ours_is_read(tmp_path):
    package = compile_package(pipelines.chain, tmp_path / "chain.tar.gz")
    assert load_documents(package) == parse_documents(pipeline_yaml(pipelines.chain), "x")


@pytest.mark.parametrize("name", ["", ".", "..", ".x", "a/b", "a\\b", "a\0b", "a\nb", "x" * 201, "漢" * 70])
def test_a_name_that_a_file_cannot_have_is_refused(name):
    with pytest.raises(InputError, match="cannot be that of a file"):
        check_name(name, "x")


@pytest.mark.parametrize("name", ["a", "train-2", "Output", "a.b", "x y", "ünï"])
def test_a_name_that_a_file_can_have(name):
    check_name(name, "x")


def _changed(path: str, value: object) -> str:
    """Give the specification with one field of it replaced."""
    spec = yaml.safe_load(_text(SPEC))
    *parents, last = path.split("/")
    field = spec
    for name in parents:
        field = field[name]
    field[last] = value
    return _text(spec)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("root/dag/tasks/hello", [], r"x.root.dag.tasks.hello: it must be a mapping, and is \[\]"),
        ("root/dag/tasks/hello/taskInfo", None, "x.root.dag.tasks.hello.taskInfo: it must be a mapping, and is null"),
        ("root/dag/tasks/hello/dependentTasks", "hello", "dependentTasks: it must be a list, and is 'hello'"),
        ("root/dag/tasks/hello/dependentTasks", [None], r"dependentTasks\[0\]: it must be text, and is null"),
        ("root/dag/tasks/hello/inputs", {"parameters": {"text": {}}}, "inputs.parameters.text: it has none of"),
        (
            "root/dag/tasks/hello/inputs",
            {"parameters": {"text": {"taskOutputParameter": {"producerTask": "hello"}}}},
            "taskOutputParameter: it has no outputParameterKey",
        ),
        ("deploymentSpec/executors/exec-hello", {}, "deploymentSpec.executors.exec-hello: it has none of"),
        ("deploymentSpec/executors/exec-hello/container/args", None, "container.args: it must be a list, and is null"),
        ("deploymentSpec/executors/exec-hello/container/env", [{}], r"container.env\[0\]: it has no name"),
        (
            "deploymentSpec/executors/exec-hello/container/args",
            ['{"IfPresent": {}}'],
            "task 'hello': .*args: cannot read the placeholder",
        ),
        (
            "components/comp-hello/inputDefinitions/parameters/text",
            {"parameterType": "NUMBER_INTEGER", "defaultValue": "x"},
            "task 'hello': .*text.defaultValue: 'x' is not a whole number",
        ),
        ("components/comp-hello/inputDefinitions/parameters/text/parameterType", "NUMBER", "x: .*parameterType"),
    ],
)
def test_a_field_of_another_form_is_named(path, value, message):
    with pytest.raises(InputError, match=message):
        parse_documents(_changed(path, value), "x")
