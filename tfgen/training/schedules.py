"""How learning rates fall over a training."""

import keras


def falling(learning_rate: float, steps: int | None):
    """A learning rate that falls from `learning_rate` to 0 along half a cosine over `steps`; constant without them.

    Steps beyond these begin anew: a warm restart (Loshchilov and Hutter 2017, arXiv 1608.03983).
    """
    return keras.optimizers.schedules.CosineDecayRestarts(learning_rate, steps, t_mul=1.0) if steps else learning_rate
