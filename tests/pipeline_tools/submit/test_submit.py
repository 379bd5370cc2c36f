"""Versions, experiments, runs and recurring runs, with the real kfp.Client on a real socket."""

import json
import re
import threading
import time

import pytest
from kfp import dsl

from pipeline_tools.compiler import compile_package, pipeline_yaml
from pipeline_tools.errors import InputError
from pipeline_tools.submit import Access, ConnectionLostError, Recurrence, ServiceError, submit
from tests.pipeline_tools.submit import kfp_api
from tests.pipeline_tools.submit.double import Double, RefusalError, refused, serve


@dsl.component(base_image="registry.example/python:3.11", install_kfp_package=False)
def first(count: int) -> int:
    return count


@dsl.component(base_image="registry.example/python:3.11", install_kfp_package=False)
def second(count: int, text: str):
    print(count, text)


@dsl.pipeline(name="two-steps")
def two_steps(count: int = 3, text: str = "x", share: float = 0.5):
    second(count=first(count=count).output, text=text)


@pytest.fixture
def go(double):
    def call(pipeline=two_steps, arguments=None, **options):
        return submit(pipeline, arguments, access=Access(double.url), **options)

    return call


def test_what_is_sent_and_what_comes_back(go, double):
    done = go(arguments={"count": 4}, experiment="trips", pipeline_root="gs://bucket/runs", service_account="runner")
    (run,) = double.runs.values()
    assert run["runtime_config"] == {"parameters": {"count": 4}, "pipeline_root": "gs://bucket/runs"}
    assert run["service_account"] == "runner"
    (version,) = double.versions.values()
    assert version["description"] == f"sha256:{done.sha256}"
    assert version["display_name"] == done.version == done.sha256[:12]
    assert run["pipeline_version_reference"]["pipeline_version_id"] == done.ids["version"]
    assert double.experiments[run["experiment_id"]]["display_name"] == "trips"
    assert re.fullmatch(r"two-steps \d{4}-\d\d-\d\d \d\d:\d\d:\d\d", run["display_name"])
    assert done.links == {
        "pipeline": f"{double.url}/#/pipelines/details/{done.ids['pipeline']}/version/{done.ids['version']}",
        "experiment": f"{double.url}/#/experiments/details/{run['experiment_id']}",
        "run": f"{double.url}/#/runs/details/{run['run_id']}",
    }
    assert (done.version_created, done.status) == (True, "pending")


def test_what_is_uploaded_is_the_package_that_compile_writes(go, double, tmp_path):
    done = go()
    package = compile_package(two_steps, tmp_path / "p.tar.gz")
    assert double.files[done.ids["version"]] == package.read_bytes()
    assert go(str(package)).version_created is False


def test_equal_bytes_make_no_new_version_and_others_do(go, double):
    versions = [go(), go(arguments={"count": 9}), go(caching=False), go(caching=False), go()]
    assert [each.version_created for each in versions] == [True, False, True, False, False]
    assert len(double.pipelines) == 1
    assert len(double.versions) == 2
    assert len(double.experiments) == 1
    assert len(double.runs) == 5
    assert len(double.asked("POST", ".*/upload_version")) == 2


def test_a_version_is_found_on_a_later_page(go, double):
    packages = [go(dsl.pipeline(name="many")(_variant(each))) for each in range(5)]
    again = go(dsl.pipeline(name="many")(_variant(0)))
    assert (again.version_created, again.ids["version"]) == (False, packages[0].ids["version"])
    assert len(double.versions) == 5


def _variant(default):
    def many(count: int = default):
        first(count=count)

    return many


def test_caching_is_put_off_in_nested_pipelines_too(go, double):
    @dsl.pipeline
    def inner(count: int):
        first(count=count)

    @dsl.pipeline(name="outer")
    def outer():
        inner(count=1)

    assert '"enableCache": true' in json.dumps(double.versions[go(outer).ids["version"]]["pipeline_spec"])
    done = go(outer, caching=False)
    assert "enableCache" not in json.dumps(double.versions[done.ids["version"]]["pipeline_spec"])


def test_the_image_goes_into_the_version(go, double):
    from taxi_pipeline.workflow1 import workflow1

    done = go(workflow1, image="registry.example/trips:7")
    executors = double.versions[done.ids["version"]]["pipeline_spec"]["deploymentSpec"]["executors"]
    assert {each["container"]["image"] for each in executors.values()} == {"registry.example/trips:7"}


def test_what_a_person_should_know(go):
    from taxi_pipeline.workflow1 import workflow1

    (note,) = go(workflow1, version_name="v1").notes
    assert re.match(r"steps run in taxi-pipeline-python:\S+, which no registry has", note)
    assert go(workflow1, image="registry.example/trips:7").notes == ()
    assert (
        go(workflow1, version_name="v2").notes[1] == "the version 'v1' holds these bytes; it is not made again as 'v2'"
    )


def test_a_name_that_another_content_has(go):
    go(version_name="v1")
    assert go(version_name="v1").version_created is False
    with pytest.raises(InputError, match="'two-steps' already has a version 'v1' with different content"):
        go(version_name="v1", caching=False)


def test_two_who_upload_the_same_at_once(go, double):
    """Both see that there is no such version; the second to upload is refused, and takes that of the first."""
    both = threading.Barrier(2, timeout=120)
    listed = []

    def meet(method, path, _headers):
        if path.endswith("/versions") and len(listed) < 2:
            listed.append(path)
            both.wait()

    go(pipeline_name="shared", version_name="other", caching=False)
    double.intercept = meet
    results = []
    threads = [threading.Thread(target=lambda: results.append(go(pipeline_name="shared"))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(each.version_created for each in results) == [False, True]
    assert len(double.versions) == 2


def test_many_users_have_their_own(monkeypatch):
    service = Double(multi_user=True)
    server, stop = serve(service)
    try:
        access = Access(f"http://127.0.0.1:{server.server_port}/pipeline/#/runs")
        done = submit(two_steps, access=access, namespace="me")
        submit(two_steps, access=access, namespace="you")
        with pytest.raises(ServiceError, match="Namespace is empty"):
            submit(two_steps, access=access)
    finally:
        stop()
    assert service.problems == []
    assert {each["namespace"] for each in service.pipelines.values()} == {"me", "you"}
    assert {each["namespace"] for each in service.experiments.values()} == {"me", "you"}
    assert len(service.versions) == 2
    assert done.links["run"].startswith(f"http://127.0.0.1:{server.server_port}/pipeline/#/runs/details/")


def test_a_recurring_run(go, double):
    done = go(arguments={"text": "weekly"}, recurrence=Recurrence("0 6 * * 1", max_concurrency=2, catchup=False))
    (made,) = double.recurring.values()
    assert made["trigger"] == {"cron_schedule": {"cron": "0 0 6 * * 1"}}
    assert (int(made["max_concurrency"]), made["no_catchup"], made["mode"]) == (2, True, "ENABLE")
    assert made["runtime_config"]["parameters"] == {"text": "weekly"}
    assert done.links["recurring_run"] == f"{double.url}/#/recurringrun/details/{made['recurring_run_id']}"
    assert (done.status, done.cron, double.runs) == ("scheduled", "0 0 6 * * 1", {})
    with pytest.raises(InputError, match=r"already has a recurring run 'two-steps 0 0 6 \* \* 1': http.*--run-name"):
        go(recurrence=Recurrence("0 6 * * 1"))
    go(recurrence=Recurrence("0 6 * * 1"), run_name="another")
    assert len(double.recurring) == 2


def test_a_run_is_followed(go, double):
    double.script = [
        ("PENDING", {}),
        ("RUNNING", {"first": "DRIVING"}),
        ("RUNNING", {"first": "RUNNING"}),
        ("RUNNING", {"first": "SUCCEEDED", "second": "RUNNING"}),
        ("SUCCEEDED", None),
    ]
    seen = []
    done = go().wait(
        poll_seconds=0.01, observer=lambda now, step: seen.append((now.status, step and (step.name, step.status)))
    )
    assert [step for _, step in seen if step] == [
        ("first", "running"), ("first", "succeeded"), ("second", "running"), ("second", "succeeded"),
    ]  # fmt: skip
    assert done.status == "succeeded"
    assert done.steps["first"].seconds == 7.0


def test_a_run_that_fails_says_which_step_and_why(go, double):
    double.script = [
        ("RUNNING", {"first": "RUNNING"}),
        ("FAILED", {"first": {"state": "FAILED", "error": "OOMKilled (exit code 137)"}}),
    ]
    done = go().wait(poll_seconds=0.01)
    assert done.status == "failed"
    assert (done.steps["first"].status, done.steps["first"].error) == ("failed", "OOMKilled (exit code 137)")
    assert done.steps["second"].status == "skipped"


def test_a_failure_without_a_reason_names_the_pod(go, double):
    error = {"state": "FAILED", "error": {"code": 9, "message": "child 'first' failed"}}
    double.script = [(error, {"first": "FAILED"})]
    done = go().wait(poll_seconds=0.01)
    assert "no reason; see the log of pod pod-of-first" in done.steps["first"].error
    assert done.error == "child 'first' failed"


def test_a_driver_that_fails_is_its_steps_failure(go, double):
    double.script = [("FAILED", {"first": {"state": "DRIVING", "driver": "FAILED"}})]
    done = go().wait(poll_seconds=0.01)
    assert (done.steps["first"].status, done.steps["second"].status) == ("failed", "skipped")


@pytest.mark.parametrize("told", ["first", "the trainer"])
def test_a_step_is_known_by_the_name_that_its_author_gives(go, double, told):
    @dsl.pipeline(name="named")
    def named():
        first(count=1).set_display_name("the trainer")
        second(count=1, text="x")

    double.script = [("FAILED", {told: {"state": "FAILED", "error": "no"}})]
    done = go(named).wait(poll_seconds=0.01)
    assert (done.steps["first"].status, done.steps["first"].error) == ("failed", "no")
    assert done.steps["first"].label == "first (the trainer)"


def test_a_run_that_is_canceled_ends_too(go, double):
    double.script = [("CANCELING", {"first": "RUNNING"}), ("CANCELED", {"first": "CANCELED"})]
    done = go().wait(poll_seconds=0.01)
    assert (done.status, done.steps["first"].status) == ("canceled", "interrupted")


def test_a_service_that_is_away_for_a_while_is_asked_again(go, double):
    answers = iter([None, refused(503, "no"), RefusalError(502, "<html>bad gateway</html>", "text/html"), None])

    def moody(_method, path, _headers):
        if "/runs/" in path and (refusal := next(answers, None)):
            raise refusal

    double.intercept = moody
    double.script = [("RUNNING", {}), ("SUCCEEDED", None)]
    assert go().wait(poll_seconds=0.01).status == "succeeded"


def test_a_service_that_stays_away_is_left(go, double):
    double.intercept = lambda method, path, _headers: _raise(503, "gone") if "/runs/" in path else None
    with pytest.raises(ConnectionLostError, match=r"HTTP 503: gone.*The run continues") as caught:
        go().wait(poll_seconds=0.01)
    assert caught.value.submission.ids["run"] in double.runs


def _raise(status, message):
    raise refused(status, message)


def test_time_is_up(go, double):
    double.script = [("RUNNING", {})]
    began = time.monotonic()
    with pytest.raises(ConnectionLostError, match=r"has not ended after 0\.2 s"):
        go().wait(timeout=0.2, poll_seconds=0.05)
    assert time.monotonic() - began < 60


@pytest.mark.parametrize(
    ("status", "message", "text"),
    [
        (401, "who are you", r"reaching the service: HTTP 401: who are you \(.*--token-file"),
        (403, "no right", r"HTTP 403: no right \(permission denied"),
        (500, "boom", "HTTP 500: boom"),
        (503, "later", "HTTP 503: later"),
    ],
)
def test_a_service_that_refuses(go, double, status, message, text):
    double.intercept = lambda *_: _raise(status, message)
    with pytest.raises(ServiceError, match=text) as caught:
        go()
    assert caught.value.status == status
    assert len(double.requests) == 1  # asked once; nothing was uploaded


def test_an_experiment_that_vanishes_before_the_run(go, double):
    def vanish(method, path, _headers):
        if (method, path) == ("POST", "/apis/v2beta1/runs"):
            double.experiments.clear()

    double.intercept = vanish
    with pytest.raises(ServiceError, match="starting the run .*HTTP 404: Experiment .* not found"):
        go()


def test_a_login_page_is_not_taken_for_the_service(go, double):
    page = RefusalError(200, "<html><form>Log in</form></html>", "text/html; charset=utf-8")

    def log_in(*_):
        raise page

    double.intercept = log_in
    with pytest.raises(ServiceError, match=r"the answer is an HTML page, not the API.*log in.*/pipeline"):
        go()


def test_nobody_listens():
    with pytest.raises(ServiceError, match=r"127.0.0.1:9: reaching the service: cannot connect .*refused"):
        submit(two_steps, access=Access("http://127.0.0.1:9"))


@pytest.mark.parametrize(
    ("arguments", "options", "text"),
    [
        ({"cuont": 1}, {}, "no parameter 'cuont'; did you mean count"),
        ({"count": "x"}, {}, r"'count' takes a whole number \(NUMBER_INTEGER\), not 'x'"),
        ({}, {"recurrence": Recurrence("61 * * * *")}, "'61' is not a valid minute; write 0 to 59"),
    ],
)
def test_bad_input_is_found_before_anything_is_sent(go, double, arguments, options, text):
    with pytest.raises(InputError, match=text):
        go(arguments=arguments, **options)
    assert double.requests == []


def test_a_package_that_is_too_large(go, double, tmp_path):
    spec = tmp_path / "p.yaml"
    spec.write_bytes(pipeline_yaml(two_steps).encode() + b"#" + b"x" * (32 << 20))
    with pytest.raises(InputError, match=r"p.yaml has 33,\d{3},\d{3} bytes; .* accepts 33,554,432"):
        go(str(spec))
    assert double.requests == []


def test_a_compiled_package_keeps_its_image(go, tmp_path):
    package = compile_package(two_steps, tmp_path / "p.tar.gz")
    with pytest.raises(InputError, match=r"p.tar.gz is compiled already.*--image other"):
        go(str(package), image="other")


@pytest.mark.parametrize("url", ["http://", "ftp://x", "http://host:port", ""])
def test_no_url(url):
    with pytest.raises(InputError, match=r"is not the URL|no Kubeflow Pipelines service given"):
        submit(two_steps, access=Access(url))


def test_the_endpoint_of_the_environment(double, monkeypatch):
    monkeypatch.setenv("KF_PIPELINES_ENDPOINT", double.url)
    monkeypatch.setenv("KF_PIPELINES_DEFAULT_EXPERIMENT_NAME", "ours")
    assert submit(two_steps).experiment == "ours"


def test_the_double_notices_what_the_api_does_not_have():
    with pytest.raises(kfp_api.ViolationError, match="the API has no GET /apis/v2beta1/pipeline"):
        kfp_api.find_operation("GET", "/apis/v2beta1/pipeline")
    operation, variables = kfp_api.find_operation("GET", "/apis/v2beta1/pipelines/17/versions")
    assert variables == {"pipeline_id": "17"}
    for query in ({"namespace": "x"}, {"page_size": "many"}):
        with pytest.raises(kfp_api.ViolationError):
            kfp_api.check_query(operation, query)
    create, _ = kfp_api.find_operation("POST", "/apis/v2beta1/runs")
    for body in (
        None,
        {"name": "x"},
        {"display_name": 3},
        {"state": "DONE"},
        {"runtime_config": {"params": {}}},
        {"created_at": 17},
    ):
        with pytest.raises((kfp_api.ViolationError, ValueError)):
            kfp_api.check_body(create, body)
    kfp_api.check_body(create, {"display_name": "x", "runtime_config": {"parameters": {"a": [1]}}})
