"""How a model is kept: its configuration, `.keras` files, runs and SavedModels."""

import importlib
import inspect
from pathlib import Path

import numpy as np

from tfgen.models import signatures as model_signatures
from tfgen.networks import common
from tfgen.storage import entries, keras_files, runs, weights

EXPORT = "export"  # the package that writes SavedModels, found by its name


class Saving:
    """The part of `tfgen.Model` that is about keeping it, the way Keras does and as a run.

    Attributes:
        hyperparameters: keyword of the constructor -> value.
    """

    def __new__(cls, *arguments, **options):
        """Notes what the constructor is given, of which `get_config` makes the model again."""
        model = super().__new__(cls, *arguments, **options)
        try:
            bound = inspect.signature(cls.__init__).bind(model, *arguments, **options)
        except TypeError:
            return model  # the constructor says what is wrong
        bound.apply_defaults()
        (_, *names), known = bound.signature.parameters, {}
        for name in names:
            kind = bound.signature.parameters[name].kind
            known |= bound.arguments[name] if kind is inspect.Parameter.VAR_KEYWORD else {name: bound.arguments[name]}
        known = {name: value.item() if isinstance(value, np.generic) else value for name, value in known.items()}
        object.__setattr__(model, "hyperparameters", known)  # before Keras's constructor nothing can be tracked
        return model

    def __init_subclass__(cls, **options):
        """Registers a model for Keras's files: an entry by its name, another class by its module and its own."""
        super().__init_subclass__(**options)
        keras_files.register(cls)

    def get_config(self) -> dict:
        """The constructor's keywords as they were given, or their defaults, and what the networks compute in."""
        return {**self.hyperparameters, "dtype": self.dtype_policy.name, "trainable": self.trainable}

    @classmethod
    def from_config(cls, config: dict, custom_objects=None):
        """A model with fresh weights of what `get_config` returned."""
        arguments = {name: tuple(value) if isinstance(value, list) else value for name, value in config.items()}
        policy, trainable = arguments.pop("dtype", "float32"), arguments.pop("trainable", True)
        with common.precision(policy):
            model = cls(**arguments)
        if not trainable:
            model.trainable = False
        return model

    def build(self, input_shape=None) -> None:
        """Does nothing: the variables are made with the model."""

    def save(self, filepath, overwrite=True, zipped=None, **options) -> None:
        """Keras's `save` of a `.keras` file. Raises ValueError for an HDF5 file, of which Keras cannot load models."""
        if str(filepath).endswith((".h5", ".hdf5")):
            raise ValueError(f"a model of tfgen is kept in a .keras file, got {str(filepath)!r}")
        super().save(filepath, overwrite, zipped, **options)

    def summary(self, line_length=None, positions=None, print_fn=None, **options) -> None:
        """Keras's `summary`, after a line with the number of parameters, without the state of the optimisers."""
        (print_fn or print)(f"{self.entry}: {self.parameter_count():,} parameters")
        with weights.without_optimizers(self):
            super().summary(line_length, positions, print_fn, **options)

    def parameter_count(self) -> int:
        """The number of trainable parameters."""
        return int(sum(np.prod(variable.shape) for variable in self.trainable_variables))

    def save_run(self, directory, *, dataset: str | None = None) -> Path:
        """Writes the model as a run, which `tfgen.load`, the commands and the export take.

        Args:
            directory: the run to make; it must not exist.
            dataset: the data set that the model was trained on, as `--dataset` of `python -m zoo.train` takes it. The
                commands that show a model on images or measure it ask for it where it is not known.

        Returns:
            The path of the run.

        Raises:
            ValueError: the directory exists or cannot be made, or the model is of a class that is not an entry.
        """
        path = Path(directory)
        if self.entry not in entries.known():
            where = f"{type(self).__module__!r}"
            raise ValueError(
                f"{self.entry} is not an entry that is known: register its module, tfgen.register({where})"
            )
        hyperparameters = self.hyperparameters
        if unknown := sorted(set(hyperparameters) - set(entries.parameters(self.entry))):
            raise ValueError(f"the build of {self.entry} has no hyperparameter {unknown[0]}, with which this was made")
        config = runs.configuration_of_fit(
            entry=self.entry,
            module=entries.module_name(self.entry),
            hyperparameters=hyperparameters,
            recipe={"precision": self.dtype_policy.name, "clip_norm": self.clip_norm, "augment": list(self.augment)},
            dataset=dataset,
            classes=self.class_names,
        )
        runs.create(path, config)
        weights.save(self, path / runs.WEIGHTS)
        runs.write_metrics(path, {"parameters": self.parameter_count()})
        return path

    def export(self, filepath, format="tf_saved_model", verbose=None, input_signature=None, **options) -> None:
        """Writes the signatures of `signatures()` as a SavedModel, as a server takes them.

        `python -m export RUN --to DIR` writes them with a model card and golden requests, and proves them.

        Args:
            filepath: the directory to write; it must not exist.
            format: "tf_saved_model"; another one is refused.
            verbose: whether to print the signatures; None does.
            input_signature: refused: a signature has the inputs that the contract gives it.

        Raises:
            TypeError, ValueError: an argument that is refused, a path that exists, or signatures that cannot be served.
        """
        if format != "tf_saved_model":
            raise ValueError(f"format must be 'tf_saved_model', got {format!r}")
        if input_signature is not None or options:
            name = next(iter(options), "input_signature")
            raise TypeError(f"export takes no {name}: the inputs of each signature are those of model.signatures()")
        path = Path(filepath)
        if path.exists() or path.is_symlink():
            raise ValueError(f"{str(path)!r} exists already; name another directory, or remove it")
        table = self._servable()
        _exporter().save(self, table, path)
        if verbose is not False and verbose != 0:
            print(f"{path}: {', '.join(table)}")

    def served(self) -> dict:
        """The signatures as concrete functions: `tf.saved_model.save(model, path, signatures=model.served())`.

        Raises ValueError for signatures that cannot be served.
        """
        return _exporter().concrete(self, self._servable())

    @property
    def serving_default(self):
        """The default signature, which `tf.saved_model.save(model, path)` finds here and writes alone."""
        return _exporter().function(self, model_signatures.DEFAULT, self.signatures()[model_signatures.DEFAULT])

    def _servable(self) -> dict:
        """What `signatures` returns. Raises ValueError where a server cannot run it."""
        table = self.signatures()
        facts = _exporter().describe(self, table, model_signatures.SCORE_SAMPLES)
        if broken := importlib.import_module(f"{EXPORT}.contract").violations(facts):
            raise ValueError(f"the signatures of {self.entry} cannot be served: {'; '.join(broken)}")
        return table


def _exporter():
    return importlib.import_module(f"{EXPORT}.signatures")
