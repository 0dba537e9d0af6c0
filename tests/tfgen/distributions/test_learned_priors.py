"""Learned priors: their densities are those of their definitions and of their draws, and a seed names its code."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from scipy import stats

from tfgen import graphs, seeds
from tfgen.distributions import learned_priors
from tfgen.distributions.learned_priors.flow import FlowPrior
from tfgen.distributions.learned_priors.mixture import MixturePrior
from tfgen.distributions.learned_priors.vamp import VampPrior


def lively(prior, stddev=0.3):
    """A prior whose parameters are far from their start."""
    generator = np.random.default_rng(0)
    for variable in prior.trainable_variables:
        variable.assign(generator.normal(0, stddev, variable.shape))
    return prior


def drawn(prior, count: int, seed: int = 0):
    """Codes [count, Z] and the row seeds that they are drawn from; in a graph, as models draw them."""
    rows = tf.constant(seeds.row_seeds(seed, count))
    return graphs.graph(lambda rows: prior.draws(rows, posterior))(rows).numpy(), rows


def posterior(image):
    """The posterior of a stand-in for a model: the code is the first two pixels, an eighth of their sum its spread."""
    flat = tf.reshape(image, [-1, 4])
    return tfp.distributions.MultivariateNormalDiag(8 * flat[:, :2] - 4, tf.repeat(0.1 + flat[:, 2:3], 2, axis=1))


PLANE = np.linspace(-12, 12, 401, dtype=np.float32)


def density(prior):
    """The density of a prior on a plane, times the area of a cell, at the points [N, 2]."""
    points = np.stack(np.meshgrid(PLANE, PLANE), -1).reshape(-1, 2)
    log_density = prior.distribution(posterior).log_prob(points).numpy().astype(np.float64)
    return np.exp(log_density) * (PLANE[1] - PLANE[0]) ** 2, points


def test_a_fresh_flow_is_nearly_the_standard_normal():
    keras.utils.set_random_seed(0)
    codes, rows = drawn(FlowPrior(5, 10, 32), 20)
    np.testing.assert_allclose(codes, seeds.normal_rows([5], rows), atol=0.1)  # ten reversals: none


MODEL = SimpleNamespace(latent_dim=2, image_shape=(2, 2, 1), conditional=False, told_flow=False, class_names=())
SMALL = {"steps": 4, "width": 16, "components": 5}
SPREAD = {"mixture": 1.0, "vamp": 1.0}  # of the parameters of a prior in these tests; 0.3 of the others


@pytest.fixture(scope="module", params=learned_priors.LEARNED)
def prior(request):
    """Each learned prior over codes of two dimensions, its parameters far from their start."""
    keras.utils.set_random_seed(0)
    return lively(learned_priors.make(request.param, MODEL, **SMALL), SPREAD.get(request.param, 0.3))


def test_the_density_of_a_prior_is_that_of_its_draws(prior):
    """By quadrature on a plane: it integrates to one, and to the shares of draws left of and below their medians."""
    mass, points = density(prior)
    assert mass.sum() == pytest.approx(1, abs=5e-3)
    codes, _ = drawn(prior, 1000)
    for axis in (0, 1):
        share = mass[points[:, axis] < np.median(codes[:, axis])].sum()
        assert share == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt(1000))
    np.testing.assert_allclose(mass @ points, codes.mean(0), atol=4 * codes.std(0).max() / np.sqrt(1000))


def test_a_row_has_the_same_code_bit_for_bit_whatever_it_is_drawn_beside(prior):
    draw = graphs.graph(lambda rows: prior.draws(rows, posterior))
    rows = seeds.row_seeds(3, 40)
    together = draw(tf.constant(rows)).numpy()
    assert len(np.unique(together, axis=0)) == 40
    for count in (1, 2, 8, 17):
        np.testing.assert_array_equal(draw(tf.constant(rows[7 : 7 + count])), together[7 : 7 + count])
    assert draw(tf.constant(rows[:0])).shape == (0, 2)


def test_a_fresh_mixture_has_the_moments_of_the_standard_normal():
    keras.utils.set_random_seed(0)
    prior = MixturePrior(3, 1000).distribution()
    np.testing.assert_allclose(prior.mean(), np.zeros(3), atol=0.1)
    np.testing.assert_allclose(prior.variance(), np.ones(3), atol=0.1)


def test_a_mixture_is_the_weighted_sum_of_its_normals():
    prior = lively(MixturePrior(2, 3), 1.0)
    point = np.array([0.3, -0.7])
    weights = np.exp(prior.logits.numpy()) / np.exp(prior.logits.numpy()).sum()
    stddevs = np.log1p(np.exp(prior.raw_stddevs.numpy())) + 1e-5
    normals = stats.norm.pdf(point, prior.means.numpy(), stddevs).prod(1)
    np.testing.assert_allclose(prior.distribution().prob(point.astype(np.float32)), weights @ normals, rtol=1e-4)


def test_the_vamp_prior_is_the_average_of_its_pseudo_inputs_posteriors():
    prior = lively(VampPrior(2, 4, (2, 2, 1), 0), 1.0)
    image, _ = prior.pseudo_inputs()
    points = np.random.default_rng(0).normal(size=[5, 2]).astype(np.float32)
    each = [posterior(image[k : k + 1]).prob(points) for k in range(4)]
    np.testing.assert_allclose(prior.distribution(posterior).prob(points), np.mean(each, 0), rtol=1e-4)


def test_pseudo_inputs_of_a_conditional_model_have_each_class_in_turn():
    _, condition = VampPrior(2, 5, (2, 2, 1), 3).pseudo_inputs()
    np.testing.assert_array_equal(condition["label"], [0, 1, 2, 0, 1])
