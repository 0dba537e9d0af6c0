"""How a model is compiled: Keras's `compile` for models that bring their loss and may have several optimisers."""

from typing import ClassVar

import keras
import tensorflow as tf

from tfgen.training import loop
from tfgen.training import phases as several

NO_LOSS = "a model of tfgen brings its own loss"
NO_METRICS = "metrics compare an output with a target, which this model does not have"
REFUSED = {"loss": NO_LOSS, "loss_weights": NO_LOSS, "metrics": NO_METRICS, "weighted_metrics": NO_METRICS}


class Compiling:
    """The part of `tfgen.Model` that is about `compile`.

    Attributes:
        phases: phase of an update -> the attributes of the networks that it moves, of models that have phases.
        settings: the attributes that say how a training goes beside its optimisers, and are stored with them.
        optimizer: the one that Keras knows of; of a model that has phases, a `tfgen.training.phases.Phases`.
    """

    phases: ClassVar[dict] = {}
    settings = ("augment", "clip_norm")
    optimizer = None
    _compile_options: ClassVar[dict] = {}

    @property
    def optimizers(self) -> dict:
        """The optimisers of a model that has phases, by phase; {} of the others, which have `optimizer`."""
        return self.optimizer.phases if isinstance(self.optimizer, several.Phases) else {}

    def compile(
        self,
        optimizer=None,
        loss=None,
        loss_weights=None,
        metrics=None,
        weighted_metrics=None,
        run_eagerly=False,
        steps_per_execution=1,
        jit_compile="auto",
        auto_scale_loss=True,
        **by_phase,
    ) -> None:
        """Keras's `compile`, without losses and metrics, which a model brings itself.

        Args:
            optimizer: an optimiser or its name, of which each phase gets a copy if the model has phases. Keras's
                default, rmsprop, if none is given at all.
            loss, loss_weights, metrics, weighted_metrics: refused.
            run_eagerly, steps_per_execution, auto_scale_loss: Keras's.
            jit_compile: whether XLA compiles the updates; "auto" where that makes them faster.
            by_phase: optimisers of single phases, such as generator=.

        Raises:
            TypeError, ValueError: an argument that is refused, or a phase that is unknown or has no optimiser.
        """
        refused = {"loss": loss, "loss_weights": loss_weights, "metrics": metrics, "weighted_metrics": weighted_metrics}
        for name, value in refused.items():
            if value is not None:
                told = f"; it reports {', '.join(self.tracked)}" if self.tracked else ""
                raise ValueError(f"{self.entry}.compile takes no {name}: {REFUSED[name]}{told}")
        if by_phase and not self.phases:
            raise TypeError(f"{self.entry}.compile has no argument {next(iter(by_phase))!r}")
        optimizer = "rmsprop" if optimizer is None and not by_phase else optimizer
        if self.phases and not isinstance(optimizer, several.Phases):
            scaled = auto_scale_loss and self.dtype_policy.name == "mixed_float16"
            optimizer = several.make(tuple(self.phases), optimizer, by_phase, scaled=scaled)
        steps = {"run_eagerly": run_eagerly, "steps_per_execution": steps_per_execution}
        # Evaluation draws by row seeds, of which XLA would make other floats.
        super().compile(optimizer, jit_compile=False, auto_scale_loss=auto_scale_loss and not self.phases, **steps)
        self._compile_options = steps | {"jit_compile": jit_compile, "auto_scale_loss": auto_scale_loss}
        compiled = loop.uses_xla(self) if jit_compile in ("auto", None) else jit_compile
        update = self.plain_update
        if not run_eagerly and self.distribute_strategy.num_replicas_in_sync == 1:  # replicas meet within an update
            update = tf.function(update, autograph=False, jit_compile=compiled)
        self.compiled_update = update
        self.means.make(self.tracked)

    def get_compile_config(self) -> dict:
        """How the model is compiled, as `.keras` files keep it; {} where it is not."""
        if not self.compiled:
            return {}
        optimizer = keras.saving.serialize_keras_object(self.optimizer)
        settings = {name: getattr(self, name) for name in self.settings}
        return {"optimizer": optimizer, "settings": settings, **self._compile_options}

    def compile_from_config(self, config: dict) -> None:
        """Compiles the model as `get_compile_config` had it, and makes the optimisers' state, to be loaded."""
        config = keras.saving.deserialize_keras_object(config)
        for name, value in config.pop("settings").items():
            setattr(self, name, tuple(value) if isinstance(value, list) else value)
        self.compile(**config)
        self.build_optimizers()

    def variables_of(self, phase: str) -> list:
        """The trainable variables that a phase moves."""
        networks = (getattr(self, name) for name in self.phases[phase])
        return [variable for network in networks for variable in network.trainable_variables]

    def build_optimizers(self) -> None:
        """Makes the state of every optimiser, as its first step would."""
        with self.distribute_strategy.scope():
            if self.optimizers:
                self.optimizer.build({phase: self.variables_of(phase) for phase in self.optimizers})
            elif not self.optimizer.built:
                self.optimizer.build(self.trainable_variables)
