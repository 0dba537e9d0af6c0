"""How step sizes fall over a training."""

import keras


def falling(learning_rate: float, steps: int | None):
    """A step size that falls from `learning_rate` to 0 along half a cosine over `steps`; constant without them."""
    return keras.optimizers.schedules.CosineDecay(learning_rate, steps) if steps else learning_rate
