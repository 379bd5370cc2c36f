"""Make a SavedModel ready to be deployed: gate, golden requests, receipt, and the check in a fresh process."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from components.lib.deploy.answer import check_in_fresh_process
from components.lib.deploy.gate import Pass, pass_gate
from components.lib.deploy.golden import GoldenRequest, choose_requests, write_requests
from components.lib.deploy.provenance import write_receipt


@dataclass(frozen=True)
class Candidate:
    """A model that somebody wants to deploy, and what speaks for it.

    Attributes:
        model: Directory of the SavedModel.
        examples: Directory of the `examples` artifact it was made of.
        evaluation: Directory of its `evaluation` artifact.
        metrics: Scalars of the evaluation, for the receipt.
        code_modules: Modules it was made with, for the receipt.
        deploy_unblessed: Deploy it even if it is not blessed.
        golden_requests: How many golden requests it shall answer.
    """

    model: str
    examples: str
    evaluation: str
    metrics: Mapping[str, Any] = field(default_factory=dict)
    code_modules: Sequence[str] = ()
    deploy_unblessed: bool = False
    golden_requests: int = 256


@dataclass(frozen=True)
class Prepared:
    """A SavedModel that may be deployed.

    Attributes:
        model: Directory of a copy with golden requests and receipt inside.
        requests: The golden requests.
        receipt: The receipt.
        gate: How it came through the gate.
        difference: The largest difference in the fresh process.
    """

    model: Path
    requests: list[GoldenRequest]
    receipt: dict[str, Any]
    gate: Pass
    difference: float


@contextmanager
def prepare(candidate: Candidate) -> Iterator[Prepared]:
    """Prepare a candidate in a scratch directory.

    Args:
        candidate: What to deploy.

    Yields:
        The copy, which goes when the block ends.

    Raises:
        NotBlessedError: The model is not blessed, and nobody lets it pass.
        InputError: An artifact is not what it should be.
        DisagreementError: The SavedModel, loaded afresh, predicts otherwise than the evaluation.
    """
    gate = pass_gate(candidate.evaluation, candidate.deploy_unblessed)
    requests = choose_requests(candidate.examples, candidate.evaluation, candidate.golden_requests)
    with tempfile.TemporaryDirectory(prefix="deploy-") as name:
        model = Path(name) / "model"
        shutil.copytree(candidate.model, model)
        write_requests(model, requests)
        receipt = write_receipt(model, candidate.examples, gate, candidate.metrics, candidate.code_modules)
        difference = check_in_fresh_process(model, requests, Path(name))
        yield Prepared(model, requests, receipt, gate, difference)
