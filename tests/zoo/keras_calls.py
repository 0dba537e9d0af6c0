"""A call for every public method and argument of `keras.Model`, each with a check that the argument has its effect.

CALLS       method -> argument ("" for the method itself) -> a function of a `Case`, which asserts what it must
NO_USE      methods that users have no use for on any model of tfgen -> why
"""

import dataclasses
import json
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

import tfgen


@dataclasses.dataclass
class Case:
    """A small compiled model, images, labels, what it predicts from, and an empty folder."""

    model: keras.Model
    images: np.ndarray
    labels: np.ndarray
    folder: Path

    @property
    def x(self):
        x = self.images
        if self.model.answer == "decode":
            x = np.asarray(self.model.draw_prior(tfgen.row_seeds(0, len(self.images))))
        return [x, self.labels] if self.model.conditional else x

    @property
    def target(self):
        """What a model is fitted to: labels, or the images once more."""
        return self.labels if self.model.conditional else self.images

    def fit(self, **options):
        return self.model.fit(self.images, self.labels, **{"batch_size": 4, "verbose": 0} | options)

    def evaluate(self, **options):
        return self.model.evaluate(self.images, self.labels, **{"verbose": 0, "return_dict": True} | options)

    def predict(self, **options):
        return self.model.predict(self.x, **{"verbose": 0} | options)

    def compile(self, **options):
        self.model.compile(**{"optimizer": "adam", "run_eagerly": True} | options)
        return self.fit()

    @property
    def optimizers(self):
        return list((self.model.optimizers or {"": self.model.optimizer}).values())

    @property
    def watched(self):
        return f"val_{self.model.reported[0]}"

    def moved(self, act) -> bool:
        before = self.model.get_weights()
        act()
        return any((one != other).any() for one, other in zip(before, self.model.get_weights(), strict=True))

    @property
    def total(self):
        return sum(float(np.abs(value).sum()) for value in self.model.get_weights())


class Steps(keras.callbacks.Callback):
    """Counts what Keras calls."""

    def __init__(self):
        super().__init__()
        self.epochs, self.train, self.test, self.predict = [], 0, 0, 0

    def on_epoch_begin(self, epoch, logs=None):
        self.epochs.append(epoch)

    def on_train_batch_begin(self, batch, logs=None):
        self.train += 1

    def on_test_batch_begin(self, batch, logs=None):
        self.test += 1

    def on_predict_batch_begin(self, batch, logs=None):
        self.predict += 1


def counted(call, **options) -> Steps:
    steps = Steps()
    call(callbacks=[steps], **options)
    return steps


def data(case):
    return tf.data.Dataset.from_tensor_slices((case.images, case.labels)).batch(4)


def check(truth):
    assert truth


def weighed(case, call):
    """Whether weights of 2 double the numbers."""
    plain, double = call(None), call(np.full(len(case.images), 2.0))
    for name in case.model.reported:
        np.testing.assert_allclose(double[name], 2 * plain[name], rtol=1e-5)


def no_step(case, **options):
    """Whether rows that all weigh nothing leave a model alone under plain gradient descent."""
    case.model.compile(optimizer=keras.optimizers.SGD(1e-3), run_eagerly=True)
    before = [variable.numpy() for variable in case.model.trainable_variables]
    case.fit(**options)
    for one, other in zip(before, case.model.trainable_variables, strict=True):
        np.testing.assert_array_equal(one, other)


def round_trip(case, path):
    loaded = keras.saving.load_model(path)
    np.testing.assert_allclose(loaded.predict(case.x, verbose=0), case.predict(), atol=1e-6)


def weights_round_trip(case, **options):
    path, before = case.folder / "kept.weights.h5", case.model.get_weights()
    case.model.save_weights(path)
    case.model.set_weights([value + 1 for value in before])
    case.model.load_weights(path, **options)
    for one, other in zip(before, case.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def shown(case, **options) -> str:
    lines = []
    case.model.summary(print_fn=lines.append, **options)
    return "\n".join(lines)


def exported(case, **options):
    path = case.folder / "exported"
    case.model.export(path, **{"verbose": False} | options)
    served = tf.saved_model.load(path).signatures
    assert set(case.model.signatures()) == set(served)


def quantised(case, *arguments, **options):
    """Whether a model answers about the same with its dense layers in 8 bits."""
    before = case.predict()
    case.model.quantize(*arguments, **options)
    np.testing.assert_allclose(case.predict(), before, atol=0.2)


def frozen(case):
    """The trainable variables of a layer that summary shows."""
    case.model.layers[0].trainable = False
    text = shown(case, show_trainable=True)
    case.model.layers[0].trainable = True
    assert "N" in text.split("Trainable")[1]


FIT = {
    "": lambda case: check(case.moved(case.fit)),
    "x": lambda case: check(case.moved(lambda: case.model.fit(data(case), verbose=0))),
    "y": lambda case: case.model.fit(case.images, case.target, verbose=0),
    "batch_size": lambda case: check(counted(case.fit, batch_size=2).train == 4),
    "epochs": lambda case: check(counted(case.fit, epochs=2).epochs == [0, 1]),
    "verbose": lambda case: case.fit(verbose=2),
    "callbacks": lambda case: check(counted(case.fit).train == 2),
    "validation_split": lambda case: check(case.watched in case.fit(validation_split=0.5).history),
    "validation_data": lambda case: check(case.watched in case.fit(validation_data=(case.images, case.labels)).history),
    "shuffle": lambda case: case.fit(shuffle=False),
    "class_weight": lambda case: no_step(case, class_weight=dict.fromkeys(range(10), 0.0)),
    "sample_weight": lambda case: no_step(case, sample_weight=np.zeros(len(case.images))),
    "initial_epoch": lambda case: check(counted(case.fit, epochs=2, initial_epoch=1).epochs == [1]),
    "steps_per_epoch": lambda case: check(counted(case.fit, steps_per_epoch=1).train == 1),
    "validation_steps": lambda case: check(
        counted(case.fit, validation_data=(case.images, case.labels), validation_steps=1).test == 1
    ),
    "validation_batch_size": lambda case: check(
        counted(case.fit, validation_data=(case.images, case.labels), validation_batch_size=2).test == 4
    ),
    "validation_freq": lambda case: check(
        counted(case.fit, validation_data=(case.images, case.labels), validation_freq=2, epochs=2).test == 2
    ),
}
EVALUATE = {
    "": lambda case: check(set(case.evaluate()) == set(case.model.reported)),
    "x": lambda case: check(case.model.evaluate(data(case), verbose=0, return_dict=True)),
    "y": lambda case: case.evaluate(),
    "batch_size": lambda case: check(counted(case.evaluate, batch_size=2).test == 4),
    "verbose": lambda case: case.evaluate(verbose=2),
    "sample_weight": lambda case: weighed(case, lambda weight: case.evaluate(sample_weight=weight)),
    "steps": lambda case: check(counted(case.evaluate, batch_size=2, steps=1).test == 1),
    "callbacks": lambda case: check(counted(case.evaluate).test == 1),
    "return_dict": lambda case: check(isinstance(case.evaluate(return_dict=False), list)),
}
PREDICT = {
    "": lambda case: check(case.predict().shape == case.images.shape),
    "x": lambda case: np.testing.assert_allclose(case.predict(), case.model(case.x), atol=1e-6),
    "batch_size": lambda case: check(counted(case.predict, batch_size=2).predict == 4),
    "verbose": lambda case: case.predict(verbose=1),
    "steps": lambda case: check(len(case.predict(batch_size=2, steps=1)) == 2),
    "callbacks": lambda case: check(counted(case.predict).predict == 1),
}
COMPILE = {
    "": lambda case: case.compile(),
    "optimizer": lambda case: check(
        case.compile(optimizer="sgd") and all(type(each) is keras.optimizers.SGD for each in case.optimizers)
    ),
    "loss": lambda case: case.compile(loss="mse"),
    "loss_weights": lambda case: case.compile(loss_weights=[1.0]),
    "metrics": lambda case: case.compile(metrics=["mse"]),
    "weighted_metrics": lambda case: case.compile(weighted_metrics=["mse"]),
    "run_eagerly": lambda case: check(case.compile() and not hasattr(case.model.compiled_update, "python_function")),
    "steps_per_execution": lambda case: (
        case.model.compile("adam", steps_per_execution=2),
        check(counted(case.fit).train == 1),
    ),
    "jit_compile": lambda case: check(case.moved(lambda: (case.model.compile("adam", jit_compile=False), case.fit()))),
    "auto_scale_loss": lambda case: case.compile(auto_scale_loss=False),
}
BATCH = {
    "train_on_batch": {
        "": lambda case: check(case.moved(lambda: case.model.train_on_batch(case.images, case.labels))),
        "x": lambda case: check(case.moved(lambda: case.model.train_on_batch(case.images, case.labels))),
        "y": lambda case: case.model.train_on_batch(case.images, case.target),
        "sample_weight": lambda case: case.model.train_on_batch(
            case.images, case.labels, sample_weight=np.zeros(len(case.images))
        ),
        "class_weight": lambda case: case.model.train_on_batch(case.images, case.labels, class_weight={1: 2.0}),
        "return_dict": lambda case: check(
            set(case.model.train_on_batch(case.images, case.labels, return_dict=True)) == set(case.model.tracked)
        ),
    },
    "test_on_batch": {
        "": lambda case: case.model.test_on_batch(case.images, case.labels),
        "x": lambda case: case.model.test_on_batch(case.images, case.labels),
        "y": lambda case: case.model.test_on_batch(case.images, case.labels),
        "sample_weight": lambda case: weighed(
            case,
            lambda weight: case.model.test_on_batch(case.images, case.labels, sample_weight=weight, return_dict=True),
        ),
        "return_dict": lambda case: check(
            set(case.model.test_on_batch(case.images, case.labels, return_dict=True)) == set(case.model.reported)
        ),
    },
    "predict_on_batch": {
        "": lambda case: np.testing.assert_allclose(case.model.predict_on_batch(case.x), case.predict(), atol=1e-6),
        "x": lambda case: np.testing.assert_allclose(case.model.predict_on_batch(case.x), case.predict(), atol=1e-6),
    },
}
KEEPING = {
    "save": {
        "": lambda case: (
            case.model.save(case.folder / "a.keras"),
            round_trip(case, case.folder / "a.keras"),
        ),
        "filepath": lambda case: case.model.save(case.folder / "b.keras"),
        "overwrite": lambda case: case.model.save(case.folder / "b.keras", overwrite=True),
        "zipped": lambda case: case.model.save(case.folder / "c.keras", zipped=True),
    },
    "save_weights": {
        "": weights_round_trip,
        "filepath": weights_round_trip,
        "overwrite": lambda case: case.model.save_weights(case.folder / "w.weights.h5", overwrite=True),
        "max_shard_size": lambda case: case.model.save_weights(case.folder / "s.weights.json", max_shard_size=1.0),
    },
    "load_weights": {
        "": weights_round_trip,
        "filepath": weights_round_trip,
        "skip_mismatch": lambda case: weights_round_trip(case, skip_mismatch=True),
    },
    "export": {
        "": exported,
        "filepath": exported,
        "format": lambda case: exported(case, format="onnx"),
        "verbose": lambda case: exported(case, verbose=True),
        "input_signature": lambda case: exported(case, input_signature=[keras.InputSpec(shape=(None, 28, 28, 1))]),
    },
    "get_config": {"": lambda case: check(case.model.get_config().items() >= case.model.hyperparameters.items())},
    "from_config": {
        "": lambda case: check(
            type(case.model).from_config(case.model.get_config()).get_config() == case.model.get_config()
        ),
        "config": lambda case: type(case.model).from_config(case.model.get_config()),
        "custom_objects": lambda case: type(case.model).from_config(case.model.get_config(), custom_objects={}),
    },
    "to_json": {
        "": lambda case: check(json.loads(case.model.to_json())["config"].keys() >= case.model.hyperparameters.keys())
    },
    "get_compile_config": {"": lambda case: check("optimizer" in case.model.get_compile_config())},
    "compile_from_config": {
        "": lambda case: case.model.compile_from_config(case.model.get_compile_config()),
        "config": lambda case: case.model.compile_from_config(case.model.get_compile_config()),
    },
    "get_build_config": {"": lambda case: case.model.get_build_config()},
    "build_from_config": {
        "": lambda case: case.model.build_from_config({}),
        "config": lambda case: case.model.build_from_config({}),
    },
    "build": {
        "": lambda case: case.model.build(),
        "input_shape": lambda case: case.model.build((None, *case.model.image_shape)),
    },
    "quantize": {
        "": lambda case: quantised(case, "int8"),
        "mode": lambda case: quantised(case, "int8"),
        "config": lambda case: quantised(case, config=keras.quantizers.Int8QuantizationConfig()),
        "filters": lambda case: quantised(case, "int8", filters=lambda layer: False),
    },
    "get_weights": {"": lambda case: check(len(case.model.get_weights()) == len(case.model.weights))},
    "set_weights": {
        "": lambda case: check(
            case.moved(lambda: case.model.set_weights([value + 1 for value in case.model.get_weights()]))
        ),
        "weights": lambda case: case.model.set_weights(case.model.get_weights()),
    },
    "get_state_tree": {
        "": lambda case: check("optimizer_variables" in case.model.get_state_tree()),
        "value_format": lambda case: check(case.model.get_state_tree("numpy_array")),
    },
    "set_state_tree": {
        "": lambda case: case.model.set_state_tree(case.model.get_state_tree()),
        "state_tree": lambda case: case.model.set_state_tree(case.model.get_state_tree()),
    },
}
LOOKING = {
    "call": {"": lambda case: check(case.model(case.x).shape == case.images.shape)},
    "summary": {
        "": lambda case: check(shown(case).startswith(f"{case.model.entry}: {case.model.parameter_count():,} ")),
        "line_length": lambda case: check(max(map(len, shown(case, line_length=60).splitlines())) == 60),
        "positions": lambda case: shown(case, positions=[0.3, 0.6, 1.0]),
        "print_fn": lambda case: check(shown(case)),
        "expand_nested": lambda case: check(len(shown(case, expand_nested=True)) > len(shown(case))),
        "show_trainable": frozen,
        "layer_range": lambda case: check(
            len(shown(case, layer_range=[case.model.layers[0].name] * 2)) < len(shown(case))
        ),
    },
    "count_params": {"": lambda case: check(case.model.count_params() >= case.model.parameter_count())},
    "get_layer": {
        "": lambda case: check(case.model.get_layer(index=0) is case.model.layers[0]),
        "name": lambda case: check(case.model.get_layer(case.model.layers[0].name) is case.model.layers[0]),
        "index": lambda case: check(case.model.get_layer(index=1) is case.model.layers[1]),
    },
    "compute_output_shape": {
        "": lambda case: check(output_shape(case) == (None, *case.model.image_shape)),
    },
    "compute_output_spec": {"": lambda case: check(output_spec(case).shape == (None, *case.model.image_shape))},
    "symbolic_call": {"": lambda case: check(output_spec(case, case.model.symbolic_call).shape[1:])},
    "stateless_call": {
        name: lambda case: np.testing.assert_allclose(
            case.model.stateless_call(case.model.trainable_variables, case.model.non_trainable_variables, case.x)[0],
            case.predict(),
            atol=1e-6,
        )
        for name in ("", "trainable_variables", "non_trainable_variables")
    }
    | {
        "return_losses": lambda case: check(
            len(
                case.model.stateless_call(
                    case.model.trainable_variables, case.model.non_trainable_variables, case.x, return_losses=True
                )
            )
            == 3
        )
    },
    "add_loss": {name: lambda case: case.model.add_loss(1.0) for name in ("", "loss")},
    "add_metric": {"": lambda case: case.model.add_metric("mse")},
    "compute_mask": {
        name: lambda case: check(case.model.compute_mask(case.images, None) is None)
        for name in ("", "inputs", "previous_mask")
    },
    "compiled_loss": {
        name: lambda case: case.model.compiled_loss(case.images, case.images)
        for name in ("", "y", "y_pred", "sample_weight", "regularization_losses")
    },
    "reset_metrics": {"": lambda case: case.model.reset_metrics()},
    "get_metrics_result": {"": lambda case: (case.fit(), check(case.model.get_metrics_result()))},
    "compute_loss": {
        name: lambda case: case.model.compute_loss(case.images, case.labels, case.images)
        for name in ("", "x", "y", "y_pred", "sample_weight", "training")
    },
    "compute_metrics": {
        name: lambda case: case.model.compute_metrics(case.images, case.labels, case.images)
        for name in ("", "x", "y", "y_pred", "sample_weight")
    },
}


def symbolic(case):
    shape = (case.model.latent_dim,) if case.model.answer == "decode" else case.model.image_shape
    x = keras.Input(shape)
    return [x, keras.Input((), dtype="int64")] if case.model.conditional else x


def output_spec(case, call=None):
    return (call or case.model.compute_output_spec)(symbolic(case))


def output_shape(case):
    shapes = [tuple(each.shape) for each in tf.nest.flatten(symbolic(case))]
    return case.model.compute_output_shape(shapes if len(shapes) > 1 else shapes[0])


CALLS = {"fit": FIT, "evaluate": EVALUATE, "predict": PREDICT, "compile": COMPILE, **BATCH, **KEEPING, **LOOKING}
HOOK = "Keras or a subclass calls it"
NO_USE = {
    **dict.fromkeys(("train_step", "test_step", "predict_step"), HOOK),
    **dict.fromkeys(("make_train_function", "make_test_function", "make_predict_function"), HOOK),
    **dict.fromkeys(("quantized_build", "quantized_call", "rematerialized_call", "stateless_compute_loss"), HOOK),
    **dict.fromkeys(("add_weight", "add_variable", "get_quantization_layer_structure", "loss"), HOOK),
    **dict.fromkeys(("save_own_variables", "load_own_variables", "save_assets", "load_assets"), HOOK),
}
