"""Training by one optimiser: Adam, whose learning rate falls to zero."""

from tfgen.training import schedules


class OneOptimiser:
    """Mixed into a `tfgen.Model` that descends one loss."""

    def compile_recipe(self, *, learning_rate: float, steps: int | None) -> None:
        """Compiles the model with Adam, whose learning rate falls to zero along half a cosine over `steps`.

        Args:
            learning_rate: the first learning rate.
            steps: of the whole training; None for one without an end, whose learning rate stays.
        """
        self.compile(optimizer=self.adam(schedules.falling(learning_rate, steps)))
