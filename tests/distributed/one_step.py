"""One training step of models on one device and on two logical CPUs; prints how far they are apart, as JSON.

    python one_step.py '{"NAME": ["ENTRY", {"HYPERPARAMETER": VALUE}, NORM_THAT_GRADIENTS_ARE_CLIPPED_TO]}'

The optimiser is gradient descent with momentum, whose momentum after one step is the gradient times -RATE.
"""

import json
import sys

from tfgen import quiet

tf = quiet.import_tensorflow()

import keras  # noqa: E402
import numpy as np  # noqa: E402

from tfgen import data  # noqa: E402
from tfgen.storage import entries  # noqa: E402
from tfgen.training import loop, strategies  # noqa: E402

RATE, BATCH = 1e-2, 24


def step(strategy, images, entry: str, hyperparameters: dict, clip_norm):
    """The metrics of a step, and the gradient of every variable by the optimiser that moved it."""
    with strategy.scope():
        loop.set_initial_seed(0)
        model = entries.build(entry, hyperparameters)
        model.compile_recipe(learning_rate=RATE, steps=10)
        model.clip_norm = clip_norm
        model.build_optimizers()
    steps = loop.Loop(model, images, BATCH, seed=0)
    rows = tf.constant(np.random.default_rng(0).permutation(len(images.images))[None, :BATCH], tf.int32)
    metrics, _ = steps.compiled(rows, tf.constant(1), tf.constant(1))  # the second step, in which every network moves
    slots = [slot for optimizer in (model.optimizers or {"": model.optimizer}).values() for slot in optimizer.variables]
    gradients = [slot.numpy() / -RATE for slot in slots if "momentum" in slot.path]
    return {name: float(value) for name, value in metrics.items()}, gradients


def moments(x, axes, keepdims=False):
    """Mean and variance as `tf.nn.moments`, which holds the mean for a constant in the variance.

    Its slope is right nonetheless, but not the slope of that, which the gradient penalty of DCGAN needs: off by 1 / N.
    """
    mean = tf.reduce_mean(x, axes, keepdims=True)
    variance = tf.reduce_mean((x - mean) ** 2, axes, keepdims=True)
    return (mean, variance) if keepdims else (tf.squeeze(mean, axes), tf.squeeze(variance, axes))


def main() -> None:
    (cpu,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    one, two = strategies.make("single"), strategies.make("mirrored")
    assert two.num_replicas_in_sync == 2
    loop.uses_xla = lambda model: False  # whose noise of the same seed is another
    tf.nn.moments = moments
    keras.optimizers.Adam = lambda *_, **__: keras.optimizers.SGD(RATE, momentum=0.9)
    images = data.load("digits").train
    answers = {}
    for name, settings in json.loads(sys.argv[1]).items():
        (metrics, gradients), (their_metrics, theirs) = (step(strategy, images, *settings) for strategy in (one, two))
        answers[name] = {
            "metrics": [metrics, their_metrics],
            "variables": [len(gradients), len(theirs)],
            "norm": float(np.sqrt(sum(np.sum(np.square(gradient)) for gradient in theirs))),
            "largest": float(max(np.abs(gradient).max() for gradient in gradients)),
            "apart": float(max(np.abs(a - b).max() for a, b in zip(gradients, theirs, strict=True))),
        }
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
