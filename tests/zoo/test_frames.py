"""The animation of a training: a frame an epoch, of the same codes."""

import numpy as np
import pytest
from PIL import Image

import tfgen
from tfgen.evaluation import pictures
from tfgen.storage import runs
from zoo import frames


@pytest.fixture
def model(small_vae):
    return small_vae()


def keep(model, run, epochs, shown=None):
    """Has the frames of a training of so many epochs kept, without a training."""
    kept = frames.Frames(run, shown or epochs)
    kept.set_model(model)
    for epoch in range(epochs):
        kept.on_epoch_end(epoch)
    return kept


def test_training_leaves_an_animation_and_no_frames(trained_run):
    with Image.open(trained_run / runs.FIGURES / frames.NAME) as animation:
        assert animation.n_frames == 2
    assert not (trained_run / runs.FRAMES).exists()


def test_last_frame_is_the_picture_of_the_samples(model, digits, tmp_path):
    (tmp_path / runs.FIGURES).mkdir()
    keep(model, tmp_path, 1)
    with np.load(tmp_path / runs.FRAMES / "epoch-00001.npz") as arrays:
        np.testing.assert_allclose(arrays["images"] / 255, pictures.sample_images(model), atol=0.5 / 255)
    assert frames.animate(model, digits, tmp_path, 1) == tmp_path / runs.FIGURES / "training.gif"


def test_long_training_shows_epochs_at_equal_distances(tmp_path):
    shown = sorted(frames.Frames(tmp_path, 1000).shown)
    assert (len(shown), shown[0], shown[-1]) == (frames.LONGEST, 1, 1000)
    assert set(np.diff(shown)) <= {16, 17}
    assert frames.Frames(tmp_path, 7).shown == set(range(1, 8))


def test_frames_that_are_damaged_or_were_rolled_back_are_left_out(model, digits, tmp_path):
    (tmp_path / runs.FIGURES).mkdir()
    keep(model, tmp_path, 5)
    (tmp_path / runs.FRAMES / "epoch-00002.npz").write_bytes(b"half")
    path = frames.animate(model, digits, tmp_path, 4)
    with Image.open(path) as animation:
        assert animation.n_frames == 3
    assert frames.animate(model, digits, tmp_path, 4) is None
    assert path.exists()


def test_frames_do_not_touch_the_training(trained_run, model, tmp_path):
    before = tfgen.load(trained_run).get_weights()
    model = tfgen.load(trained_run)
    keep(model, tmp_path, 2)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
