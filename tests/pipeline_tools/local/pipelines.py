"""Small pipelines that go wrong, wait, or use what only a local run offers."""

# ruff: noqa: B006, PTH102, PTH104, PTH110, PTH118, PTH123, PTH202
# A component's body imports what it uses, and a pipeline's defaults are part of its specification

from kfp import dsl
from kfp.dsl import Artifact, Dataset, Input, Metrics, Output


def component(function):
    return dsl.component(function, base_image="python:3.11", install_kfp_package=False)


@component
def make(text: str, data: Output[Dataset]):
    with open(data.path, "w") as file:
        file.write(text)
    data.metadata["length"] = len(text)


@component
def read(data: Input[Dataset]) -> str:
    with open(data.path) as file:
        return file.read()


@component
def measure(values: Output[Metrics]) -> float:
    values.log_metric("auc", 0.75)
    values.log_metric("examples", 12)
    values.metadata["note"] = "no number"
    return 0.5


@component
def half(data: Output[Dataset]):
    """Write half an output, then fail."""
    with open(data.path, "w") as file:
        file.write("half")
    raise ValueError("no good")


@component
def bad_input():
    from pipeline_tools.errors import InputError

    raise InputError("trips.csv, row 3, column fare: 'x' is not a number; fix the row")


@component
def segfault():
    import ctypes

    ctypes.string_at(0)


@component
def killed():
    import os
    import signal

    os.kill(os.getpid(), signal.SIGKILL)


@component
def vanish():
    import os

    os._exit(3)


@component
def flaky(counter: str, fail: int) -> int:
    """Fail so many times; a file remembers."""
    import os

    done = os.path.getsize(counter) if os.path.exists(counter) else 0
    with open(counter, "a") as file:
        file.write("x")
    if done < fail:
        raise RuntimeError(f"attempt {done}")
    return done


@component
def verbose():
    raise RuntimeError("\n".join(["first", *["more"] * 99]))


@component
def not_finite(values: Output[Metrics]):
    values.log_metric("auc", float("nan"))


@component
def environment() -> str:
    import os

    return os.environ["GREETING"]


@component
def process_id() -> int:
    import os

    return os.getpid()


@component
def parent_id() -> int:
    import os

    return os.getppid()


@component
def meet(place: str, me: str, other: str) -> str:
    """Wait until the other is there too: ends only when both run at the same time."""
    import pathlib
    import time

    pathlib.Path(place, me).touch()
    for _ in range(1000):
        if pathlib.Path(place, other).exists():
            return me
        time.sleep(0.01)
    raise TimeoutError(f"{other} never came")


@component
def alone(place: str) -> bool:
    """Fail when another one is at work in the same place."""
    import os
    import pathlib
    import time

    os.mkdir(os.path.join(place, "lock"))
    time.sleep(0.05)
    pathlib.Path(place, "lock").rmdir()
    return True


@component
def wait(seconds: float, mark: str):
    """Note the process ids of this step and of one that it starts, then wait."""
    import os
    import subprocess
    import time

    child = subprocess.Popen(["sleep", str(seconds)])
    with open(f"{mark}.part", "w") as file:
        file.write(f"{os.getpid()} {child.pid}")
    os.rename(f"{mark}.part", mark)
    time.sleep(seconds)


@component
def fill(data: Output[Artifact]):
    """Write more than there is room for."""
    with open(data.path, "wb") as file:
        for _ in range(64):
            file.write(b"\0" * (1 << 20))


@component
def two_imports() -> str:
    import json

    import colorsys_not_there  # noqa: F401

    return json.dumps([])


@dsl.component(base_image="python:3.11", install_kfp_package=False, packages_to_install=["no-such-package-here==1.0"])
def wants_package() -> str:
    return "x"


@dsl.component(base_image="python:3.11", packages_to_install=["kfp>=2", "pyyaml"])
def wants_what_is_there() -> str:
    return "x"


@dsl.component(base_image="python:3.11", target_image="registry/image:1")
def inside_image() -> str:
    return "x"


@dsl.container_component
def no_such_command():
    return dsl.ContainerSpec(image="some/image", command=["frobnicate-nothing"])


@dsl.container_component
def entry_point():
    return dsl.ContainerSpec(image="some/image", args=["x"])


@dsl.container_component
def fails():
    return dsl.ContainerSpec(image="some/image", command=["sh", "-c", "echo to the log; exit 7"])


@dsl.container_component
def writes_nonsense():
    output = dsl.PIPELINE_TASK_EXECUTOR_OUTPUT_PATH_PLACEHOLDER
    return dsl.ContainerSpec(image="some/image", command=["sh", "-c", 'echo no json > "$0"'], args=[output])


@dsl.pipeline(name="chain")
def chain(text: str = "hello", count: int = 3) -> str:
    made = make(text=text)
    measure()
    return read(data=made.outputs["data"]).output


@dsl.pipeline(name="crashes")
def crashes(text: str = "whole"):
    """Every way to fail, beside a branch that works."""
    read(data=half().outputs["data"])
    bad_input()
    segfault()
    killed()
    vanish()
    not_finite()
    verbose()
    fails()
    writes_nonsense()
    read(data=make(text=text).outputs["data"])


@dsl.pipeline(name="retries")
def retries(counter: str, fail: int) -> int:
    return flaky(counter=counter, fail=fail).set_retry(2, backoff_duration="0s").output


@dsl.pipeline(name="greeting")
def greeting() -> str:
    return environment().set_env_variable("GREETING", "hello").output


@dsl.pipeline(name="together")
def together(place: str):
    meet(place=place, me="one", other="two")
    meet(place=place, me="two", other="one")


@dsl.pipeline(name="one-at-a-time")
def one_at_a_time(place: str):
    with dsl.ParallelFor([1, 2, 3], parallelism=1):
        alone(place=place)


@dsl.pipeline(name="processes")
def processes():
    process_id()
    parent_id()


@dsl.pipeline(name="many")
def many():
    with dsl.ParallelFor(list(range(40))):
        parent_id()


@dsl.pipeline(name="waiting")
def waiting(place: str, seconds: float = 300.0):
    made = make(text="done")
    wait(seconds=seconds, mark=f"{place}/mark").after(made)
    read(data=made.outputs["data"]).after(wait(seconds=seconds, mark=f"{place}/other"))


@dsl.pipeline(name="full-disk")
def full_disk():
    fill()
    measure()


@dsl.pipeline(name="missing-module")
def missing_module() -> str:
    return two_imports().output


@dsl.pipeline(name="impossible")
def impossible(flag: str = "x"):
    """What this machine cannot run."""
    wants_package()
    no_such_command()
    entry_point()
    with dsl.If(flag == "x", "maybe"):
        inside_image()


@dsl.pipeline(name="installed")
def installed() -> str:
    return wants_what_is_there().output


@dsl.pipeline(name="typed")
def typed(
    required: int,
    text: str = "t",
    number: float = 0.5,
    flag: bool = True,
    items: list = [1, 2],
    table: dict = {"a": 1},
) -> str:
    return read(data=make(text=text).outputs["data"]).output


@dsl.pipeline(name="shared-workspace", pipeline_config=dsl.PipelineConfig(workspace=dsl.WorkspaceConfig(size="1Gi")))
def shared_workspace() -> int:
    return flaky(counter=f"{dsl.WORKSPACE_PATH_PLACEHOLDER}/counter", fail=0).output
