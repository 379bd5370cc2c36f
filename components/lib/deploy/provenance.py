"""The provenance in a deployed SavedModel: what it was made from, and how it was evaluated."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from components.lib.deploy.blessing import Blessing
from components.lib.deploy.golden import EXTRA, GOLDEN_FILE
from pipeline_tools import storage
from pipeline_tools.errors import InputError
from pipeline_tools.package_hash import PACKAGE_HASH_VARIABLE

PROVENANCE_FILE = "provenance.json"

_DISTRIBUTIONS = ("keras", "tensorflow", "tensorflow-model-analysis", "tensorflow-transform", "tfx-bsl")


def hash_tree(directory: str | Path, *, suffix: str = "") -> str:
    """Hash the files of a directory: their paths and content, nothing else.

    Args:
        directory: Where to begin.
        suffix: Take only files whose names end so.

    Returns:
        SHA-256 in hex.
    """
    root = Path(directory)
    total = hashlib.sha256()
    for path in sorted(root.rglob(f"*{suffix}")):
        if path.is_file() and EXTRA not in path.relative_to(root).parts:
            total.update(path.relative_to(root).as_posix().encode() + b"\0")
            total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def write_provenance(
    model: Path, examples: str, blessing: Blessing, metrics: Mapping[str, Any], code_modules: Sequence[str] = ()
) -> dict[str, Any]:
    """Write the provenance into a SavedModel that contains its golden requests.

    The hash of the model leaves out ``assets.extra``, so that it is the same before and after.

    Args:
        model: Directory of the SavedModel.
        examples: Directory of the `examples` artifact it was made from.
        blessing: Why it may be deployed.
        metrics: Scalars of the evaluation.
        code_modules: Paths or dotted names of the modules that the model was made with; their sources are hashed.

    Returns:
        The provenance.

    Raises:
        InputError: A module does not exist.
    """
    schema = Path(examples) / "schema.pbtxt"
    provenance = {
        "data_sha256": hash_tree(examples, suffix=".parquet"),
        "schema_sha256": hashlib.sha256(schema.read_bytes()).hexdigest(),
        "model_sha256": hash_tree(model),
        "code_sha256": hash_tree(Path(__file__).parents[2], suffix=".py"),
        "code_modules_sha256": {name: _hash_module(name) for name in code_modules},
        "package_sha256": os.environ.get(PACKAGE_HASH_VARIABLE),
        "golden_requests_sha256": hashlib.sha256((model / EXTRA / GOLDEN_FILE).read_bytes()).hexdigest(),
        "versions": {name: found for name in _DISTRIBUTIONS if (found := _version(name))},
        "metrics": dict(metrics),
        "verdict": blessing.as_dict(),
    }
    text = json.dumps(provenance, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    (model / EXTRA / PROVENANCE_FILE).write_text(text, encoding="utf-8")
    return provenance


def _hash_module(name: str) -> str:
    if storage.is_remote(name):
        return hashlib.sha256(storage.read_bytes(name, f"code_modules: {name}")).hexdigest()
    if name.endswith(".py"):
        path = Path(name)
    else:
        try:
            spec = importlib.util.find_spec(name)
        except ModuleNotFoundError:
            spec = None
        path = Path(spec.origin) if spec and spec.origin else Path(name)
    if not path.is_file():
        raise InputError(
            f"code_modules: there is no module {name!r}. Give the path of a .py file or an importable dotted name"
        )
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None
