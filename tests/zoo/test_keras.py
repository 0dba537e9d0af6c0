"""Every entry as a user of Keras has it: fitted, stopped early, measured, saved, and loaded in a new process."""

import copy
import pickle
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfgen
from tfgen.evaluation import likelihood
from tfgen.storage import entries

SCRIPT = """
import sys
import tfgen, keras
import numpy as np

given = np.load(sys.argv[2])
model = keras.saving.load_model(sys.argv[1])
found = model.predict([given["x"], given["label"]] if model.conditional else given["x"], verbose=0)
np.testing.assert_allclose(found, given["expected"], atol=1e-6)
images, labels = given["images"], given["labels"]
numbers = model.evaluate(images, labels, verbose=0, return_dict=True)
print(sorted((name, round(value, 4)) for name, value in numbers.items()))
model.fit(images, labels, epochs=1, verbose=0)
"""


FIRST, *OTHERS = tfgen.entries()
SLOW = (pytest.mark.slow, pytest.mark.ci)


@pytest.fixture(scope="module", params=[FIRST, *(pytest.param(name, marks=SLOW) for name in OTHERS)])
def entry(request):
    return request.param


@pytest.fixture(scope="module")
def fitted(entry, digits):
    """A small model of the entry after a fit as users write it, and the history."""
    keras.utils.set_random_seed(0)
    model = entries.build(entry, entries.module(entry).SMALL)
    model.compile(optimizer="adam", jit_compile=False)  # XLA would take longer than these few steps
    history = model.fit(
        digits.train.images[:200],
        digits.train.labels[:200],
        validation_data=(digits.validation.images[:60], digits.validation.labels[:60]),
        callbacks=[keras.callbacks.EarlyStopping(f"val_{model.reported[0]}", mode="min", restore_best_weights=True)],
        epochs=2,
        batch_size=50,
        verbose=0,
    )
    return model, history.history


def asked(model, digits, count: int = 8):
    """What `predict` takes: images, or codes of the prior; with labels where the model takes them."""
    x = digits.test.images[:count]
    if model.answer == "decode":
        x = np.asarray(model.draw_prior(tfgen.row_seeds(0, count)))
    return [x, digits.test.labels[:count]] if model.conditional else x


def test_script_of_a_user_gives_the_same_numbers_in_a_new_process(fitted, digits, tmp_path):
    model, history = fitted
    assert {f"val_{name}" for name in model.reported} <= set(history)
    images, labels = digits.test.images[:50], digits.test.labels[:50]
    numbers = model.evaluate(images, labels, verbose=0, return_dict=True)
    x = asked(model, digits)
    expected = model.predict(x, verbose=0)
    model.save(tmp_path / "model.keras")
    codes, label = x if model.conditional else (x, labels[:8])
    np.savez(tmp_path / "x.npz", x=codes, label=label, expected=expected, images=images, labels=labels)
    script = [sys.executable, "-c", SCRIPT, str(tmp_path / "model.keras"), str(tmp_path / "x.npz")]
    done = subprocess.run(script, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(sorted((name, round(value, 4)) for name, value in numbers.items()))


def test_model_called_is_its_answer(fitted, digits):
    model, _ = fitted
    x = asked(model, digits)
    expected = model.predict(x, verbose=0)
    assert expected.shape == (8, 28, 28, 1)
    np.testing.assert_allclose(model(x), expected, atol=1e-6)
    np.testing.assert_allclose(model.predict(x, batch_size=3, verbose=0), expected, atol=1e-6)
    np.testing.assert_allclose(model.predict_on_batch(x), expected, atol=1e-6)
    codes, condition = (x[0], {"label": x[1]}) if model.conditional else (x, {})
    np.testing.assert_allclose(getattr(model, model.answer)(codes, **condition), expected, atol=1e-6)


def test_evaluate_gives_the_numbers_of_the_evaluation_in_any_batches(fitted, digits):
    model, _ = fitted
    images, labels = digits.test.images[:70], digits.test.labels[:70]
    numbers = model.evaluate(images, labels, verbose=0, return_dict=True)
    held_out = likelihood.means(model, model.pixels.held_out(images), labels)
    for name, value in held_out.items():
        assert numbers[name] == pytest.approx(value, rel=1e-5), name
    ways = {
        "batches": lambda: model.evaluate(images, labels, batch_size=9, verbose=0, return_dict=True),
        "fractions": lambda: model.evaluate(np.float32(images / 255), labels, verbose=0, return_dict=True),
        "data set": lambda: model.evaluate(
            tf.data.Dataset.from_tensor_slices((images, labels)).batch(11), verbose=0, return_dict=True
        ),
        "sequence": lambda: model.evaluate(Batches(images, labels, 13), verbose=0, return_dict=True),
        "generator": lambda: model.evaluate(
            ((images[i : i + 14], labels[i : i + 14]) for i in range(0, 70, 14)), steps=5, verbose=0, return_dict=True
        ),
        "weights": lambda: model.evaluate(
            images, labels, sample_weight=np.ones(70), verbose=0, return_dict=True, batch_size=70
        ),
    }
    for way, call in ways.items():
        found = call()
        assert set(found) == set(numbers), way
        for name, value in numbers.items():
            assert found[name] == pytest.approx(value, rel=1e-5), (way, name)


class Batches(keras.utils.PyDataset):
    def __init__(self, images, labels, size):
        super().__init__()
        self.images, self.labels, self.size = images, labels, size

    def __len__(self):
        return -(-len(self.images) // self.size)

    def __getitem__(self, index):
        rows = slice(index * self.size, (index + 1) * self.size)
        return self.images[rows], self.labels[rows]


def test_copies_are_the_model(fitted, digits):
    model, _ = fitted
    x = asked(model, digits)
    expected = model.predict(x, verbose=0)
    copies = copy.deepcopy(model), pickle.loads(pickle.dumps(model))
    for other in copies:
        assert type(other) is type(model)
        assert other.get_config() == model.get_config()
        np.testing.assert_allclose(other.predict(x, verbose=0), expected, atol=1e-6)
        for ours, theirs in zip(optimizers(model), optimizers(other), strict=True):
            assert int(ours.iterations) == int(theirs.iterations) > 0
            for one, another in zip(ours.variables, theirs.variables, strict=True):
                np.testing.assert_array_equal(one, another)
    fresh = keras.models.clone_model(model)
    assert fresh.get_config() == model.get_config()
    assert {optimizer.iterations.numpy() for optimizer in optimizers(fresh)} == {0}


def optimizers(model):
    return (model.optimizers or {"": model.optimizer}).values()


def test_configuration_makes_the_model_again(entry):
    module = entries.module(entry)
    for variant in ({}, *getattr(module, "VARIANTS", ())):
        model = module.build(**module.SMALL | variant)
        config = model.get_config()
        assert {name: config[name] for name in module.SMALL | variant} == module.SMALL | variant
        other = type(model).from_config(config)
        assert [each.shape for each in other.weights] == [each.shape for each in model.weights]
        assert other.get_config() == config


@pytest.mark.usefixtures("no_xla")
def test_rows_weigh_as_much_as_they_are_given(entry, digits):
    """What a row of weight 0 holds changes nothing, and what the weights are does."""
    module = entries.module(entry)
    images, labels = digits.train.images[:8], digits.train.labels[:8]

    def after(change, weight):
        keras.utils.set_random_seed(0)
        model = module.build(**module.SMALL)
        model.compile(optimizer=keras.optimizers.SGD(1e-4))
        changed = images.copy()
        changed[change] = 255 - changed[change]
        if normalises(model):
            changed = images  # normalisation sees every row
        model.fit(changed, labels, sample_weight=weight, batch_size=8, shuffle=False, verbose=0)
        return model.get_weights()

    weight = np.array([1, 1, 1, 1, 0, 0, 0, 0])
    nothing, without, plain = after([], weight), after([5, 6], weight), after([], None)
    for one, other in zip(nothing, without, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-7)
    assert any(not np.allclose(one, other, atol=1e-7) for one, other in zip(nothing, plain, strict=True))


def normalises(model) -> bool:
    kind = keras.layers.BatchNormalization
    return any(isinstance(layer, kind) for network in model.layers for layer in getattr(network, "layers", ()))


def test_learning_rate_callbacks_reach_every_optimiser(entry, digits):
    module = entries.module(entry)
    model = module.build(**module.SMALL)
    model.compile(optimizer=keras.optimizers.Adam(1e-3), run_eagerly=True)
    callback = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2)
    model.fit(digits.train.images[:4], digits.train.labels[:4], callbacks=[callback], verbose=0)
    assert [float(each.learning_rate) for each in optimizers(model)] == pytest.approx([5e-4] * len(optimizers(model)))
    assert len({id(each) for each in optimizers(model)}) == max(1, len(model.phases))
