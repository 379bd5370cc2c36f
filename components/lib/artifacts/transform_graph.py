"""Which raw columns a transformed feature follows from, found by walking the transform graph back from it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft
from tensorflow_transform import graph_tools, tf2_utils


class TransformGraph:
    """The graph of a `transform_graph` artifact.

    Args:
        output: What ``tft.TFTransformOutput`` opens.
    """

    def __init__(self, output: tft.TFTransformOutput) -> None:
        self._loaded: Any = tf.saved_model.load(output.transform_savedmodel_dir)
        function = self._loaded.transform_fn
        graph = getattr(function, "concrete_functions", [function])[0].graph
        self._inputs = tf2_utils.get_structured_inputs_from_func_graph(graph)
        self._outputs = tf.nest.pack_sequence_as(graph.structured_outputs, graph.outputs)

    def source_columns(self, features: Iterable[str]) -> list[str]:
        """List the raw columns that some transformed features follow from.

        Args:
            features: Their names.

        Returns:
            Names of columns, sorted. What a feature owes to an analyzer (a mean, a vocabulary) is a constant of the
            graph, and no column.
        """
        operations = [self._outputs[name].op for name in features]
        sources = graph_tools.retrieve_sources(operations, ignore_control_dependencies=True)
        return sorted(name for name, tensor in self._inputs.items() if tensor in sources)
