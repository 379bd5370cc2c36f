"""A plain compiled Keras model, with Keras's own training step."""

import keras


def build_model(features, *, seed, hidden_units=(8,), learning_rate=0.02):
    del seed  # `train` has set Keras's own
    inputs, parts = {}, []
    for feature in features:
        inputs[feature.name] = keras.Input((), name=feature.name, dtype="int64" if feature.is_category else "float32")
        if feature.is_category:
            parts.append(keras.layers.Embedding(feature.size, 2)(inputs[feature.name]))
        else:
            parts.append(keras.layers.Reshape((1,))(inputs[feature.name]))
    value = keras.layers.Concatenate()(parts)
    for units in hidden_units:
        value = keras.layers.Dense(units, "relu")(value)
    model = keras.Model(inputs, keras.layers.Dense(1, "sigmoid")(value))
    model.compile(keras.optimizers.Adam(learning_rate), "binary_crossentropy")
    return model
