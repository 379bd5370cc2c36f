"""Small pipelines, one for each construct of the specification that the lowering must carry over."""

from typing import NamedTuple

import pytest
from kfp import dsl
from kfp.dsl import Artifact, ClassificationMetrics, Dataset, Input, Metrics, Model, Output, OutputPath
from kfp.dsl.graph_component import GraphComponent

# kfp-kubernetes wants a protobuf that TensorFlow's metadata refuses on Python 3.10, so that it is not installed there.
kubernetes = pytest.importorskip("kfp.kubernetes", reason="kfp-kubernetes is not installed")


def component(function):
    """Make a lightweight component that installs nothing when it starts."""
    return dsl.component(function, base_image="python:3.11", install_kfp_package=False)


@component
def echo(text: str) -> str:
    return text


@component
def add(a: int, b: int = 10) -> int:
    return a + b


@component
def describe(
    text: str = "t", number: float = 0.5, count: int = 3, flag: bool = True, items: list = [1, "a"], table: dict = {}
) -> str:
    import json

    return json.dumps([text, number, count, flag, items, table, type(number).__name__, type(count).__name__])


@component
def optional(text: str = None, count: int = None) -> str:
    return f"{text!r} {count!r}"


@component
def numbers(count: int) -> list[int]:
    return list(range(count))


@component
def people() -> list[dict[str, str]]:
    return [{"who": "ann {{item}}", "town": "Ghent"}, {"who": "bo", "town": 'Lyon\n"x"'}]


@component
def total(values: list[int]) -> int:
    return int(sum(values))


@component
def join(values: list) -> str:
    return "|".join(str(value) for value in values)


@component
def pair(left: str, right: int) -> str:
    return f"{left}{right}"


@component
def fail(message: str) -> str:
    raise RuntimeError(message)


@component
def several(seed: int) -> NamedTuple("Several", [("name", str), ("ratio", float), ("flags", dict), ("ok", bool)]):
    from collections import namedtuple

    return namedtuple("Several", ["name", "ratio", "flags", "ok"])(f"n{seed}", seed / 4, {"seed": seed}, seed > 1)


@component
def write_path(text: str, where: OutputPath(str), how_many: OutputPath(int)):
    with open(where, "w") as file:
        file.write(text)
    with open(how_many, "w") as file:
        file.write(str(len(text)))


@component
def make(rows: int, data: Output[Dataset]):
    with open(data.path, "w") as file:
        file.write("x\n" * rows)
    data.metadata["rows"] = rows
    data.metadata["note"] = '{{workflow.name}} "quoted"'


@component
def fit(
    data: Input[Dataset],
    rate: float,
    model: Output[Model],
    metrics: Output[Metrics],
    curve: Output[ClassificationMetrics],
):
    import os

    os.makedirs(model.path)
    with open(data.path) as file:
        lines = file.readlines()
    with open(os.path.join(model.path, "weights"), "w") as file:
        file.write(str(len(lines) * rate))
    model.metadata["framework"] = "none"
    metrics.log_metric("rows", data.metadata["rows"])
    curve.log_roc_curve([0.0, 1.0], [0.0, 1.0], [1.0, 0.0])


@component
def inspect(model: Input[Model], metrics: Input[Artifact]) -> str:
    import os

    with open(os.path.join(model.path, "weights")) as file:
        return f"{file.read()} {sorted(model.metadata.items())} {metrics.metadata['rows']} {model.schema_title}"


@component
def read(data: Input[Artifact]) -> str:
    with open(data.path) as file:
        return file.read().strip() + f" {sorted(data.metadata.items())}"


@component
def count_all(parts: Input[list[Dataset]]) -> str:
    counts = []
    for part in parts:
        with open(part.path) as file:
            counts.append(f"{len(file.readlines())}/{part.metadata['rows']:g}")
    return " ".join(counts)


@component
def report(status: dsl.PipelineTaskFinalStatus, note: str) -> str:
    message = f"{status.pipeline_task_name} {status.state} {note}"
    print("REPORT", message)
    return message


@dsl.container_component
def shell(text: str, suffix: str, out: dsl.OutputPath(str), data: Output[Dataset]):
    return dsl.ContainerSpec(
        image="busybox:1.37",
        command=[
            "sh",
            "-c",
            'mkdir -p "$(dirname "$2")" "$(dirname "$3")"; printf %s "$1" > "$2"; printf %s "$1" > "$3"',
            "sh",
        ],
        args=[dsl.ConcatPlaceholder([text, "-", suffix]), out, data.path],
    )


@dsl.container_component
def flags(name: str, out: dsl.OutputPath(str), level: int = 3, tag: str = None):
    return dsl.ContainerSpec(
        image="busybox:1.37",
        command=["sh", "-c", 'out="$1"; shift; mkdir -p "$(dirname "$out")"; printf "%s\n" "$@" > "$out"', "sh"],
        args=[
            out,
            name,
            dsl.IfPresentPlaceholder("level", ["--level", level]),
            dsl.IfPresentPlaceholder("tag", ["--tag", tag], ["--no-tag"]),
        ],
    )


@dsl.pipeline(name="parameters", description="Every type of parameter, and its default.")
def parameters(
    text: str = 'it\'s "quoted"\nand {{workflow.name}} and {{=1+1}} ünïcödé \\ end',
    number: float = 1.5,
    count: int = 7,
    flag: bool = False,
    items: list = ["a", {"b": "{{c}}"}],
    table: dict = {"k": [1, 2]},
) -> str:
    echoed = echo(text=text)
    described = describe(
        text=f"<{echoed.output}> {count}", number=number, count=count, flag=flag, items=items, table=table
    )
    describe()
    optional()
    optional(text="given")
    add(a=add(a=count, b=1).output)
    return described.output


@dsl.pipeline(name="outputs")
def outputs(seed: int = 2) -> str:
    made = several(seed=seed)
    described = describe(
        text=made.outputs["name"], number=made.outputs["ratio"], table=made.outputs["flags"], flag=made.outputs["ok"]
    )
    written = write_path(text="two\nlines\n")
    echo(text=written.outputs["where"])
    add(a=written.outputs["how_many"])
    return described.output


@dsl.pipeline(name="artifacts")
def artifacts(rows: int = 3, rate: float = 0.5) -> str:
    made = make(rows=rows)
    fitted = fit(data=made.outputs["data"], rate=rate)
    return inspect(model=fitted.outputs["model"], metrics=fitted.outputs["metrics"]).output


@dsl.pipeline(name="inner")
def inner(base: int, rows: int = 2) -> NamedTuple("Inner", [("sum", int), ("data", Dataset)]):
    from collections import namedtuple

    made = make(rows=rows)
    return namedtuple("Inner", ["sum", "data"])(add(a=base, b=5).output, made.outputs["data"])


@dsl.pipeline(name="nested")
def nested(base: int = 1) -> str:
    first = inner(base=base)
    second = inner(base=first.outputs["sum"], rows=4).set_display_name("second round")
    echo(text=f"sum is {second.outputs['sum']}")
    return read(data=second.outputs["data"]).output


@dsl.pipeline(name="conditions")
def conditions(count: int = 5, mode: str = "fast") -> str:
    with dsl.If(mode == "fast", "is-fast"):
        one = echo(text="fast")
    with dsl.Elif(mode == "slow"):
        two = echo(text="slow")
    with dsl.Else():
        three = echo(text="neither")
    chosen = dsl.OneOf(one.output, two.output, three.output)
    number = add(a=count, b=0)
    with dsl.If(number.output > 3):
        echo(text="more than three")
        with dsl.If(number.output == 5):
            echo(text="five")
    with dsl.If(number.output <= 3):
        echo(text="at most three")
    return echo(text=chosen).output


@dsl.pipeline(name="artifact-branches")
def artifact_branches(big: bool = True) -> str:
    with dsl.If(big == True):  # noqa: E712
        one = make(rows=5)
    with dsl.Else():
        two = make(rows=1)
    return read(data=dsl.OneOf(one.outputs["data"], two.outputs["data"])).output


@dsl.pipeline(name="loops")
def loops(count: int = 3) -> str:
    with dsl.ParallelFor([1, 2, 3], parallelism=2) as item:
        added = add(a=item, b=100)
    summed = total(values=dsl.Collected(added.output))
    with dsl.ParallelFor(numbers(count=count).output) as item:
        doubled = add(a=item, b=item)
        with dsl.If(doubled.output > 2):
            echo(text=f"big {doubled.output}")
    total(values=dsl.Collected(doubled.output))
    with dsl.ParallelFor([{"who": "a{{b}}", "size": 1}, {"who": 'c "d"', "size": 2}]) as entry:
        echo(text=entry.who)
    with dsl.ParallelFor(people().output) as person:
        named = echo(text=person.who)
        echo(text=person.town)
    join(values=dsl.Collected(named.output))
    return echo(text=f"{summed.output}").output


@dsl.pipeline(name="nested-loops")
def nested_loops() -> str:
    with dsl.ParallelFor(["a", "b"]) as outer, dsl.ParallelFor([1, 2]) as number:
        text = pair(left=outer, right=number)
    return join(values=dsl.Collected(text.output)).output


@dsl.pipeline(name="empty-loop")
def empty_loop(count: int = 0) -> int:
    with dsl.ParallelFor(numbers(count=count).output) as item:
        doubled = add(a=item, b=item)
    return total(values=dsl.Collected(doubled.output)).output


@dsl.pipeline(name="collected-artifacts")
def collected_artifacts() -> str:
    with dsl.ParallelFor([1, 4, 2]) as rows:
        made = make(rows=rows)
    return count_all(parts=dsl.Collected(made.outputs["data"])).output


@dsl.pipeline(name="exit-handler")
def exit_handler(message: str = "on purpose"):
    done = report(note="the end")
    with dsl.ExitHandler(done, name="guarded"):
        failed = fail(message=message)
        echo(text=failed.output)


@dsl.pipeline(name="exit-handler-fine")
def exit_handler_fine():
    done = report(note="the end")
    with dsl.ExitHandler(done):
        echo(text="fine")


@dsl.pipeline(name="ignored-failure")
def ignored_failure():
    failed = fail(message="ignored")
    echo(text="after all").after(failed).ignore_upstream_failure()


@dsl.pipeline(name="importer")
def importer(uri: str = "/nowhere") -> str:
    brought = dsl.importer(artifact_uri=uri, artifact_class=Dataset, metadata={"from": "outside", "n": 1})
    return read(data=brought.output).output


@dsl.pipeline(name="containers")
def containers(text: str = 'it\'s {{workflow.name}} "x"\n$HOME `id` \\n %s') -> str:
    made = shell(text=text, suffix="end\n")
    read(data=made.outputs["data"])
    first = flags(name="n")
    flags(name="m", level=5, tag="t {{x}}")
    echo(text=first.outputs["out"])
    return echo(text=made.outputs["out"]).output


@dsl.pipeline(name="settings")
def settings(cpu: str = "2"):
    one = add(a=1)
    one.set_retry(num_retries=2, backoff_duration="30s", backoff_factor=3, backoff_max_duration="5m")
    one.set_cpu_request("500m").set_cpu_limit("1").set_memory_request("256Mi").set_memory_limit("1G")
    one.set_accelerator_type("nvidia.com/gpu").set_accelerator_limit(1)
    one.set_env_variable("GREETING", "hello {{world}}").set_caching_options(False).set_display_name("Add one")
    two = add(a=one.output)
    two.set_cpu_limit(cpu)
    two.after(one)


@dsl.pipeline(name="kubernetes-settings")
def kubernetes_settings():
    task = add(a=1)
    kubernetes.use_secret_as_env(task, "api", {"token": "API_TOKEN"})
    kubernetes.use_secret_as_volume(task, "certificates", mount_path="/certificates")
    kubernetes.use_config_map_as_env(task, "limits", {"rows": "MAX_ROWS"}, optional=True)
    kubernetes.use_config_map_as_volume(task, "rules", mount_path="/rules")
    kubernetes.mount_pvc(task, pvc_name="trips", mount_path="/trips", sub_path="2026")
    kubernetes.empty_dir_mount(task, volume_name="scratch", mount_path="/scratch", medium="Memory", size_limit="1Gi")
    kubernetes.add_ephemeral_volume(
        task,
        volume_name="work",
        mount_path="/work",
        access_modes=["ReadWriteOnce"],
        size="5Gi",
        storage_class_name="ssd",
    )
    kubernetes.use_field_path_as_env(task, env_name="POD_IP", field_path="status.podIP")
    kubernetes.add_node_selector(task, "disk", "ssd")
    kubernetes.add_toleration(
        task, key="gpu", operator="Equal", value="yes", effect="NoSchedule", toleration_seconds=60
    )
    kubernetes.add_node_affinity(
        task, match_expressions=[{"key": "zone", "operator": "In", "values": ["a", "b"]}], weight=10
    )
    kubernetes.add_pod_label(task, "team", "trips")
    kubernetes.add_pod_annotation(task, "sidecar.istio.io/inject", "false")
    kubernetes.set_image_pull_policy(task, "Always")
    kubernetes.set_image_pull_secrets(task, ["registry"])
    kubernetes.set_timeout(task, seconds=3600)
    kubernetes.set_security_context(task, run_as_user=1234, run_as_group=1234, run_as_non_root=True)


@dsl.container_component
def cat(text: str, out: dsl.OutputPath(str)):
    return dsl.ContainerSpec(image="busybox:1.37", command=["sh", "-c", 'printf %s "$1" > "$2"', "sh", text, out])


@dsl.container_component
def shell_env(out: dsl.OutputPath(str)):
    return dsl.ContainerSpec(
        image="busybox:1.37", command=["sh", "-c", 'printf "%s|%s" "$PLAIN" "$BRACED" > "$1"', "sh", out]
    )


@component
def first_of(values: list) -> str:
    return values[0]


@component
def third_time(marker: str) -> str:
    import os

    with open(marker, "a") as file:
        file.write("x")
    if os.path.getsize(marker) < 3:
        raise RuntimeError("not yet")
    return "third time"


@dsl.pipeline(name="echo-inside")
def echo_inside(text: str) -> str:
    return echo(text=text).output


@dsl.pipeline(name="through-steps")
def through_steps(text: str = "t") -> str:
    with dsl.ParallelFor([1]):
        inside = echo_inside(text=echo(text=text).output)
    return echo(text=f"{first_of(values=dsl.Collected(inside.output)).output}").output


@dsl.pipeline(name="through-containers")
def through_containers(text: str = "t") -> str:
    return cat(text=cat(text=text).outputs["out"]).outputs["out"]


@dsl.pipeline(name="environment")
def environment() -> str:
    task = shell_env()
    task.set_env_variable("PLAIN", "plain").set_env_variable("BRACED", "hello {{workflow.name}} 'x'")
    return task.outputs["out"]


@dsl.pipeline(name="flaky")
def flaky(marker: str) -> str:
    return third_time(marker=marker).set_retry(num_retries=3).output


@dsl.container_component
def print_constants():
    return dsl.ContainerSpec(image="busybox:1.37", command=["printf", "%s|%s|%s"], args=["$$", "$(HOME)", "$HOME"])


@dsl.pipeline(name="constant-command")
def constant_command():
    print_constants()


@dsl.pipeline(name="limited")
def limited():
    with dsl.ParallelFor([1, 2, 3, 4, 5], parallelism=2) as item:
        add(a=item)


PIPELINES = {
    name: made
    for name, made in list(globals().items())
    if isinstance(made, GraphComponent) and name not in ("inner", "echo_inside")
}
"""Every pipeline above that runs by itself."""
