"""Every entry with pixels, on colour images, under every likelihood of them."""

from typing import get_args

import numpy as np
import pytest

import tfgen
from tfgen import data
from tfgen.distributions import likelihoods
from tfgen.evaluation import likelihood as evaluation
from tfgen.storage import entries
from tfgen.training import loop

SHAPE = (16, 16, 3)
SLOW = [pytest.mark.slow, pytest.mark.ci]
ENTRIES = [entry for entry in tfgen.entries() if "likelihood" in entries.parameters(entry)]
CASES = [
    pytest.param(entry, name, marks=[] if (entry, name) == (ENTRIES[0], "logistic") else SLOW)
    for entry in ENTRIES
    for name in get_args(likelihoods.Likelihood)
]


@pytest.fixture(scope="module")
def blobs():
    """A data set of colour images: a bright disc of a random colour on black, three classes by its side."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:16, :16]
    label = rng.integers(0, 3, 300)
    disc = ((rows - 8) ** 2 + (columns - 4 * (label[:, None, None] + 1)) ** 2 < 9)[..., None]
    images = (disc * rng.integers(60, 256, (300, 1, 1, 3))).astype(np.uint8)
    return data.from_arrays(images, label, name="blobs")


@pytest.mark.parametrize(("entry", "name"), CASES)
def test_entry_learns_and_is_measured_under_the_likelihood(entry, name, blobs, no_xla):
    loop.set_initial_seed(0)
    options = {"image_shape": SHAPE, "classes": ("left", "middle", "right"), "likelihood": name}
    known = entries.parameters(entry)
    options = {key: value for key, value in options.items() if key in known}
    model = entries.build(entry, entries.module(entry).SMALL | options)
    model.compile_recipe(learning_rate=3e-3, steps=None)
    before = evaluation.report(model, blobs)
    loop.fit(model, blobs.train, epochs=8, batch_size=20, seed=0)
    after = evaluation.report(model, blobs)
    measure = "test_nll" if "test_nll" in after else "test_distortion"
    assert after[measure] < before[measure] - 10
    bits = "test_bits_per_dim" if "test_neg_elbo" in after else "test_nll_bits_per_dim"
    assert (bits in after) == (name == "logistic" and bool({"test_neg_elbo", "test_nll"} & set(after)))

    label = {"label": 1} if model.conditional else {}
    images = model.pixels.held_out(blobs.test.images)[:10]
    abilities = model.signatures()
    asked = {"reconstruct": lambda: model.reconstruct(images, **label), "sample": lambda: model.sample(1, **label)}
    for answer in (asked[ability]().numpy() for ability in asked if ability in abilities):
        assert 0 <= answer.min() <= answer.max() <= 1
    if "elbo" not in (abilities["score"].outputs if "score" in abilities else ()):
        return
    rows = tfgen.row_seeds(3, len(images))
    elbo = model.elbo(images, seed=rows, **label).numpy()
    bound = model.log_likelihood(images, k=40, seed=rows, **label).numpy()
    elbos = [model.elbo(images, seed=seed, **label).numpy() for seed in range(20)]  # one draw of z an image is too few
    assert bound.mean() > np.mean(elbos) - 3 * np.std(np.mean(elbos, 1)) / np.sqrt(len(elbos))
    condition = {"label": np.ones(len(images), np.int64)} if model.conditional else {}
    score = model.signatures(40)["score"].function(model.images(images), rows, **condition)
    np.testing.assert_allclose(score["elbo"], elbo, rtol=1e-4)
    np.testing.assert_allclose(score["log_likelihood"], bound, rtol=1e-4)
    if name == "logistic":
        nll = evaluation.negative_log_likelihood(model, blobs.test, k=5)
        assert nll["nll_bits_per_dim"] == pytest.approx(nll["nll"] / (768 * np.log(2)))
        assert after["test_bits_per_dim"] == pytest.approx(after["test_neg_elbo"] / (768 * np.log(2)), abs=1e-3)
