"""What is installed, compared with the requirements and the tested versions."""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from pipeline_tools.doctor.finding import Finding, Findings
from pipeline_tools.errors import InputError

NAME = "taxi-pipeline"
USES = {
    "local": "to run steps on this machine",
    "serve": "to serve models and request predictions",
    "cloud": "for Vertex AI",
}
"""The extras for users, and what they are for."""

_SHOWN = 5
_find = Findings("machine")


def check_packages(constraints: Path | None) -> Iterator[Finding]:
    """Check this package, its extras, and their versions.

    Args:
        constraints: The tested versions; by default the `constraints.txt` of the source tree this runs from, if any.

    Yields:
        What was found.

    Raises:
        InputError: The file does not exist or is invalid.
    """
    try:
        metadata = importlib.metadata.metadata(NAME)
    except importlib.metadata.PackageNotFoundError:
        yield _find.wrong(
            NAME, "runs from a source tree that is not installed", "pip install -e '.[local]', or make setup"
        )
        return
    yield _find.ok(NAME, metadata["Version"])
    pythons = SpecifierSet(metadata["Requires-Python"] or "")
    if not pythons.contains(".".join(map(str, sys.version_info[:3]))):
        yield _find.wrong("python", f"{sys.version.split()[0]} is not {pythons}", "make PYTHON=python3.11 setup")
    requirements = [Requirement(text) for text in importlib.metadata.requires(NAME) or []]
    yield from _group("requirements", [each for each in requirements if _applies(each, "")], "")
    for extra, use in USES.items():
        wanted = [each for each in requirements if _applies(each, extra) and not _applies(each, "")]
        yield from _group(f"[{extra}]", wanted, use)
    beside = Path(__file__).parents[2] / "constraints.txt"
    if constraints is None and beside.is_file():
        constraints = beside
    if constraints is not None:
        yield _against(constraints)


def _applies(requirement: Requirement, extra: str) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


def _installed(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _group(subject: str, wanted: list[Requirement], use: str) -> Iterator[Finding]:
    """Check the requirements of the package itself (no use given) or of an extra."""
    found = {each: _installed(each.name) for each in wanted}
    missing = [each.name for each, version in found.items() if version is None]
    others = [
        f"{each.name} {version} is not {each.specifier}" for each, version in found.items() if not _fits(each, version)
    ]
    install = f"pip install '{NAME}{subject if use else ''}'"
    if others:
        yield _find.wrong(subject, ", ".join(others), f"{install} -c constraints.txt")
    if missing and use:
        yield _find.advice(subject, f"{_first(missing)} not installed: needed {use}", install)
    elif missing:
        yield _find.wrong(subject, f"{_first(missing)} not installed", install)
    if not missing and not others:
        yield _find.ok(subject, f"installed{f', {use}' if use else ''}: {len(wanted)} packages within their ranges")


def _fits(requirement: Requirement, version: str | None) -> bool:
    return version is None or requirement.specifier.contains(version, prereleases=True)


def _first(names: list[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")


def constrained_versions(constraints: Path) -> dict[str, str]:
    """Read which version of each package was tested with this Python.

    Args:
        constraints: Lines of ``name==version``, with markers.

    Returns:
        Canonical name -> version.

    Raises:
        InputError: The file does not exist, or a line is not of this form.
    """
    try:
        lines = constraints.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise InputError(f"{constraints}: cannot be read: {error.strerror}") from None
    tested: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        text = line.partition("#")[0].strip()
        if not text:
            continue
        try:
            requirement = Requirement(text)
            (pin,) = requirement.specifier
        except ValueError as error:  # no requirement, or not one version
            raise InputError(f"{constraints}:{number}: must be name==version: {error}") from None
        if requirement.marker is None or requirement.marker.evaluate():
            tested[canonicalize_name(requirement.name)] = pin.version
    return tested


def _against(constraints: Path) -> Finding:
    tested = constrained_versions(constraints)
    found = {name: version for name in tested if (version := _installed(name)) is not None}
    other = [f"{name} {version}, tested {tested[name]}" for name, version in found.items() if version != tested[name]]
    if other:
        return _find.advice(
            "versions", f"{len(other)} of {len(found)} differ: {_first(other)}", f"pip install -c {constraints} …"
        )
    return _find.ok("versions", f"all {len(found)} match {constraints.name}")
