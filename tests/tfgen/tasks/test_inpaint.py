"""Inpainting: masks, the Markov chain against a conditional mean in closed form, the search, the nearest neighbours."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from PIL import Image

import tfgen
from tfgen.storage import entries
from tfgen.tasks.common import chain, masks, neighbours, search

tfd = tfp.distributions
SHAPE = (28, 28, 1)
STDDEV = 0.5


@pytest.mark.parametrize(
    ("words", "share", "seen"),
    [
        ("quadrants:1", 0.75, (27, 0)),
        ("quadrants:2", 0.5, (0, 0)),
        ("quadrants:3", 0.25, (0, 27)),
        ("half", 0.5, (0, 5)),
    ],
)
def test_masks_hide_what_they_say(words, share, seen):
    mask = masks.of(words, 3, SHAPE)
    assert (mask.shape, mask.mean()) == ((3, 28, 28), share)
    assert not mask[:, seen[0], seen[1]].any()
    assert mask[:, 27, 27].all()


def test_a_random_mask_hides_other_pixels_of_each_image_and_a_file_white_ones(tmp_path):
    mask = masks.of("random:0.3", 2, SHAPE, seed=1)
    assert mask.mean() == pytest.approx(0.3, abs=0.05)
    assert (mask[0] != mask[1]).any()
    assert (mask == masks.of("random:0.3", 2, SHAPE, seed=1)).all()
    white = np.zeros((28, 28), np.uint8)
    white[:5] = 255
    Image.fromarray(white).save(tmp_path / "mask.png")
    assert (masks.of(str(tmp_path / "mask.png"), 2, SHAPE) == (white > 0)).all()
    with pytest.raises(ValueError, match=r"mask must have shape \[32, 32\] .* got \[28, 28\]"):
        masks.of(str(tmp_path / "mask.png"), 2, (32, 32, 1))


@pytest.mark.parametrize(
    "words", ["quadrants:4", "quadrants", "random:0", "random:1.5", "random:x", "hole", "none.png"]
)
def test_other_masks_are_refused(words):
    with pytest.raises(ValueError, match=r"got|no such file"):
        masks.check(words)


class Linear:
    """Two pixels, each z + N(0, STDDEV^2), z ~ N(0, 1); its encoder is wrong on purpose."""

    latent_dim = 1
    prior = tfd.MultivariateNormalDiag([0.0], [1.0])

    def likelihood(self, latent):
        return tfd.Independent(tfd.Normal(tf.repeat(latent, 2, -1)[:, None, :, None], STDDEV), 3)

    def posterior(self, image):
        return tfd.MultivariateNormalDiag(0.2 * tf.reduce_sum(image, [1, 2, 3])[:, None], [0.9])


def test_the_chain_converges_to_the_conditional_mean_although_the_encoder_is_wrong():
    image = np.ones((500, 1, 2, 1), np.float32)
    missing = np.broadcast_to([[False, True]], (500, 1, 2))
    mean, _, accepted = chain.run(Linear(), image, missing, steps=300)
    assert mean[:, 0, 1, 0].mean() == pytest.approx(1 / (1 + STDDEV**2), abs=0.015)
    assert (mean[:, 0, 0, 0] == 1).all()
    assert 0.2 < accepted < 0.95


@pytest.fixture(scope="module")
def few(digits):
    return digits.test.images[:3]


def test_seen_pixels_stay_and_what_is_hidden_does_not_matter(small_vae, few):
    model, mask = small_vae(), masks.of("quadrants:2", 3, SHAPE)
    images = few / np.float32(255)
    made = tfgen.tasks.inpaint(model, few, mask, steps=6, seed=1)
    assert (made.shape, made.dtype) == ((3, 28, 28, 1), np.float32)
    np.testing.assert_allclose(made[~mask], images[~mask], atol=1e-6)
    other = np.where(mask[..., None], 255 - few, few)
    np.testing.assert_allclose(tfgen.tasks.inpaint(model, other, mask, steps=6, seed=1), made, atol=1e-6)
    assert np.abs(tfgen.tasks.inpaint(model, few, mask, steps=6, seed=2) - made)[mask].max() > 1e-3


def test_the_search_finds_the_hidden_half_of_what_a_decoder_made():
    keras.utils.set_random_seed(0)
    model = entries.build("aae", entries.module("aae").SMALL)
    made = model.decode(np.random.default_rng(0).normal(size=(3, model.latent_dim))).numpy()
    missing = masks.of("quadrants:2", 3, SHAPE)[..., None]
    codes, errors = search.codes(model, np.where(missing, 0, made), ~missing, stddev=0.01)
    blank = model.decode(np.zeros((3, model.latent_dim), np.float32)).numpy()
    hidden = [np.sum(missing * (each - made) ** 2, (1, 2, 3)) for each in (model.decode(codes).numpy(), blank)]
    assert (hidden[0] < 0.1 * hidden[1]).all()
    np.testing.assert_allclose(errors, np.sum(~missing * (model.decode(codes) - made) ** 2, (1, 2, 3)), atol=1e-4)


@pytest.mark.parametrize("method", ["chain", "gibbs", "search"])
def test_a_conditional_model_is_told_the_class(method, few):
    keras.utils.set_random_seed(0)
    model = entries.build("cvae", entries.module("cvae").SMALL)
    mask = masks.of("half", 3, SHAPE)
    one, other = (tfgen.tasks.inpaint(model, few, mask, label=k, method=method, steps=4) for k in (1, [2, 2, 2]))
    assert np.abs(one - other).max() > 1e-3
    with pytest.raises(TypeError, match="cvae needs label="):
        tfgen.tasks.inpaint(model, few, mask)


def test_a_mask_or_method_that_cannot_be_is_refused(small_vae, few):
    model = small_vae()
    with pytest.raises(ValueError, match=r"mask must have shape \[28, 28\] or \[N, 28, 28\], got \[2, 2\]"):
        tfgen.tasks.inpaint(model, few, np.eye(2, dtype=bool))
    with pytest.raises(TypeError, match=r"mask must be bool, .* got dtype float64"):
        tfgen.tasks.inpaint(model, few, np.eye(28))
    with pytest.raises(ValueError, match="some pixels to see and some that are missing"):
        tfgen.tasks.inpaint(model, few, np.ones((28, 28), bool))
    with pytest.raises(ValueError, match="got 'magic'"):
        tfgen.tasks.inpaint(model, few, np.eye(28, dtype=bool), method="magic")


def test_the_nearest_training_image_of_a_training_image_is_itself(digits):
    rows = [5, 17, 400]
    images = digits.train.images[rows] / np.float32(255)
    nearest = neighbours.nearest(digits.train.images, images, ~masks.of("half", 3, SHAPE)[..., None], 2)
    assert nearest[:, 0].tolist() == rows


def test_cross_entropy_is_summed_over_the_missing_pixels_alone():
    module = tfgen.tasks.module("inpaint")
    image, made = np.ones((1, 2, 2, 1)), np.full((1, 2, 2, 1), 0.5)
    found = module._errors(made, image, np.array([[[True, True], [True, False]]]))
    assert found["cross_entropy"][0] == pytest.approx(3 * np.log(2))
    assert found["rmse"][0] == pytest.approx(0.5)
