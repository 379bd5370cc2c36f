"""What a step executes: a Python function, a command, or an import of something that is there already."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement

from pipeline_tools.errors import InputError
from pipeline_tools.spec.imports import imported_modules
from pipeline_tools.spec.placeholders import check_placeholders, structure, texts

_EXECUTOR_MODULE = "kfp.dsl.executor_main"
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")


@dataclass(frozen=True)
class Function:
    """A lightweight Python component (``@dsl.component``).

    Attributes:
        source: The module that holds the function, as text.
        args: Arguments for KFP's executor.
        requirements: What it wants installed.
        imports: The modules outside the standard library that the function imports, in the order of the text.
    """

    source: str
    args: tuple[str, ...]
    requirements: tuple[str, ...]
    imports: tuple[str, ...]


@dataclass(frozen=True)
class Command:
    """A container component (``@dsl.container_component``), run as a plain process."""

    command: tuple[str, ...]


@dataclass(frozen=True)
class Importer:
    """A ``dsl.importer``.

    Attributes:
        uri: The URI, or none when it comes as the input ``uri``.
        type: The artifact's type, in the layout of the specification.
        metadata: Metadata with placeholders.
    """

    uri: str | None
    type: Mapping[str, str]
    metadata: Mapping[str, Any]


Executor = Function | Command | Importer


def read_executor(spec: Mapping[str, Any]) -> Executor:
    """Read an executor, and check that it can run on this machine.

    Args:
        spec: An entry of ``deploymentSpec.executors``.

    Returns:
        What the step executes.

    Raises:
        InputError: This machine cannot execute it; the message says what is missing.
    """
    if "importer" in spec:
        return _importer(spec["importer"])
    if "container" not in spec:
        raise InputError(
            f"it is a {' '.join(spec) or 'nothing'}: only Python, container and importer components run on this machine"
        )
    container = spec["container"]
    command = [str(part) for part in container.get("command", [])]
    args = [str(part) for part in container.get("args", [])]
    for part in args:
        for text in texts(structure(part)):
            check_placeholders(text)
    if not any(_EXECUTOR_MODULE in part for part in command):
        return _command(command, args, container.get("image", ""))
    if len(command) < 2 or _EXECUTOR_MODULE not in command[-2]:
        raise InputError(
            f"its code is inside the image {container.get('image')} (target_image) and not in the package; "
            "make it a lightweight component, or run it in a cluster"
        )
    requirements = _requirements(command[:-2])
    _check_installed(requirements)
    return Function(command[-1], tuple(args), tuple(requirements), tuple(imported_modules(command[-1], nested=True)))


def _importer(spec: Mapping[str, Any]) -> Importer:
    if spec.get("downloadToWorkspace"):
        raise InputError("download_to_workspace is not supported on this machine; read the artifact from where it is")
    return Importer(spec["artifactUri"].get("constant"), spec["typeSchema"], spec.get("metadata", {}))


def _command(command: list[str], args: list[str], image: str) -> Command:
    for part in command:
        for text in texts(structure(part)):
            check_placeholders(text)
    if not command:
        raise InputError(f"it runs the entry point of the image {image}; name a command, or run it in a cluster")
    if shutil.which(command[0]) is None and "{{" not in command[0]:
        raise InputError(f"it runs the command {command[0]!r} of the image {image}, which this machine does not have")
    return Command((*command, *args))


def _requirements(prefix: list[str]) -> list[str]:
    """Find what the script in front of a lightweight component installs with pip."""
    found = []
    for script in prefix:
        for install in script.split("-m pip install")[1:]:
            # KFP writes each package with repr(): that, and nothing else on the line, is a Python literal.
            line = install.partition("&&")[0].partition("\n")[0]
            found += [text for text in _literals(line) if not text.startswith("-")]
    return found


def _literals(line: str) -> list[str]:
    if any(quote in _QUOTED.sub("", line) for quote in "'\""):
        raise InputError(f"cannot read what it installs with pip: a quote is never closed in {line.strip()!r}")
    return [text[1:-1] for text in _QUOTED.findall(line)]


def _check_installed(requirements: list[str]) -> None:
    missing = []
    for text in requirements:
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            raise InputError(
                f"it installs {text!r}, which is not the name of a package; install it in its image"
            ) from None
        if requirement.name == "kfp" or (requirement.marker and not requirement.marker.evaluate()):
            continue  # the executor is that of the kfp that is installed
        try:
            fits = requirement.specifier.contains(version(requirement.name), prereleases=True)
        except PackageNotFoundError:
            fits = False
        if not fits:
            missing.append(text)
    if missing:
        quoted = " ".join(f"'{text}'" for text in missing)
        raise InputError(f"it needs {', '.join(missing)}, which is not installed. Run: pip install {quoted}")
