"""Few images: trainings as long as they need, patience, augmentation, trained weights to start from."""

import json
import shutil

import numpy as np
import pytest
import tensorflow as tf

import tfgen
from tfgen.storage import entries, runs
from tfgen.training import augmentation, loop
from zoo import settings

FEW = 60


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    """An .npz of 60 pictures of 16 x 16 pixels: bars of one of two directions."""
    rng = np.random.default_rng(0)
    images = np.zeros((FEW, 16, 16), np.uint8)
    for number, (image, place) in enumerate(zip(images, rng.integers(0, 14, FEW), strict=True)):
        (image if number % 2 else image.T)[place : place + 2] = 255
    path = tmp_path_factory.mktemp("few") / "bars.npz"
    np.savez(path, images=images)
    return path


@pytest.mark.parametrize("entry", tfgen.entries())
@pytest.mark.parametrize("count", [1, 24, 240, 1437, 9000, 55_000, 200_000])
def test_recipe_takes_its_steps_whatever_the_data_and_a_batch_fits_in(entry, count):
    recipe = settings.fit_to_data(settings.of_recipe(entry, {}, {})["recipe"], entry, count)
    steps = settings.steps_of_epoch(recipe, count)
    assert recipe["batch_size"] <= count
    assert steps >= settings.SHORTEST_EPOCH or recipe["epochs"] == 1
    assert abs(steps * recipe["epochs"] - entries.module(entry).STEPS) <= steps / 2 or recipe["epochs"] == 1
    assert (recipe["passes"] == 1) == (count // recipe["batch_size"] >= settings.SHORTEST_EPOCH)


def test_epochs_that_are_given_are_passes():
    recipe = settings.of_recipe("vae", {"epochs": 3}, {})["recipe"]
    recipe = settings.fit_to_data(recipe, "vae", 240)
    assert (recipe["epochs"], recipe["passes"], recipe["batch_size"]) == (3, 1, 200)


def test_epoch_of_several_passes_shows_every_image_so_often():
    order = loop.epoch_order(30, 10, seed=0, epoch=2, passes=4)
    assert order.shape == (12, 10)
    np.testing.assert_array_equal(np.bincount(order.ravel()), np.full(30, 4))
    np.testing.assert_array_equal(loop.epoch_order(30, 10, 0, 2), loop.epoch_order(30, 10, 0, 2, passes=1))
    assert not np.array_equal(order, loop.epoch_order(30, 10, 0, 3, passes=4))


def test_training_stops_when_validation_no_longer_improves(few, command, tmp_path, no_xla, no_figures):
    run = tmp_path / "run"
    options = ("vae", "--dataset", few, "--hidden-units", "64", "--latent-dim", "4", "--epochs", "100")
    options = (*options, "--learning-rate", "0.02", "--batch-size", "6", "--patience", "2", "--run-dir", run)
    code, out, error = command(*options)
    assert code == 0, error
    history = runs.read_history(run)
    values = [row["val_neg_elbo"] for row in history]
    assert len(values) < 100
    assert np.argmin(values) == len(values) - 3
    assert f"stopped after epoch {len(values)}: val_neg_elbo was best in epoch {len(values) - 2}" in out
    assert runs.read_metrics(run)["best_epoch"] == len(values) - 2
    (run / runs.METRICS).unlink()  # as if killed while it was measured
    code, *_ = command("vae", "--resume", "--run-dir", run)
    assert code == 0
    assert len(runs.read_history(run)) == len(values)


def test_patience_without_a_validation_metric_is_refused(few, command, tmp_path):
    entry = next(name for name in tfgen.entries() if entries.module(name).build.monitor is None)
    code, _, error = command(entry, "--dataset", few, "--patience", "3", "--run-dir", tmp_path / "run")
    assert (code, error) == (2, f"error: patience needs a validation metric, and {entry} has none\n")
    assert not (tmp_path / "run").exists()


@pytest.fixture(scope="module")
def ramp():
    """64 images, 32 x 32, whose levels are their columns and rows: every shift is to be seen."""
    rows, columns = np.mgrid[:32, :32]
    image = np.stack([rows, columns, 0 * rows], axis=-1) / 31
    return tf.constant(np.repeat(image[None], 64, 0).astype(np.float32))


def test_flip_mirrors_about_half_of_the_images(ramp):
    flipped = augmentation.augmented(ramp, ("flip",), tf.constant([1, 2])).numpy()
    mirrored = [np.array_equal(image, ramp[0, :, ::-1]) for image in flipped]
    same = [np.array_equal(image, ramp[0]) for image in flipped]
    assert sum(mirrored) + sum(same) == 64
    assert 18 < sum(mirrored) < 46


def test_shift_moves_by_up_to_a_sixteenth_and_repeats_the_edge(ramp):
    shifted = 31 * augmentation.augmented(ramp, ("shift",), tf.constant([1, 2])).numpy()
    moves = np.stack([shifted[:, 10, 10, 0] - 10, shifted[:, 10, 10, 1] - 10]).round().astype(int)
    assert {*moves.ravel()} == {-2, -1, 0, 1, 2}
    assert np.corrcoef(moves)[0, 1] < 0.5  # each side by itself
    for image, (down, right) in zip(shifted, moves.T, strict=True):
        np.testing.assert_allclose(
            image[..., 0], np.clip(np.arange(32) + down, 0, 31)[:, None].repeat(32, 1), atol=1e-4
        )
        np.testing.assert_allclose(image[..., 1], np.clip(np.arange(32) + right, 0, 31)[None].repeat(32, 0), atol=1e-4)


def test_augmentation_follows_the_seed(ramp):
    first, same, other = (augmentation.augmented(ramp, ("flip", "shift"), tf.constant([1, at])) for at in (2, 2, 3))
    np.testing.assert_array_equal(first, same)
    assert not np.array_equal(first, other)


def test_augmentation_that_is_asked_for_is_of_training_images_and_is_recorded(few, command, begun, tmp_path):
    options = ("vae", "--dataset", few, "--hidden-units", "8", "--latent-dim", "2")
    assert command(*options, "--run-dir", tmp_path / "plain")[0] == 9
    assert command(*options, "--augment", "shift", "flip", "--run-dir", tmp_path / "moved")[0] == 9
    assert json.loads((tmp_path / "moved" / runs.CONFIG).read_text())["recipe"]["augment"] == ["flip", "shift"]
    with np.load(few) as file:
        images = tf.constant(file["images"][..., None] / 255, tf.float32)
    plain, moved = (model.prepared(images, tf.constant([1, 2])).numpy() for model in begun)
    np.testing.assert_array_equal(plain, images)  # which are black and white
    assert (plain != moved).any((1, 2, 3)).mean() > 0.5
    code, _, error = command(*options, "--augment", "turn", "--run-dir", tmp_path / "other")
    assert code == 2
    assert "flip" in error.splitlines()[-1]
    assert "turn" in error.splitlines()[-1]


def test_training_starts_from_the_weights_of_a_run(trained_run, command, begun, tmp_path):
    run = tmp_path / "run"
    assert command("vae", "--dataset", "digits", "--init-from", trained_run, "--run-dir", run)[0] == 9
    for ours, theirs in zip(begun[0].get_weights(), tfgen.load(trained_run).get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    config = runs.read_config(run)
    assert config["hyperparameters"] == runs.read_config(trained_run)["hyperparameters"]
    assert config["recipe"]["init_from"] == str(trained_run.resolve())
    assert len(config["recipe"]["init_sha256"]) == 64


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory):
    """A run of an autoencoder with a hidden layer of 32 units."""
    model = entries.build("autoencoder", {"hidden_units": (32,), "latent_dim": 3})
    return model.save_run(tmp_path_factory.mktemp("pretrained") / "run", dataset="digits")


def test_encoder_starts_from_that_of_another_model(pretrained, command, begun, tmp_path):
    run = tmp_path / "run"
    options = ("vae", "--dataset", "digits", "--hidden-units", "32")
    code, output, _ = command(*options, "--init-from", pretrained, "--run-dir", run)
    assert code == 9
    assert f"the encoder starts with 1 layer of {pretrained.resolve()}: 784 x 32 relu; all else is fresh" in output
    assert command(*options, "--run-dir", tmp_path / "fresh")[0] == 9
    started, fresh = (model.encoder.get_weights() + model.decoder.get_weights() for model in begun)
    source = tfgen.load(pretrained).encoder.get_weights()
    for place, (ours, own) in enumerate(zip(started, fresh, strict=True)):
        np.testing.assert_array_equal(ours, source[place] if place < 2 else own)
    config = runs.read_config(run)
    assert config["recipe"]["init_from"] == str(pretrained.resolve())
    assert config["recipe"]["init_layers"] == ["784 x 32 relu"]
    assert len(config["recipe"]["init_sha256"]) == 64
    assert config["hyperparameters"]["latent_dim"] == 25  # its own


@pytest.mark.slow
def test_training_from_another_encoder_resumes_exactly(pretrained, command, no_xla, no_figures, tmp_path):
    options = ("--dataset", "digits", "--hidden-units", "32", "--epochs", "2", "--batch-size", "100")
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    assert command("vae", *options, "--init-from", pretrained, "--run-dir", whole)[0] == 0
    shutil.copytree(whole, stopped)
    (stopped / runs.METRICS).unlink()
    (last,) = (stopped / runs.CHECKPOINTS).glob("*-00002.npz")
    last.unlink()
    code, output, _ = command("vae", "--run-dir", stopped, "--resume", "--init-from", pretrained)
    assert code == 0
    assert "resumed after epoch 1" in output
    assert (stopped / runs.HISTORY).read_bytes() == (whole / runs.HISTORY).read_bytes()
    for ours, theirs in zip(tfgen.load(stopped).get_weights(), tfgen.load(whole).get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_weights_that_do_not_fit_are_refused(few, trained_run, command, tmp_path):
    cases = [
        (("vae", "--init-from", "nowhere"), "'nowhere' is neither an entry"),
        (("gan", "--init-from", trained_run, "--dataset", "digits"), "gan has no encoder, which vae, "),
        (
            ("cvae", "--init-from", trained_run, "--dataset", "digits"),
            "784 x 32 relu, 32 x 4, and that of cvae, 794",
        ),
        (("vae", "--init-from", trained_run, "--dataset", few), "has images of 28 x 28 x 1, bars of 16 x 16 x 1"),
        (("vae", "--init-from", trained_run, "--dataset", "digits", "--latent-dim", "5"), "weights of this vae"),
    ]
    for number, (arguments, words) in enumerate(cases):
        code, _, error = command(*arguments, "--run-dir", tmp_path / str(number))
        assert code == 2
        assert words in error
        assert error.count("\n") == 1
        assert not (tmp_path / str(number)).exists()
