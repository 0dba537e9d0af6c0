"""Several optimisers as the one that Keras knows of a model: each moves the networks of its own phase of a step."""

import keras


@keras.saving.register_keras_serializable("tfgen")
class Phases(keras.optimizers.Optimizer):
    """The optimisers of a model that is trained in phases, by phase.

    Keras keeps and restores them with the model, and its callbacks reach each of them. The model's own `update` makes
    their steps, so that `apply` is refused.

    Attributes:
        phases: phase -> its optimiser.
    """

    def __init__(self, phases: dict, name: str = "phases"):
        super().__init__(learning_rate=0.0, name=name)
        self.phases = phases
        self.moved = {}  # phase -> the variables that its optimiser was built for

    @property
    def optimizers(self) -> list:
        """The optimisers, in the order of the phases, as Keras's callbacks look for them."""
        return list(self.phases.values())

    @property
    def variables(self) -> list:
        """The state of all of them."""
        return [variable for optimizer in self.optimizers for variable in optimizer.variables]

    @property
    def iterations(self):
        """The steps of the first phase, which takes one in every step of the model."""
        return self.optimizers[0].iterations

    @property
    def learning_rate(self):
        """That of the first phase; what is assigned becomes that of each."""
        return self.optimizers[0].learning_rate

    @learning_rate.setter
    def learning_rate(self, value):
        for optimizer in self.optimizers:
            optimizer.learning_rate = value

    def build(self, variables: dict) -> None:
        """Makes the state of every optimiser that has none, for the variables of its phase: {phase: [variables]}."""
        self.moved = variables
        for phase, optimizer in self.phases.items():
            if not optimizer.built:
                optimizer.build(variables[phase])
        self.built = True

    def apply(self, grads, trainable_variables=None):
        """Refused with TypeError: a gradient belongs to a phase."""
        raise TypeError(f"each phase has an optimiser of its own: {', '.join(self.phases)}")

    def finalize_variable_values(self, var_list) -> None:
        """Gives the variables their moving averages at the end of `fit`, where a phase's optimiser keeps them."""
        for phase, optimizer in self.phases.items():
            optimizer.finalize_variable_values(self.moved[phase])

    def save_own_variables(self, store) -> None:
        """Nothing: Keras stores the phases' optimisers, which it finds as attributes."""

    def load_own_variables(self, store) -> None:
        """Nothing, as in `save_own_variables`."""

    def get_config(self) -> dict:
        """The configurations of the optimisers, by phase."""
        phases = {phase: keras.saving.serialize_keras_object(each) for phase, each in self.phases.items()}
        return {"name": self.name, "phases": phases}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """The reverse of `get_config`."""
        phases = {
            phase: keras.saving.deserialize_keras_object(each, custom_objects=custom_objects)
            for phase, each in config["phases"].items()
        }
        return cls(phases, config["name"])


def make(names, default, by_phase: dict, *, scaled: bool) -> Phases:
    """The optimisers of phases.

    Args:
        names: of the phases.
        default: what a phase has that `by_phase` does not name: an optimiser or its name, of which each gets a copy;
            None where all must be named.
        by_phase: phase -> an optimiser or its name.
        scaled: whether each scales its loss, as networks in float16 need it.

    Raises:
        TypeError: a phase that there is not. ValueError: one without an optimiser, or something that is none.
    """
    if unknown := [phase for phase in by_phase if phase not in names]:
        raise TypeError(f"compile has no argument {unknown[0]!r}; the phases are {', '.join(names)}")
    if missing := [phase for phase in names if phase not in by_phase and default is None]:
        raise ValueError(
            f"compile needs an optimiser for each phase, and has none for {', '.join(missing)}; optimizer= is for all"
        )
    used, phases = [], {}
    for phase in names:
        optimizer = keras.optimizers.get(by_phase.get(phase, default))
        if phase not in by_phase or any(optimizer is other for other in used):
            optimizer = type(optimizer).from_config(optimizer.get_config())
        used.append(optimizer)
        if scaled and not isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
        phases[phase] = optimizer
    return Phases(phases)
