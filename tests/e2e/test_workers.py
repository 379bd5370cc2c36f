"""Training by several real processes on loopback gives what one process gives."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from pipeline_tools.errors import InputError
from taxi_pipeline.schema import LABEL_KEY
from tests.e2e.fitting import fit_with

pytestmark = pytest.mark.full

STEPS = 200


def train(chain, model: Path, **changes):
    arguments = {"label_key": LABEL_KEY, "train_steps": STEPS, **changes}
    return fit_with(chain.examples, chain.transformed, chain.graph, str(model), **arguments)


def weights(model: Path) -> dict[str, np.ndarray]:
    import tensorflow as tf

    reader = tf.train.load_checkpoint(f"{model}/variables/variables")
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map() if name.startswith("weights/")}


@pytest.fixture(scope="module")
def alone(chain, tmp_path_factory):
    """What one worker makes: its weights and metrics."""
    model = tmp_path_factory.mktemp("alone") / "model"
    metrics = train(chain, model)
    return weights(model), metrics


def second_worker(order: str) -> int:
    """Find the process of worker 1 by what it was started with."""
    for place in Path("/proc").iterdir():
        if place.name.isdecimal():
            with contextlib.suppress(OSError):  # it has ended meanwhile, or is another user's
                command = (place / "cmdline").read_bytes().decode()
                if order in command and b'"index": 1' in (place / "environ").read_bytes():
                    return int(place.name)
    raise AssertionError("there is no worker 1")


class Killer(threading.Thread):
    """Kills the second worker once a checkpoint is there."""

    def __init__(self, root: Path) -> None:
        super().__init__(daemon=True)
        self.root = root

    def run(self) -> None:
        while not (self.root / "checkpoints" / "checkpoint").exists():
            time.sleep(0.01)
        os.kill(second_worker(str(self.root)), signal.SIGKILL)


@pytest.mark.parametrize("killed", [False, True])
def test_two_workers_give_the_weights_of_one_also_when_one_is_killed(chain, alone, tmp_path, capfd, killed):
    checkpoints = tmp_path / "checkpoints"
    if killed:
        Killer(tmp_path).start()
    metrics = train(
        chain, tmp_path / "model", workers=2, checkpoint_dir=str(checkpoints), checkpoint_steps=20, max_restarts=1
    )

    expected, expected_metrics = alone
    found = weights(tmp_path / "model")
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=0, atol=1e-5, err_msg=name)
    for name, value in expected_metrics.items():
        assert metrics[name] == pytest.approx(value, abs=1e-4), name
    log = capfd.readouterr().out
    assert f"[worker 0] step {STEPS} of {STEPS}: loss" in log
    assert ("worker 1 was ended by SIGKILL; all workers start again (restart 1 of 1)" in log) is killed
    assert ("[worker 0] goes on after step " in log) is killed
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoints", "model"]


MEAN = """
import keras, tensorflow as tf
from tests.e2e.tumours import model as plain
class Mean(keras.Model):
    def train_step(self, data):
        inputs, labels = data
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(keras.losses.binary_crossentropy(labels, self(inputs, training=True)))
        self.optimizer.apply(tape.gradient(loss, self.trainable_variables), self.trainable_variables)
        return {"loss": loss}
    OPTIMIZERS
def build_model(features, **options):
    base = plain.build_model(features, **options)
    model = Mean(base.inputs, base.outputs)
    model.compile(keras.optimizers.SGD(0.02))
    return model
"""
BUILD = "def build_optimizers(self): self.optimizer.build(self.trainable_variables); return [self.optimizer]"


@pytest.mark.parametrize(
    ("optimizers", "message"),
    [
        ("", r"Mean has a train_step of its own\. .*build_optimizers"),
        (BUILD, "the gradient of the loss summed over the rows"),
    ],
)
def test_a_step_that_workers_cannot_share_is_refused(chain, tmp_path, optimizers, message):
    module = tmp_path / "mean.py"
    module.write_text(MEAN.replace("OPTIMIZERS", optimizers))
    with pytest.raises(InputError, match=message):
        train(chain, tmp_path / "model", workers=2, model_module=str(module), train_steps=10)
    assert not (tmp_path / "model").exists()
