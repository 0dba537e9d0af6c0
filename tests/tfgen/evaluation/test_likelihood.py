"""The likelihood of held-out images against the model's own bounds, whatever the chunks."""

import dataclasses

import numpy as np
import pytest

from tfgen.evaluation import images, likelihood


@pytest.fixture(scope="module")
def few(digits):
    """Thirty test images."""
    return dataclasses.replace(digits.test, images=digits.test.images[:30], labels=digits.test.labels[:30])


def test_likelihood_is_the_mean_bound_whatever_the_chunks(small_vae, few, monkeypatch):
    model = small_vae()
    values = -model.log_likelihood(few.binarised(), k=7, seed=3).numpy().astype(np.float64)
    found = likelihood.negative_log_likelihood(model, few, k=7, seed=3)
    assert found["nll"] == pytest.approx(values.mean(), rel=1e-5)
    assert found["nll_error"] == pytest.approx(values.std(ddof=1) / np.sqrt(30), rel=1e-3)
    assert found["nll_k"] == 7
    monkeypatch.setattr(likelihood, "CHUNK", 8)
    assert likelihood.negative_log_likelihood(model, few, k=7, seed=3)["nll"] == pytest.approx(found["nll"], rel=1e-5)


def test_likelihood_is_tighter_with_more_samples(small_vae, few):
    loose, tight = (likelihood.negative_log_likelihood(small_vae(), few, k=k)["nll"] for k in (1, 100))
    assert tight < loose


def test_loop_is_tracked_to_its_end(small_vae, few):
    seen = []

    def track(loop, name):
        for item in loop:
            seen.append(name)
            yield item

    likelihood.negative_log_likelihood(small_vae(), few, k=2, track=track)
    assert seen == ["log-likelihood, K = 2"]


def test_means_are_taken_over_all_images_whatever_the_chunk(small_vae, digits, monkeypatch):
    model, seen = small_vae(), digits.test.binarised()[:7]
    expected = -model.elbo(seen, seed=4).numpy().mean()
    monkeypatch.setattr(images.chunks, "__defaults__", (3,))
    terms = likelihood.means(model, seen, digits.test.labels[:7], seed=4)
    assert terms["neg_elbo"] == pytest.approx(expected, rel=1e-5)
    assert set(terms) == {"neg_elbo", "rate", "distortion"}


def test_report_is_of_the_test_split_under_the_protocol(small_vae, digits):
    model = small_vae()
    expected = -model.elbo(digits.test.binarised(), seed=0).numpy().mean()
    report = likelihood.report(model, digits)
    assert set(report) == {"test_neg_elbo", "test_rate", "test_distortion"}
    assert report["test_neg_elbo"] == pytest.approx(expected, rel=1e-5)
