"""Reusable component factories for Kubeflow Pipelines v2; nothing here knows about taxis.

Each is what ``@dsl.component`` makes: call it in a pipeline function to get a task. A factory is imported when it is
first asked for (PEP 562), so that importing this package, or anything in ``components.lib``, does not import kfp.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from components.analysis.component import tfma_analyze
    from components.comparison.component import compare
    from components.cross_evaluation.component import cross_evaluate
    from components.drift_detection.component import drift
    from components.example_generation.component import example_gen
    from components.lib.call import call
    from components.ml_engine.component import ml_engine_deploy
    from components.tf_serving.component import tf_serving_deploy
    from components.training.component import train
    from components.transform.component import tft_preprocess
    from components.window_planning.component import plan_windows
    from pipeline_tools.errors import InputError
    from pipeline_tools.image import IMAGE

__all__ = [
    "IMAGE",
    "InputError",
    "call",
    "compare",
    "cross_evaluate",
    "drift",
    "example_gen",
    "ml_engine_deploy",
    "plan_windows",
    "tf_serving_deploy",
    "tfma_analyze",
    "tft_preprocess",
    "train",
]

_MODULES = {
    "IMAGE": "pipeline_tools.image",
    "InputError": "pipeline_tools.errors",
    "call": "components.lib.call",
    "compare": "components.comparison.component",
    "cross_evaluate": "components.cross_evaluation.component",
    "drift": "components.drift_detection.component",
    "example_gen": "components.example_generation.component",
    "ml_engine_deploy": "components.ml_engine.component",
    "plan_windows": "components.window_planning.component",
    "tf_serving_deploy": "components.tf_serving.component",
    "tfma_analyze": "components.analysis.component",
    "tft_preprocess": "components.transform.component",
    "train": "components.training.component",
}
"""The module that defines each public name."""


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_MODULES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
