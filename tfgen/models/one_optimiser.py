"""Training by one optimiser: Adam, whose learning rate falls to zero, and the average of weights that it may keep."""

import keras

from tfgen import checks
from tfgen.training import schedules


class OneOptimiser:
    """Mixed into a `tfgen.Model` that descends one loss."""

    ema = None

    def train_by(self, *, ema: float | None = None) -> None:
        """Sets what a training may do besides; call it before `compile_recipe`.

        Args:
            ema: the share of the old average in an exponential moving average of the weights, which Keras's optimiser
                keeps; None for no average.

        Raises:
            TypeError, ValueError: it is out of range; the message names it.
        """
        if ema is not None and not 0 < checks.in_range("ema", ema, 0, 1) < 1:
            raise ValueError(f"ema must lie between 0 and 1, got {ema}")
        self.ema = ema

    def compile_recipe(self, *, learning_rate: float, steps: int | None) -> None:
        """Compiles the model with Adam, whose learning rate falls to zero along half a cosine over `steps`.

        Args:
            learning_rate: the first learning rate.
            steps: of the whole training; None for one without an end, whose learning rate stays.
        """
        average = {"use_ema": True, "ema_momentum": self.ema} if self.ema else {}
        self.compile(optimizer=keras.optimizers.Adam(schedules.falling(learning_rate, steps), **average))
