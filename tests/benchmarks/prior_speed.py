"""Images/s of CPU time by which a model trains with each prior, in alternating rounds on one thread.

    python tests/benchmarks/prior_speed.py [--network conv] [--precision mixed_bfloat16] [--rounds 4]

The numbers of one run compare with one another: other work on the machine slows all of them alike.
"""

import argparse
import dataclasses
import statistics
import time

import keras
import tensorflow as tf

from tfgen import data
from tfgen.networks import common
from tfgen.storage import entries
from tfgen.training import loop

STEPS = 60  # of a round: a block of the training loop


def made(images, options, prior: str):
    """A training loop of `vae` with a prior, compiled."""
    keras.utils.set_random_seed(0)
    with common.precision(options.precision):
        hyperparameters = {"network": options.network, "latent_dim": options.latent_dim, "prior": prior}
        model = entries.build("vae", hyperparameters)
    model.compile_recipe(learning_rate=1e-3, steps=100_000)
    made = loop.Loop(model, images, options.batch_size, 0)
    model.use_loop(made)
    model.build_optimizers()
    made.begin_epoch(0)
    made.advance(range(STEPS))
    return made


def main() -> None:
    """Prints the images/s of each prior, and their share of the first one's."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--network", default="dense", choices=("dense", "conv"))
    parser.add_argument("--latent-dim", type=int, default=25)
    parser.add_argument("--batch-size", type=int, default=200)
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--priors", nargs="+", default=["normal", "mixture", "vamp", "flow"])
    options = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    train, count = data.load("mnist").train, STEPS * options.batch_size
    images = dataclasses.replace(train, images=train.images[:count], labels=train.labels[:count])
    loops = {prior: made(images, options, prior) for prior in options.priors}
    speeds = {prior: [] for prior in loops}
    for _ in range(options.rounds):
        for prior, trained in loops.items():
            began = time.process_time()
            trained.advance(range(STEPS))
            speeds[prior].append(count / (time.process_time() - began))
    first = speeds[options.priors[0]]
    for prior, found in speeds.items():
        share = statistics.median(rate / other for rate, other in zip(found, first, strict=True))
        print(f"{prior:8} {statistics.median(found):8,.0f} images/s  {share:.2f}")


if __name__ == "__main__":
    main()
