"""Features of a tumour."""

import tensorflow as tf
import tensorflow_transform as tft


def preprocessing_fn(inputs):
    outputs = {
        name: tft.scale_to_0_1(tf.cast(inputs[name], tf.float32)) for name in ("mean_radius", "mean_texture", "cells")
    }
    outputs["kind"] = tft.compute_and_apply_vocabulary(inputs["texture_kind"], num_oov_buckets=1)
    outputs["malignant"] = tf.cast(inputs["diagnosis"] == "malignant", tf.int64)
    return outputs
