"""Averages of the weights: what is validated and kept is the average, what goes on training are the weights."""

import keras
import numpy as np
import pytest

from tfgen.storage import entries, runs, weights
from tfgen.training import averages, callbacks, checkpoints, loop

SHARE, BATCH = 0.9, 100
with_phases = pytest.mark.parametrize("entry", ["vae", "aae", "dcgan"])  # one optimiser; three; two and statistics


def small(entry: str):
    """A model small enough for a test, with the same weights each time."""
    keras.utils.set_random_seed(0)
    return entries.build(entry, entries.module(entry).SMALL)


def train(model, digits, run, epochs, checkpoint=None, ema=None, further=()):
    """Trains on as `zoo.train` does, with the run's files."""
    model.train_by(ema=ema)
    model.compile_recipe(learning_rate=1e-3, steps=1000)
    state, shown = checkpoint.state if checkpoint else checkpoints.State(), averages.Averages()
    run.mkdir(exist_ok=True)
    if not checkpoint:
        weights.save(model, run / runs.WEIGHTS)
    watchers = [callbacks.RunWriter(run, state), callbacks.Checkpoints(run, state, 1, 0.0)]
    if ema:
        watchers = [shown, watchers[0], *further, averages.Weights(shown), watchers[1]]
    loop.fit(
        model,
        digits.train,
        validation=digits.validation,
        epochs=epochs,
        batch_size=BATCH,
        callbacks=[*watchers, *(() if ema else further)],
        checkpoint=checkpoint,
    )


@pytest.mark.parametrize("entry", ["vae", "aae", "dcgan"])
def test_an_average_is_kept_by_every_optimiser_or_not_at_all(entry):
    model = small(entry)
    adam = lambda share: keras.optimizers.Adam(use_ema=True, ema_momentum=share)  # noqa: E731
    model.train_by(ema=SHARE)
    model.compile_recipe(learning_rate=1e-3, steps=10)
    assert averages.are_kept(model)
    for optimizer in (adam(0.5), "adam"):  # of another momentum, or of none
        model.compile(optimizer)
        assert not averages.are_kept(model)
    if model.phases:
        model.compile(adam(SHARE), **{next(iter(model.phases)): "adam"})
        assert not averages.are_kept(model)


class Trace(keras.callbacks.Callback):
    """Keeps the weights at the end of every epoch, as this callback's place in the order sees them."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def on_epoch_end(self, epoch, logs=None):
        self.seen.append([variable.numpy() for variable in self.model.trainable_variables])


@pytest.mark.slow
@pytest.mark.ci
@with_phases
def test_the_average_is_shown_and_the_weights_train_on(entry, digits, tmp_path, no_xla, monkeypatch):
    monkeypatch.setattr(loop, "STEPS_PER_BLOCK", 1)
    plain, shown, each = small(entry), Trace(), []

    class Steps(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            each.append([variable.numpy() for variable in self.model.trainable_variables])

    train(plain, digits, tmp_path / "plain", 2, further=[Steps()])
    model = small(entry)
    train(model, digits, tmp_path / "ema", 2, ema=SHARE, further=[shown])
    average = each[0]
    for done, step in enumerate(each):
        average = [SHARE * old + (1 - SHARE) * new for old, new in zip(average, step, strict=True)]
        if (done + 1) % (len(each) // 2) == 0:
            for ours, expected in zip(shown.seen[done * 2 // len(each)], average, strict=True):
                np.testing.assert_allclose(ours, expected, atol=1e-5)
    last = checkpoints.newest(tmp_path / "ema", print)
    before = checkpoints.newest(tmp_path / "plain", print)
    for i, variable in enumerate(plain.weights):
        if variable.trainable:  # a generator's statistics are those of the weights that were saved
            np.testing.assert_array_equal(last.check(model)[f"model/{i}"], before.check(plain)[f"model/{i}"])
    best = small(entry)
    weights.load(best, tmp_path / "ema" / runs.WEIGHTS)
    for ours, expected in zip(best.trainable_variables, shown.seen[last.state.best_epoch - 1], strict=True):
        np.testing.assert_array_equal(ours, expected)


@pytest.mark.slow
@pytest.mark.ci
def test_the_kept_average_is_the_one_that_was_validated(small_vae, digits, tmp_path, no_xla):
    from tfgen.evaluation import likelihood

    train(small_vae(), digits, tmp_path / "ema", 2, ema=SHARE)
    best, history = small_vae(), runs.read_history(tmp_path / "ema")
    weights.load(best, tmp_path / "ema" / runs.WEIGHTS)
    found = likelihood.means(best, best.pixels.held_out(digits.validation.images), digits.validation.labels)
    assert found["neg_elbo"] == pytest.approx(min(row["val_neg_elbo"] for row in history), rel=1e-5)


@pytest.mark.slow
@pytest.mark.ci
def test_the_command_line_trains_by_the_bound_with_averages(command, no_xla, no_figures, tmp_path):
    options = ["--dataset", "digits", "--epochs", "2", "--batch-size", "100", "--hidden-units", "8"]
    options += ["--prior", "flow", "--prior-steps", "2", "--prior-width", "8", "--run-dir", tmp_path / "run"]
    code, output, error = command("vae", *options, "--ema", "0.9", "--importance-samples", "3")
    assert (code, error) == (0, "")
    recipe = runs.read_config(tmp_path / "run")["recipe"]
    assert (recipe["ema"], recipe["importance_samples"]) == (0.9, 3)
    rows, metrics = runs.read_history(tmp_path / "run"), runs.read_metrics(tmp_path / "run")
    assert metrics["best_epoch"] == 1 + int(np.argmin([row["val_neg_bound"] for row in rows]))
    assert not [name for name in metrics if "bound" in name]
    assert "val_neg_bound" in output


@pytest.mark.slow
@pytest.mark.ci
@with_phases
def test_a_resumed_training_has_the_same_averages(entry, digits, tmp_path, no_xla):
    train(small(entry), digits, tmp_path / "whole", 3, ema=SHARE)
    train(small(entry), digits, tmp_path / "parts", 1, ema=SHARE)
    train(small(entry), digits, tmp_path / "parts", 3, checkpoints.newest(tmp_path / "parts", print), SHARE)
    whole, parts = small(entry), small(entry)
    weights.load(whole, tmp_path / "whole" / runs.WEIGHTS)
    weights.load(parts, tmp_path / "parts" / runs.WEIGHTS)
    for ours, theirs in zip(whole.weights, parts.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert runs.read_history(tmp_path / "whole") == runs.read_history(tmp_path / "parts")
