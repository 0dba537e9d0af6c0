"""Keras's own calls on one device and on two logical CPUs; prints their numbers and how far weights are apart, as JSON.

python plain_fit.py ENTRY
"""

import json
import sys

from tfgen import quiet

tf = quiet.import_tensorflow()

import keras  # noqa: E402
import numpy as np  # noqa: E402

from tfgen import data  # noqa: E402
from tfgen.storage import entries  # noqa: E402
from tfgen.training import strategies  # noqa: E402


def numbers(strategy, entry: str) -> tuple:
    """What `evaluate`, `fit` and `predict` report on a strategy, and the weights after them."""
    images, labels = (part[:14] for part in (data.load("digits").train.images, data.load("digits").train.labels))
    with strategy.scope():
        keras.utils.set_random_seed(0)
        model = entries.build(entry, entries.module(entry).SMALL)
        model.compile(keras.optimizers.SGD(1e-4), jit_compile=False)
    batches = tf.data.Dataset.from_tensor_slices((images, labels)).batch(4)  # the last of two
    found = [model.evaluate(images, labels, batch_size=8, verbose=0), model.evaluate(batches, verbose=0)]
    history = model.fit(images[:8], labels[:8], batch_size=4, shuffle=False, validation_data=batches, verbose=0).history
    x = np.ones([14, model.latent_dim]) if model.answer == "decode" else images
    answer = model.predict([x, labels] if model.conditional else x, verbose=0)
    return [*found, [float(value) for (value,) in history.values()], [float(answer.sum())]], model.get_weights()


def main() -> None:
    (cpu,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    one, weights = numbers(strategies.make("single"), sys.argv[1])
    two, others = numbers(strategies.make("mirrored"), sys.argv[1])
    apart = max(float(np.abs(mine - other).max()) for mine, other in zip(weights, others, strict=True))
    print(json.dumps({"one": one, "two": two, "apart": apart}))


if __name__ == "__main__":
    main()
