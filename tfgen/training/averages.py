"""Averages of the weights over steps (Polyak and Juditsky 1992), which Keras's optimisers keep with `use_ema`.

Training continues with the weights. Validation and the callbacks between `Averages` and `Weights` see the averages.
"""

import keras


def are_kept(model) -> bool:
    """Whether every optimiser of a compiled model keeps the average of the weights that `model.ema` asks for."""
    optimizers = model.optimizers.values() or [model.optimizer]
    inner = [getattr(each, "inner_optimizer", each) for each in optimizers]  # one that scales the loss has another
    return all(each.use_ema and each.ema_momentum == model.ema for each in inner)


class Averages(keras.callbacks.Callback):
    """Puts the averages in the weights' place from the validation of an epoch on, until `Weights` gives these back."""

    def __init__(self):
        super().__init__()
        self.weights = None  # the values of the weights meanwhile

    def on_train_begin(self, logs=None):
        self.weights = None

    def on_test_begin(self, logs=None):
        self.show()

    def on_epoch_end(self, epoch, logs=None):
        self.show()

    def show(self) -> None:
        """Puts the averages in the weights' place, unless they are there."""
        if self.weights is None:
            variables = self.model.trainable_variables
            self.weights = [variable.numpy() for variable in variables]
            self.model.optimizer.finalize_variable_values(variables)

    def hide(self) -> None:
        """Gives the weights back."""
        if self.weights is not None:
            for variable, value in zip(self.model.trainable_variables, self.weights, strict=True):
                variable.assign(value)
        self.weights = None


class Weights(keras.callbacks.Callback):
    """Gives the weights back that `Averages` has put away, before a checkpoint is written."""

    def __init__(self, averages: Averages):
        super().__init__()
        self.averages = averages

    def on_epoch_end(self, epoch, logs=None):
        self.averages.hide()
