"""Reusable component factories for Kubeflow Pipelines v2; nothing here knows about taxis.

Each is what ``@dsl.component`` makes: call it in a pipeline function to get a task. Importing this package imports
kfp, and nothing heavier.
"""

import os

from pipeline_tools.errors import InputError
from pipeline_tools.image import IMAGE

# Inside a step KFP sets this, and its `dsl` then has no decorators: a step imports the work, never the factories.
if os.environ.get("_KFP_RUNTIME") != "true":
    from components.analysis.component import tfma_analyze
    from components.call import call
    from components.comparison.component import compare
    from components.cross_evaluation.component import cross_evaluate
    from components.drift_detection.component import drift
    from components.example_generation.component import example_gen
    from components.ml_engine.component import ml_engine_deploy
    from components.tf_serving.component import tf_serving_deploy
    from components.training.component import train
    from components.transform.component import tft_preprocess
    from components.window_planning.component import plan_windows

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
