"""Codes as features: whose code it is, what judges them, and who has none."""

import numpy as np
import pytest

import tfgen
from tfgen.storage import entries
from tfgen.tasks.common import codes, drawings, probes
from tfgen.training import loop


@pytest.fixture(scope="module")
def few(digits):
    return digits.test.images[:4]


def small(entry):
    loop.set_initial_seed(0)
    return entries.build(entry, entries.module(entry).SMALL)


@pytest.mark.parametrize("entry", ["vae", "cvae", "iaf_vae", "aae", "discrete_vae", "autoencoder"])
def test_every_model_with_an_encoder_has_features(entry, few):
    model = small(entry)
    found = tfgen.tasks.features(model, few)
    assert (found.shape, found.dtype) == ((4, model.latent_dim), np.float32)
    assert np.isfinite(found).all()
    np.testing.assert_array_equal(found, tfgen.tasks.features(model, few))
    np.testing.assert_allclose(found[:2], tfgen.tasks.features(model, few[:2]), atol=1e-5)


def test_features_are_the_mean_of_the_posterior_or_its_logits(few):
    model, discrete = small("vae"), small("discrete_vae")
    np.testing.assert_allclose(tfgen.tasks.features(model, few), model.encode(few)[0], atol=1e-6)
    found = tfgen.tasks.features(discrete, few)
    np.testing.assert_allclose(found, discrete.encode(few), atol=1e-6)
    assert len(np.unique(found)) > 2  # not one-hot


def test_a_conditional_model_is_told_a_label_or_finds_the_likeliest(few):
    model = small("cvae")
    told = [tfgen.tasks.features(model, few, label=label) for label in range(10)]
    bounds = [model.elbo(model.pixels.held_out(few), label=label, seed=range(4)).numpy() for label in range(10)]
    guessed = tfgen.tasks.features(model, few)
    assert np.abs(told[0] - told[1]).max() > 1e-4
    nearest = np.argmin([np.abs(guessed - each).max(1) for each in told], 0)
    gaps = np.max(bounds, 0) - np.take_along_axis(np.array(bounds), nearest[None], 0)[0]
    assert (gaps < 20).all()  # the label with the highest bound, but for its noise
    with pytest.raises(TypeError, match="vae is not conditional and takes no label, got 3"):
        tfgen.tasks.features(small("vae"), few, label=3)


@pytest.mark.parametrize("entry", ["dcgan", "gan", "pixelcnn"])
def test_a_model_without_an_encoder_is_refused_with_those_who_have_one(entry, few):
    with pytest.raises(ValueError, match=f"features asks a model for encode, which vae, .* have; {entry} has"):
        tfgen.tasks.features(small(entry), few)


def test_an_untrained_model_is_the_same_of_a_seed_and_another_than_the_trained(small_vae, few):
    model = small_vae()
    fresh = [tfgen.tasks.features(codes.untrained(model, seed), few) for seed in (0, 0, 1)]
    np.testing.assert_array_equal(fresh[0], fresh[1])
    assert np.abs(fresh[0] - fresh[2]).max() > 1e-4
    assert fresh[0].shape == tfgen.tasks.features(model, few).shape


@pytest.fixture
def blobs():
    """Three parts of vectors around three centres, and their classes."""
    random = np.random.default_rng(0)
    labels = [np.arange(60) % 3] * 3
    centres = np.array([[0, 0, 5.0], [5, 0, 0], [0, 5, 0]])
    return [centres[each] + random.normal(size=(60, 3)) for each in labels], labels


def test_classes_that_lie_apart_are_told_apart_by_each_judge(blobs):
    parts, labels = blobs
    assert probes.linear(parts, labels)[0].mean() < 0.05
    assert probes.neighbours(parts, labels)[0].mean() < 0.05
    assert probes.clusters(parts[2], labels[2], 0) > 0.9
    shuffled = [labels[0], labels[1], np.random.default_rng(0).permutation(labels[2])]
    assert probes.linear(parts, shuffled)[0].mean() > 0.4
    assert probes.clusters(parts[2], shuffled[2], 0) < 0.2


def test_settings_are_those_with_the_fewest_errors_on_validation(blobs):
    parts, labels = blobs
    labels = [np.random.default_rng(1).integers(0, 3, 60), labels[1], labels[2]]
    wrong, count = probes.neighbours(parts, labels)
    from sklearn.neighbors import KNeighborsClassifier

    scores = {k: KNeighborsClassifier(k).fit(parts[0], labels[0]).score(parts[1], labels[1]) for k in probes.NEIGHBOURS}
    assert scores[count] == max(scores.values())
    assert wrong.shape == (60,)


def test_vectors_are_scaled_by_one_number_of_the_training_part():
    random = np.random.default_rng(0)
    parts = [5 + random.normal(size=(40, 2)) * [1, 7] for _ in range(3)]
    first, second, _ = probes.scaled(parts)
    np.testing.assert_allclose(first.mean(0), 0, atol=1e-12)
    assert np.mean(first.var(0)) == pytest.approx(1)
    np.testing.assert_allclose(second[1] - second[0], (parts[1][1] - parts[1][0]) / np.sqrt(np.mean(parts[0].var(0))))


def test_maps_have_a_panel_each_and_a_legend_of_up_to_twenty_classes():
    points = np.random.default_rng(0).normal(size=(30, 2))
    for classes in (3, 40):
        names = [f"class {label}" for label in range(classes)]
        figure = drawings.maps({"a": points, "b": points[:, :1]}, np.arange(30) % classes, names, "title")
        assert [axes.get_title() for axes in figure.axes] == ["a", "b"]
        assert bool(figure.legends) is (classes == 3)
