"""What a model sees: the transformed features, numbers and categories told apart."""

from __future__ import annotations

from dataclasses import dataclass

from tensorflow_metadata.proto.v0 import schema_pb2

from pipeline_tools.errors import InputError


@dataclass(frozen=True)
class Feature:
    """One transformed feature, a tensor of shape (batch,).

    Attributes:
        name: As the preprocessing function named it.
        size: How many ids a category has (ids count from 0), or None for a number (float32).
    """

    name: str
    size: int | None = None

    @property
    def is_category(self) -> bool:
        """Whether the feature holds ids."""
        return self.size is not None


def model_features(schema: schema_pb2.Schema, label_key: str) -> list[Feature]:
    """Read the features out of the transformed schema.

    Args:
        schema: ``TFTransformOutput.transformed_metadata.schema``. TFT records there the range of what
            ``compute_and_apply_vocabulary``, ``bucketize`` and ``apply_buckets`` return.
        label_key: The label's name; it is not a feature.

    Returns:
        The features, sorted by name.

    Raises:
        InputError: The label is not among the transformed features, or a feature is neither a number nor a category
            of known size, or a category may get the id -1.
    """
    names = [feature.name for feature in schema.feature]
    if label_key not in names:
        raise InputError(f"label_key={label_key}: the preprocessing function returns no such feature, only {names}")
    features = []
    for feature in sorted(schema.feature, key=lambda feature: str(feature.name)):
        if feature.name == label_key:
            continue
        if feature.type == schema_pb2.FLOAT:
            features.append(Feature(feature.name))
        elif feature.type == schema_pb2.INT and feature.int_domain.min < 0:
            raise InputError(
                f"feature {feature.name!r} may be the id {feature.int_domain.min}, which would be read as another id: "
                "a vocabulary gives it to values that it does not know. Set num_oov_buckets=1 in "
                "tft.compute_and_apply_vocabulary or tft.apply_vocabulary, or default_value to an id of the vocabulary"
            )
        elif feature.type == schema_pb2.INT and feature.int_domain.max > 0:
            features.append(Feature(feature.name, size=int(feature.int_domain.max) + 1))
        else:
            kind = schema_pb2.FeatureType.Name(feature.type)
            raise InputError(
                f"feature {feature.name!r} ({kind}) has no known range of ids: let the preprocessing function return a "
                "float, or ids from tft.compute_and_apply_vocabulary, tft.bucketize or tft.apply_buckets"
            )
    return features
