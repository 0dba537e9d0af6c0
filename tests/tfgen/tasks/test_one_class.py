"""One-class detection: what is trained, how it is kept, and how its scores are counted."""

import dataclasses

import numpy as np
import pytest

import tfgen
from tfgen.storage import entries
from tfgen.tasks.common import detection, drawings, one_class, scores
from tfgen.tasks.common.job import Job
from tfgen.training import loop


def small(entry, **options):
    loop.set_initial_seed(0)
    return entries.build(entry, entries.module(entry).SMALL | options)


def of_class(split, label):
    return split.images[split.labels == label]


def test_a_model_of_one_class_finds_the_others_strange(digits, no_xla):
    like = small("vae")
    model = tfgen.tasks.one_class_model(like, of_class(digits.train, 0), steps=150, latent_dim=4)
    assert (model.latent_dim, model.hyperparameters["hidden_units"]) == (4, (32,))
    found = [
        tfgen.tasks.anomaly_score(model, of_class(digits.test, label)[:20], score="relative") for label in (0, 1, 4)
    ]
    assert detection.auroc(found[0], np.concatenate(found[1:])) > 0.9
    untrained = tfgen.tasks.anomaly_score(like, of_class(digits.test, 0)[:20], score="relative")
    assert untrained.mean() > 2 * found[0].mean()


def test_the_same_seed_is_the_same_training(digits, no_xla):
    images = of_class(digits.train, 3)
    like = small("autoencoder")
    first, again, other = (tfgen.tasks.one_class_model(like, images, steps=3, seed=seed) for seed in (1, 1, 2))
    code = [model.encode(images[:3]).numpy() for model in (first, again, other)]
    np.testing.assert_array_equal(code[0], code[1])
    assert np.abs(code[0] - code[2]).max() > 1e-3


@pytest.mark.parametrize("entry", ["gan", "discrete_vae"])
def test_other_models_are_trained_on_one_class(entry, digits, no_xla):
    model = tfgen.tasks.one_class_model(small(entry), of_class(digits.train, 3), steps=2)
    assert model.latent_dim == (30 if entry == "discrete_vae" else one_class.LATENT_DIM)


def test_what_cannot_be_trained_is_refused(digits):
    with pytest.raises(ValueError, match="shown one class alone, and cvae learns from labels; vae does not"):
        tfgen.tasks.one_class_model(small("cvae"), digits.train.images)
    with pytest.raises(ValueError, match="at least 20 images, and there are 5 of one class"):
        tfgen.tasks.one_class_model(small("vae"), digits.train.images[:5])
    with pytest.raises(TypeError, match=r"must be uint8 in 0\.\.255, got dtype float64"):
        tfgen.tasks.one_class_model(small("vae"), digits.train.images / 255)
    with pytest.raises(ValueError, match="discrete_vae has no latent_dim, got 3"):
        tfgen.tasks.one_class_model(small("discrete_vae"), digits.train.images, latent_dim=3)


def test_the_relative_score_divides_by_the_ink_of_the_image(small_vae, digits):
    model, images = small_vae(), digits.test.images[:5]
    found = scores.all_of(model, images, ["reconstruction", "relative"])
    ink = images.reshape(5, -1).sum(1) / 255
    np.testing.assert_allclose(found["relative"], found["reconstruction"] / ink, rtol=1e-5)
    assert np.isfinite(tfgen.tasks.anomaly_score(model, np.zeros_like(images), score="relative")).all()


def test_the_mean_of_classes_has_the_error_of_a_mean():
    by_label = {0: {"auroc": (0.9, 0.03), "aupr": (0.5, 0.0)}, 1: {"auroc": (0.7, 0.04), "aupr": (0.7, 0.0)}}
    mean = one_class._mean(by_label)
    assert mean["auroc"] == (pytest.approx(0.8), pytest.approx(0.05 / 2))
    assert mean["aupr"] == (pytest.approx(0.6), 0)


def test_classes_are_named_or_numbered(digits, small_vae):
    job = Job(small_vae(), lambda: digits)
    assert one_class._chosen(job, ()) == list(range(10))
    assert one_class._chosen(job, ("7", "1", "1")) == [1, 7]
    named = dataclasses.replace(digits, classes=tuple("abcdefghij"))
    assert one_class._chosen(Job(small_vae(), lambda: named), ("c", "a")) == [0, 2]
    with pytest.raises(ValueError, match="got 'x'"):
        one_class._chosen(job, ("x",))


def test_the_number_of_each_class_has_a_mark_a_method():
    lines = {"ours": {"0": 0.9, "1": 0.8}, "PCA": {"0": 0.7, "1": 0.6}}
    (axes,) = drawings.by_class(lines, "AUROC", "title").axes
    assert [mark.get_offsets()[:, 1].tolist() for mark in axes.collections] == [[0.9, 0.8], [0.7, 0.6]]
    assert [text.get_text() for text in axes.get_xticklabels()] == ["0", "1"]
