"""What every adversarial model shares: training in phases, each with its own optimiser and networks."""

import keras

from tfgen.training import replicas


class Adversarial:
    """Mixed into a `tfgen.Model` whose `update` goes through phases, each of which moves some of its networks."""

    def compile_phases(self, **phases) -> None:
        """Compiles the model: for each of its phases, by name, an optimiser and the networks that it moves.

        Like Keras for a model's one optimiser, has each scale its loss where the networks run in float16.
        """
        self.compile_steps(optimizer=None)
        scaled = (
            keras.optimizers.LossScaleOptimizer if self.dtype_policy.name == "mixed_float16" else lambda plain: plain
        )
        self.optimizers = {phase: scaled(optimizer) for phase, (optimizer, *_) in phases.items()}
        self._moved = {phase: networks for phase, (_, *networks) in phases.items()}

    def descend(self, phase: str, tape, loss, when=True) -> None:
        """One optimiser step of a phase on its networks' variables; none where the tensor `when` is false."""
        optimizer, variables = self.optimizers[phase], self.variables_of(phase)
        replicas.descend(optimizer, tape, loss, variables, clip_norm=self.clip_norm, when=when)

    def variables_of(self, phase: str) -> list:
        """The trainable variables that a phase moves."""
        return [variable for network in self._moved[phase] for variable in network.trainable_variables]
