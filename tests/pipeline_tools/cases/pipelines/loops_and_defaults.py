"""Small pipelines with defaults of any text, a text with a field of a loop's item, and a deadline."""

from kfp import dsl


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def say(message: str) -> str:
    return message


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def nap(n: int):
    import time

    time.sleep(n)


@dsl.pipeline(name="line-separator")
def line_separator(text: str = "a\u2028b\x0cc"):
    say(message=text)


@dsl.pipeline(name="line-of-yaml")
def line_of_yaml(text: str = "a\ncomponents:\nb"):
    say(message=text)


@dsl.pipeline(name="loop")
def loop():
    with dsl.ParallelFor([{"nm": "a"}, {"nm": "b"}]) as it:
        say(message=f"<{it.nm}>")


@dsl.pipeline(name="loop-in-exit-handler")
def loop_in_exit_handler(who: str = "w"):
    with dsl.ExitHandler(say(message="bye")), dsl.ParallelFor([{"nm": "a"}, {"nm": "b"}]) as it:
        say(message=f"<{it.nm} {who}>")


@dsl.pipeline(name="inner-item")
def inner_item(names: list = ["w"]):  # noqa: B006 - KFP writes the default into the specification
    with dsl.ParallelFor(names) as name, dsl.ParallelFor([{"nm": "a"}, {"nm": "b"}]) as it:
        say(message=f"<{it.nm} {name}>")


@dsl.pipeline(name="outer-item")
def outer_item(names: list = ["w"]):  # noqa: B006
    with dsl.ParallelFor([{"nm": "a"}, {"nm": "b"}]) as it, dsl.ParallelFor(names) as name, dsl.If(name == "w"):
        say(message=f"<{it.nm} {name}>")


@dsl.pipeline(name="whole-item")
def whole_item():
    with dsl.ParallelFor([{"nm": "a"}, {"nm": "b"}]) as it, dsl.If(it.nm == "a"):
        say(message=f"<{it.nm} {it}>")


@dsl.pipeline(name="deadline", pipeline_config=dsl.PipelineConfig(active_deadline_seconds=2))
def deadline():
    nap(n=300)
