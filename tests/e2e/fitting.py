"""Call `fit` with the fields of its options side by side."""

from __future__ import annotations

from typing import Any

MODEL = "taxi_pipeline.model"


def fit_with(examples: str, transformed: str, graph: str, model: str, **fields: Any) -> dict[str, float]:
    """Train on artifacts.

    Args:
        examples: Directory of `examples`.
        transformed: Directory of `transformed_examples`.
        graph: Directory of `transform_graph`.
        model: Directory to write.
        **fields: Of `Request`, of `Workers`, and arguments of `fit`.
    """
    from components.training.fit import fit
    from components.training.request import Request, Workers

    def pick(names: Any) -> dict[str, Any]:
        return {name: fields.pop(name) for name in list(fields) if name in names}

    workers = Workers(**pick(Workers.__dataclass_fields__))
    wanted = {"model_module": MODEL} | pick(Request.__dataclass_fields__)
    return fit(Request(examples, transformed, graph, **wanted), model, workers=workers, **fields)
