"""Runs one step of a pipeline in its pod: what KFP's own launcher does, without KFP's backend.

Its text is put into the workflow, once, with that of the one module that it imports from this package, and runs in the
step's own image, with any Python from 3.7 on and nothing else installed. It reads the step's document (inputs, outputs,
command), fills the command's placeholders, runs it, and writes every output to a file of its own, where Argo picks it
up.

No two opening braces may be side by side in this file: Argo would read them as a tag.
"""

import json
import os
import re
import signal
import subprocess
import sys

from pipeline_tools.spec.text import text_of

STEP = "/tmp/inputs/kfp-step.json"
INPUTS = "/tmp/inputs"
OUTPUTS = "/tmp/outputs"
LONGEST_ARGUMENT = 131071  # Linux: MAX_ARG_STRLEN, less the closing zero
PLACEHOLDER = re.compile(r"\{\{\$(.*?)\}\}", re.DOTALL)
KEYED = re.compile(
    r"""\.(inputs|outputs)\.(parameters|artifacts)\[(?:''|'|")([^'"]+)(?:''|'|")\](?:\.(\w+)|\[['"]([^'"]+)['"]\])*"""
)


def transit(value):
    """Write a value so that Argo can hand it on: no byte in it that Argo would read as its own."""
    return json.dumps(value).replace("{" * 2, "{\\u007b")


def cast(value, kind):
    """Give a value the type that the component declares; JSON knows one kind of number only."""
    if value is None:
        return None
    if kind == "NUMBER_INTEGER":
        if int(float(value)) != float(value):
            raise SystemExit(f"{value!r} is not a whole number")
        return int(value)
    if kind == "NUMBER_DOUBLE":
        return float(value)
    if kind == "STRING":
        return text_of(value)
    return value


def read_file(path, kind):
    with open(path, encoding="utf-8", newline="") as file:
        content = file.read()
    if kind == "STRING":
        return content
    return json.loads(content.lower() if kind == "BOOLEAN" else content)


def runtime_artifact(name, described, path):
    artifact = dict(described, uri=described.get("uri") or path)
    artifact.setdefault("name", name)
    return artifact


def executor_input(step):
    inputs = {}
    parameters = {
        name: cast(value, step["types"].get(name)) for name, value in step["parameters"].items() if value is not None
    }
    if parameters:
        inputs["parameterValues"] = parameters
    artifacts = {}
    for name, described in step["artifacts"].items():
        if isinstance(described, list):
            items = [runtime_artifact(name, one, f"{INPUTS}/{name}--{at}") for at, one in enumerate(described)]
        else:
            items = [] if described is None else [runtime_artifact(name, described, f"{INPUTS}/{name}")]
        if described is not None:
            artifacts[name] = {"artifacts": items}
    if artifacts:
        inputs["artifacts"] = artifacts
    outputs = {"outputFile": f"{OUTPUTS}/executor_output.json"}
    if step["output_parameters"]:
        outputs["parameters"] = {
            name: {"outputFile": f"{OUTPUTS}/parameters/{name}"} for name in step["output_parameters"]
        }
    if step["output_artifacts"]:
        outputs["artifacts"] = {
            name: {"artifacts": [{"name": name, "type": kind, "uri": f"{OUTPUTS}/artifacts/{name}", "metadata": {}}]}
            for name, kind in step["output_artifacts"].items()
        }
    return {"inputs": inputs, "outputs": outputs}


def fill(text, given, run):
    """Replace the placeholders of a text, once: what a value brings in is not read as a placeholder again."""

    def value(match):
        path = match.group(1)
        if path == "":
            return json.dumps(given, ensure_ascii=False)
        if path in run:
            return run[path]
        if path in (".outputs.output_file", ".outputMetadataUri"):
            return given["outputs"]["outputFile"]
        keyed = KEYED.match(path)
        if keyed is None:
            raise SystemExit(f"unknown placeholder {match.group(0)}")
        side, kind, name, field, key = keyed.groups()
        if kind == "parameters":
            if side == "outputs":
                return given["outputs"]["parameters"][name]["outputFile"]
            return text_of(given["inputs"].get("parameterValues", {}).get(name))
        artifact = given[side].get("artifacts", {}).get(name, {"artifacts": [{}]})["artifacts"][0]
        found = artifact.get("uri" if field == "path" else field or "metadata")
        if key and key not in (found or {}):
            raise SystemExit(f"{match.group(0)}: the metadata of {name} has no {key}")
        return text_of(found[key] if key else found)

    return PLACEHOLDER.sub(value, text)


def expand(part, provided):
    """Resolve a Concat or IfPresent structure to its texts."""
    if isinstance(part, str):
        return [part]
    if isinstance(part, list):
        return [text for item in part for text in expand(item, provided)]
    if "Concat" in part:
        return ["".join(text for item in part["Concat"] for text in expand(item, provided))]
    choice = part["IfPresent"]
    chosen = choice["Then"] if choice["InputName"] in provided else choice.get("Else")
    return [] if chosen is None else expand(chosen, provided)


def command_line(step, given):
    provided = set(given["inputs"].get("parameterValues", {})) | set(given["inputs"].get("artifacts", {}))
    parts = []
    for part in step["command"]:
        structured = part.startswith(('{"Concat": ', '{"IfPresent": '))
        parts += expand(json.loads(part), provided) if structured else [part]
    line = []
    for part in parts:
        filled = fill(part, given, step["run"]).encode("utf-8", "surrogatepass")
        if len(filled) > LONGEST_ARGUMENT:
            raise SystemExit(
                f"an argument of this step takes {len(filled)} bytes, Linux allows {LONGEST_ARGUMENT}: "
                "hand large values over as artifacts"
            )
        line.append(filled)
    return line


def run(line):
    child = subprocess.Popen(line)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, frame: child.send_signal(received))
    return child.wait()


def collect(step, given):
    """Write each output where Argo looks for it."""
    try:
        with open(given["outputs"]["outputFile"], encoding="utf-8") as file:
            result = json.load(file)
    except FileNotFoundError:
        result = {}
    values = result.get("parameterValues", {})
    for name, kind in step["output_parameters"].items():
        path = f"{OUTPUTS}/parameters/{name}"
        value = read_file(path, kind) if os.path.exists(path) else values.get(name)
        with open(path, "w", encoding="ascii") as file:
            file.write(transit(cast(value, kind)))
    written = result.get("artifacts", {})
    for name, kind in step["output_artifacts"].items():
        own = f"{OUTPUTS}/artifacts/{name}"
        made = (written.get(name, {}).get("artifacts") or [{}])[0]
        described = {"name": made.get("name") or name, "type": kind, "metadata": made.get("metadata") or {}}
        if made.get("uri", own) != own:
            described["uri"] = made["uri"]
        if step.get("fingerprint"):
            described["fingerprint"] = fingerprint(own)
        with open(f"{OUTPUTS}/descriptions/{name}", "w", encoding="ascii") as file:
            file.write(transit(described))


def fingerprint(path):
    """Hash what an artifact holds, its file names included, so that equal content can be told from changed content."""
    import hashlib

    total = hashlib.sha256()
    files = [path] if os.path.isfile(path) else sorted(os.path.join(at, f) for at, _, fs in os.walk(path) for f in fs)
    for name in files:
        one = hashlib.sha256()
        with open(name, "rb") as file:
            for chunk in iter(lambda: file.read(1 << 20), b""):
                one.update(chunk)
        total.update(f"{os.path.relpath(name, path)}\0{one.hexdigest()}\0".encode())
    return total.hexdigest()


def main():
    with open(STEP, encoding="utf-8") as file:
        content = file.read()
    try:
        step = json.loads(content)
    except ValueError as error:
        raise SystemExit(
            f"an input of this step has no value; did the task that makes it run? {error}\n{content}"
        ) from None
    for kind in ("parameters", "artifacts", "descriptions"):
        os.makedirs(f"{OUTPUTS}/{kind}", exist_ok=True)
    os.environ.update(step.get("env", {}))
    given = executor_input(step)
    code = run(command_line(step, given))
    if code == 0:
        collect(step, given)
    sys.exit(code if code >= 0 else 128 - code)


main()
