"""Which models a server serves, from where, and which of their versions."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pipeline_tools.errors import InputError


@dataclass(frozen=True)
class VersionPolicy:
    """Which versions are served.

    Attributes:
        latest: How many of the newest; 0 for all.
        specific: Exactly these, where any are named.
    """

    latest: int = 1
    specific: tuple[int, ...] = ()

    def choose(self, versions: Sequence[int]) -> list[int]:
        """Choose among the versions that are there.

        Args:
            versions: In order.

        Returns:
            Those to serve, in order.
        """
        if self.specific:
            return [version for version in versions if version in self.specific]
        return list(versions[-self.latest :] if self.latest else versions)

    @classmethod
    def parse(cls, text: str) -> VersionPolicy:
        """Read a policy.

        Args:
            text: ``latest``, ``latest:N``, ``all``, or ``specific:V,V``.

        Returns:
            The policy.

        Raises:
            InputError: It is none of these.
        """
        if text == "all":
            return cls(latest=0)
        if found := re.fullmatch(r"latest(?::([1-9]\d*))?", text):
            return cls(latest=int(found.group(1) or 1))
        if found := re.fullmatch(r"specific:(\d+(?:,\d+)*)", text):
            return cls(specific=tuple(int(version) for version in found.group(1).split(",")))
        raise InputError(f"version policy {text!r}: must be latest, latest:N, all, or specific:V,V")


@dataclass(frozen=True)
class ModelConfig:
    """One served model.

    Attributes:
        name: Its name.
        base_path: The directory (or ``gs://`` path) whose numbered children are its versions.
        policy: Which of them are served.
        labels: Version by label.
    """

    name: str
    base_path: str
    policy: VersionPolicy = VersionPolicy()
    labels: Mapping[str, int] = field(default_factory=dict)


def find_models(
    model_base_path: str, model_name: str | None, policy: VersionPolicy, labels: Mapping[str, int] | None = None
) -> list[ModelConfig]:
    """Find the models under a base path.

    Args:
        model_base_path: A directory of models, as the deploy step fills it, or one model's directory of versions, as
            TF-Serving is given it; a ``gs://`` path is taken for the latter unless ``model_name`` says otherwise.
        model_name: The model to serve; by default every model there.
        policy: Which versions.
        labels: Version by label, where one model is served.

    Returns:
        At least one model; its versions may be yet to come.

    Raises:
        InputError: There is no such directory, or no model in it.
    """
    remote = "://" in model_base_path
    base = Path(model_base_path)
    if not remote and not base.is_dir():
        what = "is a file" if base.exists() else "does not exist"
        raise InputError(f"--model-base-path {base}: {what}; it must be the directory of published models")
    if remote or _has_versions(base):
        names = {model_name or "default": model_base_path}
    elif model_name:
        if not (base / model_name).is_dir():
            found = ", ".join(_models(base)) or "none"
            raise InputError(f"--model-name {model_name}: no such model under {base}; the models are: {found}")
        names = {model_name: str(base / model_name)}
    else:
        names = {name: str(base / name) for name in _models(base)}
        if not names:
            raise InputError(
                f"--model-base-path {base}: there is no model in it. It must contain <model>/<version>/saved_model.pb, "
                "or be one model's directory of versions"
            )
    if labels and len(names) > 1:
        raise InputError(f"--label needs --model-name; the models are {', '.join(names)}")
    return [ModelConfig(name, path, policy, dict(labels or {})) for name, path in names.items()]


def _models(base: Path) -> list[str]:
    return sorted(path.name for path in base.iterdir() if path.is_dir() and _has_versions(path))


def _has_versions(path: Path) -> bool:
    return any(child.name.isdecimal() for child in path.iterdir())
