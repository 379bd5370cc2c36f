"""`taxi-pipeline submit`, as a person calls it."""

import io
import json
import re
import signal
import subprocess
import sys
import time

import pytest

from pipeline_tools.compiler import compile_package
from tests.pipeline_tools.submit.double import RefusalError, refused
from tests.pipeline_tools.submit.test_submit import two_steps

SECRETS = {"token": "tok-3f/9+a==", "session": "sess-77aa", "secret": "other-secret-1"}


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    return compile_package(two_steps, tmp_path_factory.mktemp("packages") / "two-steps.tar.gz")


def test_submit_and_wait(command, double, package):
    double.script = [("RUNNING", {"first": "RUNNING"}), ("SUCCEEDED", None)]
    done = command(package, "--wait", "--poll", "0.1", "--experiment", "trips", "-p", "count=4")
    assert done.returncode == 0, done.stderr
    (run,) = double.runs
    (version,) = double.versions.values()
    lines = done.stdout.splitlines()
    assert re.fullmatch(rf"version +{version['display_name']} \(new\)", lines[1])
    assert lines[2].split() == [
        "experiment",
        "trips",
        f"{double.url}/#/experiments/details/{next(iter(double.experiments))}",
    ]
    assert lines[3].endswith(f"{double.url}/#/runs/details/{run}")
    assert any(re.match(r"first +✓ succeeded +7 *$", line) for line in lines)
    assert lines[-1] == f"two-steps succeeded: {double.url}/#/runs/details/{run}"
    assert "first started" in done.stderr
    assert "Run details" not in done.stdout + done.stderr  # kfp's own words


def test_in_a_process_of_its_own(double, package, tmp_path):
    """Nothing of what libraries log or warn of reaches the person."""
    (tmp_path / "token").write_text(SECRETS["token"])
    double.token = SECRETS["token"]
    line = [sys.executable, "-m", "taxi_pipeline", "submit", package, "--endpoint", double.url]
    done = subprocess.run([*line, "--token-file", tmp_path / "token"], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 4
    (tmp_path / "token").write_text("wrong-one")
    done = subprocess.run([*line, "--token-file", tmp_path / "token"], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert "wrong-one" not in done.stderr


def test_json(command, double, package):
    done = command(package, "--wait", "--poll", "0.1", "--json")
    told = json.loads(done.stdout)
    assert (told["status"], told["steps"]["first"]["status"], told["version_created"]) == (
        "succeeded",
        "succeeded",
        True,
    )
    assert told["ids"]["run"] in double.runs
    again = json.loads(command(package, "--json").stdout)
    assert (again["status"], again["version_created"], again["sha256"]) == ("pending", False, told["sha256"])


def test_a_failed_run(command, double, package):
    double.script = [("FAILED", {"first": {"state": "FAILED", "error": "no such file: gs://b/trips.csv"}})]
    done = command(package, "--wait")
    assert done.returncode == 1
    assert "first failed: no such file: gs://b/trips.csv" in done.stdout
    assert re.search(r"second +- skipped", done.stdout)


def test_recurring(command, double, package):
    done = command(package, "--recurring", "0 6 * * 1", "--no-catchup", "--max-concurrency", "3")
    assert done.returncode == 0, done.stderr
    (made,) = double.recurring.values()
    assert re.search(r"cron +0 0 6 \* \* 1\n", done.stdout)
    assert f"/#/recurringrun/details/{made['recurring_run_id']}" in done.stdout
    assert (made["no_catchup"], int(made["max_concurrency"])) == (True, 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-p", "cuont=1"], "no parameter 'cuont'; did you mean count"),
        (["-p", "count=x"], "'count' takes a whole number (NUMBER_INTEGER), not 'x'"),
        (["--params-file", "none.yaml"], "none.yaml: No such file"),
        (["--image", "x"], "is compiled already"),
        (["--recurring", "1 2 3"], "has 3 fields"),
        (["--recurring", "@daily", "--wait"], "use one of them"),
        (["--no-catchup"], "need --recurring"),
        (["--timeout", "3"], "--timeout needs --wait"),
        (["--token-file", "none"], "none: cannot read a token: No such file"),
        (["--ssl-ca-cert", "none"], "none: no such file (CA certificates)"),
        (["--endpoint", "https://user:hunter2@host/"], "https://host/: the URL contains a user or password"),
        (["--endpoint", "http://127.0.0.1:9"], "cannot connect"),
        (["--project", "my-project"], "--project: only valid with --vertex"),
        (["--vertex", "--experiment", "x"], "--endpoint, --experiment: not valid with --vertex"),
    ],
)
def test_bad_input(command, double, package, arguments, message):
    done = command(package, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert "hunter2" not in done.stderr
    assert double.requests == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--project", "my-project"], "--vertex needs --pipeline-root gs://"),
        (["--pipeline-root", "gs://bucket"], "--vertex needs --project, or GOOGLE_CLOUD_PROJECT"),
        (["--pipeline-root", "/tmp", "--project", "my-project"], "artifacts are stored in Cloud Storage"),
        (
            ["--pipeline-root", "gs://bucket/x", "--project", "my-project", "--recurring", "1 * * * * *"],
            "minute",
        ),
    ],
)
def test_bad_input_for_vertex(command, package, arguments, message, monkeypatch):
    monkeypatch.delenv("GOOGLE_CLOUD_PROJECT", raising=False)
    done = command(package, "--vertex", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr


def test_ctrl_c_leaves_the_run(double, package):
    double.script = [("RUNNING", {"first": "RUNNING"})]
    line = [sys.executable, "-m", "taxi_pipeline", "submit", package, "--endpoint", double.url, "--wait", "--json"]
    process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not double.looks:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 130
    assert re.search(r"stopped following; the run continues: http\S+/#/runs/details/\S+\n$", errors)
    assert "Traceback" not in errors
    assert json.loads(output)["ids"]["run"] in double.runs
    assert double.asked("POST", ".*:terminate") == []


def test_time_is_up(command, double, package):
    double.script = [("RUNNING", {"first": "RUNNING"})]
    done = command(package, "--wait", "--timeout", "0.3", "--poll", "0.1")
    assert done.returncode == 3
    assert "not ended after 0.3 s. It continues, but is no longer followed: http" in done.stderr


def secrets_given(tmp_path, by):
    for name, text in (("token", SECRETS["token"]), ("cookies", f"session={SECRETS['session']}; a=b")):
        (tmp_path / name).write_text(text + "\n")
    if by == "files":
        return ["--token-file", "token", "--cookies-file", "cookies"], {}
    return [], {"TAXI_PIPELINE_TOKEN": SECRETS["token"], "TAXI_PIPELINE_COOKIES": f"session={SECRETS['session']}; a=b"}


@pytest.mark.parametrize("by", ["files", "environment"])
@pytest.mark.parametrize("echo", ["nothing", "json", "text", "answer", "late"])
def test_what_is_secret_reaches_no_output(command, double, package, tmp_path, by, echo, monkeypatch, caplog):
    """A service that says back what it was sent, in every way it can."""
    arguments, variables = secrets_given(tmp_path, by)
    double.token = SECRETS["token"]
    double.script = [("FAILED", {"first": {"state": "FAILED", "error": f"401 with Bearer {SECRETS['token']}"}})]
    seen = []

    caplog.set_level("DEBUG")

    def tell(_method, path, headers):
        seen.append((headers["Authorization"], headers["Cookie"]))
        said = " ".join(map(str, headers.values()))
        if echo == "json" or (echo == "late" and "/runs/" in path):
            raise refused(403, f"not with {said}")
        if echo == "text":
            raise RefusalError(500, f"panic: {json.dumps(said)}", "text/plain")
        if echo == "answer":
            raise RefusalError(200, json.dumps({"multi_user": said}))

    double.intercept = tell
    monkeypatch.chdir(tmp_path)
    done = command(package, "--wait", "--poll", "0.1", "--json", *arguments, variables=variables)
    assert set(seen) == {(f"Bearer {SECRETS['token']}", f"session={SECRETS['session']}; a=b")}
    assert done.returncode == {"nothing": 1, "json": 2, "text": 2, "answer": 2, "late": 3}[echo], done.stderr
    if echo in ("json", "text", "late"):
        assert "Bearer ***" in done.stderr
    if done.stdout:
        assert "***" in done.stdout or echo == "late"
    for secret in SECRETS.values():
        assert secret not in done.stdout + done.stderr + caplog.text
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cookies", "token"]


def test_the_token_file_is_read_for_each_request(double, tmp_path):
    from pipeline_tools.submit import Access, submit

    file = tmp_path / "token"
    file.write_text("one")
    double.token = "one"
    done = submit(two_steps, access=Access(double.url, token_file=file))
    file.write_text("two")
    double.token = "two"
    assert done.wait(poll_seconds=0.01).status == "succeeded"
    assert "one" not in repr(Access(token="one"))


def test_help_has_no_option_that_takes_a_secret(command):
    done = command("--help")
    options = set(re.findall(r"--[\w-]+", done.stdout))
    assert {"--token-file", "--cookies-file"} <= options
    assert not options & {"--token", "--cookies", "--existing-token", "--other-client-secret"}


def test_in_a_terminal_the_steps_renew_themselves(double):
    """Several steps may have begun between two looks: the table is drawn while it is told of the first."""
    from rich.console import Console

    from pipeline_tools.runs.progress import progress
    from pipeline_tools.submit import Access, submit

    double.script = [("RUNNING", {"first": "RUNNING", "second": "RUNNING"}), ("SUCCEEDED", None)]
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=100)
    with progress(console) as watcher:

        def observe(now, step):
            watcher(now, step)
            console.print(watcher.render())

        submit(two_steps, access=Access(double.url)).wait(poll_seconds=0.01, observer=observe)
    assert "two-steps  0 of 2 steps" in screen.getvalue()
    assert "two-steps  2 of 2 steps" in screen.getvalue()
