"""Scores of anomalies: against hand-counted pairs, the model's own bound, and models that cannot give them."""

import keras
import numpy as np
import pytest

import tfgen
from tfgen import figures
from tfgen.storage import entries
from tfgen.tasks.common import abilities, detection, detectors, drawings, scores


@pytest.fixture(scope="module")
def few(digits):
    return digits.test.images[:12]


@pytest.fixture(scope="module")
def small():
    """A function that builds a small model of an entry with fresh weights."""

    def build(entry):
        keras.utils.set_random_seed(0)
        return entries.build(entry, entries.module(entry).SMALL)

    return build


def test_auroc_is_the_share_of_pairs_in_the_right_order():
    random = np.random.default_rng(0)
    normal, strange = random.normal(size=30), random.normal(1, 1, 20)
    assert detection.auroc(normal, strange) == pytest.approx(np.mean(strange[:, None] > normal[None]))
    found = detection.measures(normal, strange)
    assert found["auroc"][0] == pytest.approx(detection.auroc(normal, strange))
    assert 0.01 < found["auroc"][1] < 0.15


def test_the_score_elbo_is_minus_the_bound(small_vae, few):
    model = small_vae()
    found = tfgen.tasks.anomaly_score(model, few, score="elbo", seed=3)
    np.testing.assert_allclose(found, -model.elbo(model.pixels.held_out(few), seed=3).numpy(), rtol=1e-5)
    assert (found.shape, found.dtype) == ((12,), np.float64)


def test_regret_is_never_negative_and_grows_with_the_search(small_vae, few):
    model = small_vae()
    seen = model.pixels.held_out(few)
    nothing, short, long = (scores.regret(model, seen, steps=steps) for steps in (0, 3, 12))
    np.testing.assert_allclose(nothing, 0, atol=1e-4)
    assert (short >= 0).all()
    assert long.mean() > short.mean() > 0


def test_what_is_hard_to_compress_has_more_bits(few):
    noise = np.random.default_rng(0).integers(0, 256, few.shape, np.uint8)
    assert (scores.png_bits(noise) > scores.png_bits(few)).all()
    assert (scores.png_bits(noise) > 8 * 28 * 28).all()  # noise cannot be compressed
    assert (scores.png_bits(few > 128) < 28 * 28 + 2000).all()  # a bit a pixel and a header


@pytest.mark.parametrize("entry", entries.entries())
def test_every_model_scores_by_what_it_has(entry, small, few):
    model = small(entry)
    able = abilities.methods(model, tfgen.tasks.module("anomaly").ASKS)
    assert able
    quick = [name for name in able if name not in ("regret", "search")][:1] or able[:1]
    found = tfgen.tasks.anomaly_score(model, few[:3], score=quick[0], k=2)
    assert found.shape == (3,)
    assert np.isfinite(found).all()


def test_the_search_makes_nothing_of_noise(small, few):
    """Under a decoder that can make the other images: its own."""
    model = small("aae")
    own = model.sample(4, seed=0).numpy()
    noise = np.random.default_rng(0).random(own.shape).astype(np.float32)
    found = tfgen.tasks.anomaly_score(model, np.concatenate([own, noise]), score="search")
    assert found[:4].max() < 0.1 * found[4:].min()


def test_a_score_that_a_model_cannot_give_is_refused_with_those_who_can(small_vae, few):
    with pytest.raises(ValueError, match=r"asks a model for discriminate, which dcgan, gan have; vae has decode"):
        tfgen.tasks.anomaly_score(small_vae(), few, score="discriminator")
    with pytest.raises(ValueError, match=r"must be one of regret, .* got 'luck'"):
        tfgen.tasks.anomaly_score(small_vae(), few, score="luck")
    with pytest.raises(ValueError, match="image must have shape"):
        tfgen.tasks.anomaly_score(small_vae(), few[:, :20])


@pytest.mark.parametrize("name", detectors.DETECTORS)
def test_baselines_tell_white_digits_from_black_ones(name, digits):
    normal = digits.train.images[:300].reshape(300, -1) / 255
    inverted = 1 - normal[:20]
    settings = detectors.DETECTORS[name]
    fitted = settings[next(iter(settings))](normal[:250], 0)
    assert detection.auroc(fitted(normal[250:]), fitted(inverted)) > 0.9


def test_a_histogram_a_score(tmp_path):
    random = np.random.default_rng(0)
    panels = {name: (random.normal(size=50), random.normal(3, 1, 50)) for name in "abcd"}
    figure = drawings.histograms(panels, ("normal", "strange"), "title")
    assert [axes.get_title() for axes in figure.axes][:4] == list("abcd")
    figures.save(figure, tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 1000
