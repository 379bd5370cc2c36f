"""Prepare a SavedModel for deployment: blessing, golden requests, provenance, and a check in a fresh process."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from components.lib.deploy.blessing import Blessing, check_blessing
from components.lib.deploy.golden import GoldenRequest, choose_requests, write_requests
from components.lib.deploy.provenance import write_provenance
from components.lib.deploy.replay import check_in_fresh_process


@dataclass(frozen=True)
class Candidate:
    """A model to deploy, with its evaluation.

    Attributes:
        model: Directory of the SavedModel.
        examples: Directory of the `examples` artifact it was made of.
        evaluation: Directory of its `evaluation` artifact.
        metrics: Scalars of the evaluation, for the provenance.
        code_modules: Modules it was made with, for the provenance.
        deploy_unblessed: Deploy it even if it is not blessed.
        golden_requests: Number of golden requests to verify it with.
    """

    model: str
    examples: str
    evaluation: str
    metrics: Mapping[str, Any] = field(default_factory=dict)
    code_modules: Sequence[str] = ()
    deploy_unblessed: bool = False
    golden_requests: int = 256


@dataclass(frozen=True)
class PreparedModel:
    """A SavedModel that may be deployed.

    Attributes:
        model: Directory of a copy with golden requests and provenance inside.
        requests: The golden requests.
        provenance: The provenance.
        blessing: Why it may be deployed.
        difference: The largest difference in the fresh process.
    """

    model: Path
    requests: list[GoldenRequest]
    provenance: dict[str, Any]
    blessing: Blessing
    difference: float


@contextmanager
def prepare(candidate: Candidate) -> Iterator[PreparedModel]:
    """Prepare a candidate in a scratch directory.

    Args:
        candidate: What to deploy.

    Yields:
        The copy, which is deleted when the block ends.

    Raises:
        NotBlessedError: The model is not blessed, and that is not overridden.
        InputError: An artifact is not what it should be.
        PredictionMismatchError: The reloaded SavedModel predicts something else than the evaluation did.
    """
    blessing = check_blessing(candidate.evaluation, candidate.deploy_unblessed)
    requests = choose_requests(candidate.examples, candidate.evaluation, candidate.golden_requests)
    with tempfile.TemporaryDirectory(prefix="deploy-") as name:
        model = Path(name) / "model"
        shutil.copytree(candidate.model, model)
        write_requests(model, requests)
        provenance = write_provenance(model, candidate.examples, blessing, candidate.metrics, candidate.code_modules)
        difference = check_in_fresh_process(model, requests, Path(name))
        yield PreparedModel(model, requests, provenance, blessing, difference)
