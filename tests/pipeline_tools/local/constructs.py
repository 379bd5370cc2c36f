"""One small pipeline for each construct of a specification."""

# ruff: noqa: B006, PTH102, PTH123, RUF013, UP006, UP035
# A component's body imports what it uses, and a pipeline's defaults are part of its specification

from typing import Dict, List, NamedTuple

from kfp import dsl
from kfp.dsl import ClassificationMetrics, Dataset, Input, Metrics, Model, Output

from .pipelines import component


@component
def say(words: str) -> str:
    return words


@component
def plus(left: int, right: int = 100) -> int:
    return left + right


@component
def count_to(last: int) -> List[int]:
    return list(range(1, last + 1))


@component
def drivers() -> List[Dict[str, str]]:
    return [{"who": "Ada", "zone": "north"}, {"who": "Bob {{x}}", "zone": 'so"uth'}]


@component
def add_up(numbers: List[int]) -> int:
    return sum(numbers)


@component
def concatenate(parts: list) -> str:
    return "+".join(map(str, parts))


@component
def kinds(text: str, number: float, count: int, flag: bool, items: list, table: dict) -> str:
    return " ".join(f"{type(value).__name__}:{value}" for value in (text, number, count, flag, items, table))


@component
def every_kind(start: int) -> NamedTuple("Kinds", [("word", str), ("share", float), ("table", dict), ("even", bool)]):
    from collections import namedtuple

    return namedtuple("Kinds", ["word", "share", "table", "even"])(
        f"w{start}", start / 8, {"at": start}, start % 2 == 0
    )


@component
def to_files(words: str, text: dsl.OutputPath(str), length: dsl.OutputPath(int)):
    for path, value in ((text, words), (length, len(words))):
        with open(path, "w") as file:
            file.write(str(value))


@component
def unset(words: str = None, count: int = None, data: Input[Dataset] = None) -> str:
    return f"{words} {count} {data}"


@component
def rows(count: int, table: Output[Dataset]):
    with open(table.path, "w") as file:
        file.write("r" * count)
    table.metadata["rows"] = count


@component
def learn(
    table: Input[Dataset],
    weight: float,
    model: Output[Model],
    scores: Output[Metrics],
    roc: Output[ClassificationMetrics],
):
    import os

    os.mkdir(model.path)
    with open(table.path) as file, open(f"{model.path}/weight", "w") as out:
        out.write(str(len(file.read()) * weight))
    model.metadata["by"] = "hand"
    scores.log_metric("rows", table.metadata["rows"])
    roc.log_roc_curve([0.0, 0.5], [0.0, 1.0], [1.0, 0.5])


@component
def look(model: Input[Model], scores: Input[Metrics]) -> str:
    with open(f"{model.path}/weight") as file:
        return f"{file.read()} {model.metadata} {scores.metadata['rows']:g} {model.schema_title}"


@component
def size(table: Input[Dataset]) -> str:
    with open(table.path) as file:
        return f"{len(file.read())} of {table.metadata['rows']:g}"


@component
def sizes(tables: Input[List[Dataset]]) -> str:
    return ",".join(f"{table.metadata['rows']:g}" for table in tables)


@component
def stop(reason: str) -> str:
    raise RuntimeError(reason)


@component
def finish(status: dsl.PipelineTaskFinalStatus, note: str) -> str:
    return f"{status.pipeline_task_name} {status.state} {status.error_message} {note}"


@dsl.container_component
def copy(words: str, text: dsl.OutputPath(str), table: Output[Dataset], mark: str = "", gone: dict = None):
    return dsl.ContainerSpec(
        image="busybox:1",
        command=["sh", "-c", 'out="$1"; data="$2"; shift 2; printf "%s;" "$@" > "$out"; cp "$out" "$data"', "sh"],
        args=[
            text,
            table.path,
            dsl.ConcatPlaceholder(["<", words, ">"]),
            dsl.IfPresentPlaceholder("mark", ["--mark", mark]),
            dsl.IfPresentPlaceholder("gone", ["--gone"], ["--not", "given"]),
        ],
    )


@dsl.pipeline(name="types")
def types(
    text: str = "plain",
    number: float = 2.0,
    count: int = 3,
    flag: bool = False,
    items: list = ["i", 2],
    table: dict = {"k": 1.5},
) -> str:
    said = say(words=text)
    unset()
    return kinds(text=f"{said.output} {count}", number=number, count=count, flag=flag, items=items, table=table).output


@dsl.pipeline(name="returned")
def returned(start: int = 2) -> str:
    made = every_kind(start=start)
    written = to_files(words="a\nb\n")
    say(words=written.outputs["text"])
    plus(left=written.outputs["length"], right=1)
    named = made.outputs
    return kinds(
        text=named["word"], number=named["share"], count=7, flag=named["even"], items=["x"], table=named["table"]
    ).output


@dsl.pipeline(name="artifacts")
def artifacts(count: int = 4) -> str:
    table = rows(count=count)
    learned = learn(table=table.outputs["table"], weight=0.5)
    return look(model=learned.outputs["model"], scores=learned.outputs["scores"]).output


@dsl.pipeline(name="inside")
def inside(base: int, count: int = 2) -> NamedTuple("Inside", [("total", int), ("table", Dataset)]):
    from collections import namedtuple

    made = rows(count=count)
    return namedtuple("Inside", ["total", "table"])(plus(left=base).output, made.outputs["table"])


@dsl.pipeline(name="pipelines-in-pipelines")
def nested(base: int = 1) -> str:
    one = inside(base=base)
    two = inside(base=one.outputs["total"], count=5).set_display_name("once more")
    say(words=f"total {two.outputs['total']}")
    return size(table=two.outputs["table"]).output


@dsl.pipeline(name="branches")
def branches(speed: str = "fast", count: int = 5) -> str:
    with dsl.If(speed == "fast"):
        first = say(words="quick")
    with dsl.Elif(speed == "slow"):
        second = say(words="tardy")
    with dsl.Else():
        third = say(words="odd")
    with dsl.If(plus(left=count, right=0).output >= 5):
        say(words="five or more")
        with dsl.If(count > 9):
            say(words="ten or more")
    return say(words=dsl.OneOf(first.output, second.output, third.output)).output


@dsl.pipeline(name="artifact-of-a-branch")
def artifact_of_a_branch(large: bool = True) -> str:
    with dsl.If(large == True):  # noqa: E712
        many = rows(count=9)
    with dsl.Else():
        few = rows(count=1)
    return size(table=dsl.OneOf(many.outputs["table"], few.outputs["table"])).output


@dsl.pipeline(name="loops")
def loops(last: int = 3) -> str:
    with dsl.ParallelFor([10, 20], parallelism=1) as constant:
        fixed = plus(left=constant)
    with dsl.ParallelFor(count_to(last=last).output) as number:
        doubled = plus(left=number, right=number)
        with dsl.If(doubled.output > 4):
            say(words=f"large {doubled.output}")
    with dsl.ParallelFor([{"who": "C", "age": 1}, {"who": "D", "age": 2}]) as person:
        say(words=person.who)
        say(words=person.age)
    with dsl.ParallelFor(drivers().output) as driver:
        named = say(words=driver.who)
        say(words=driver.zone)
    add_up(numbers=dsl.Collected(fixed.output))
    concatenate(parts=dsl.Collected(named.output))
    return say(words=f"{add_up(numbers=dsl.Collected(doubled.output)).output}").output


@dsl.pipeline(name="loops-in-loops")
def loops_in_loops() -> str:
    with dsl.ParallelFor(["n", "s"]) as zone, dsl.ParallelFor([1, 2]) as hour:
        text = say(words=f"{zone}{hour}")
    return concatenate(parts=dsl.Collected(text.output)).output


@dsl.pipeline(name="no-items")
def no_items() -> int:
    with dsl.ParallelFor(count_to(last=0).output) as number:
        same = plus(left=number, right=0)
    return add_up(numbers=dsl.Collected(same.output)).output


@dsl.pipeline(name="tables")
def tables() -> str:
    with dsl.ParallelFor([3, 1, 2]) as count:
        made = rows(count=count)
    return sizes(tables=dsl.Collected(made.outputs["table"])).output


@dsl.pipeline(name="guarded")
def guarded(reason: str = ""):
    with dsl.ExitHandler(finish(note="bye")):
        with dsl.If(reason != ""):
            stop(reason=reason)
        say(words="in any case")


@dsl.pipeline(name="undeterred")
def undeterred():
    say(words="still").after(stop(reason="first")).ignore_upstream_failure()


@dsl.pipeline(name="imported")
def imported(uri: str, origin: str = "city") -> str:
    brought = dsl.importer(artifact_uri=uri, artifact_class=Dataset, metadata={"rows": 3, "from": origin})
    return size(table=brought.output).output


@dsl.pipeline(name="commands")
def commands(words: str = "w") -> str:
    made = copy(words=words, mark="m m")
    with_less = copy(words="x")
    with_less.set_display_name("less")
    say(words=with_less.outputs["text"])
    return made.outputs["text"]


@dsl.pipeline(name="for-a-cluster")
def for_a_cluster() -> int:
    one = plus(left=1, right=1)
    one.set_cpu_request("500m").set_memory_limit("1G").set_accelerator_type("nvidia.com/gpu").set_accelerator_limit(1)
    one.set_caching_options(False).set_display_name("Add one")
    return plus(left=one.output, right=one.output).output
