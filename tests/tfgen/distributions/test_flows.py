"""The flows against brute force: a log-density that is the numerical one, and an inverse that undoes it."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from tfgen.distributions import flows, priors
from tfgen.networks.coupling import coupling
from tfgen.networks.masked import made

DIM, CONTEXT = 5, 3


def randomised(network, stddev=0.7):
    """A network whose weights are all far from their start, so that no entry is small by chance."""
    generator = np.random.default_rng(0)
    for variable in network.trainable_variables:
        variable.assign(generator.normal(0, stddev, variable.shape))
    return network


@pytest.fixture(scope="module")
def steps():
    keras.utils.set_random_seed(0)
    return [randomised(made(DIM, 16, 2, CONTEXT), 0.3) for _ in range(3)]


@pytest.fixture(scope="module")
def parameters():
    generator = np.random.default_rng(1)
    mean, context = generator.normal(size=(1, DIM)), generator.normal(size=(1, CONTEXT))
    stddev = generator.uniform(0.5, 2, size=(1, DIM))
    return [tf.constant(value, tf.float32) for value in (mean, stddev, context)]


def jacobian(function, point):
    """d function / d point [DIM, DIM] of a map of vectors."""
    with tf.GradientTape() as tape:
        tape.watch(point)
        value = function(point[None])[0]
    return tape.jacobian(value, point).numpy()


def test_log_density_agrees_with_the_numerical_log_determinant(steps, parameters):
    flow = flows.inverse_autoregressive_flow(*parameters[:2], steps, parameters[2])
    noise = tf.random.stateless_normal([DIM], [1, 2])
    posterior = tfp.distributions.TransformedDistribution(priors.standard_normal(DIM), flow)
    latent = posterior.bijector.forward(noise[None])
    _, log_determinant = np.linalg.slogdet(jacobian(lambda eps: flow.forward(eps), noise))
    expected = -0.5 * np.sum(noise.numpy() ** 2 + np.log(2 * np.pi)) - log_determinant
    np.testing.assert_allclose(posterior.log_prob(latent)[0], expected, rtol=1e-4)


def test_inverse_undoes_forward(steps, parameters):
    noise = tf.random.stateless_normal([4, DIM], [3, 4])
    latent = flows.inverse_autoregressive_flow(*parameters[:2], steps, parameters[2]).forward(noise)
    fresh = flows.inverse_autoregressive_flow(*parameters[:2], steps, parameters[2])  # with nothing remembered
    np.testing.assert_allclose(fresh.inverse(latent), noise, atol=1e-3)


def test_density_of_the_own_sample_costs_one_pass_a_step(steps, parameters, monkeypatch):
    passes = []
    compute = flows.GatedStep._compute
    monkeypatch.setattr(flows.GatedStep, "_compute", lambda self, z: passes.append(1) or compute(self, z))
    flow = flows.inverse_autoregressive_flow(*parameters[:2], steps, parameters[2])
    posterior = tfp.distributions.TransformedDistribution(priors.standard_normal(DIM), flow)
    latent = posterior.bijector.forward(tf.zeros([2, 1, DIM]))
    posterior.log_prob(latent)
    assert len(passes) == len(steps)


def test_a_fresh_step_nearly_keeps_its_input():
    keras.utils.set_random_seed(0)
    step = flows.GatedStep(made(DIM, 16, 2, CONTEXT), tf.ones([1, CONTEXT]))
    latent = tf.random.stateless_normal([100, DIM], [5, 6])
    gate, _ = step._compute(latent)
    assert gate.numpy().min() > 0.8
    assert np.corrcoef(step.forward(latent).numpy().ravel(), latent.numpy().ravel())[0, 1] > 0.99


@pytest.mark.parametrize("raw", [-1e6, 1e6])
def test_an_extreme_gate_keeps_the_density_finite(raw):
    def network(inputs):
        return tf.concat([tf.zeros_like(inputs[0]), tf.fill(tf.shape(inputs[0]), raw)], -1)

    step = flows.GatedStep(network, tf.ones([1, CONTEXT]))
    latent = tf.ones([2, DIM])
    assert np.isfinite(step.forward(latent)).all()
    assert np.isfinite(step.forward_log_det_jacobian(latent, event_ndims=1)).all()


@pytest.fixture(scope="module", params=[(2, 0), (5, 0), (6, 0), (5, 3)], ids=["2", "5", "6", "5, told the class"])
def couplings(request):
    """Dimensions and lively flow of four coupling steps: two dimensions, an odd and an even number, and one of classes.

    The flow is a function of as many rows as there are codes, of which each has another class.
    """
    keras.utils.set_random_seed(0)
    dim, classes = request.param
    networks = [randomised(coupling(dim // 2, dim - dim // 2, 16, classes), 0.4) for _ in range(4)]
    context = (lambda rows: tf.one_hot(tf.range(rows) % classes, classes)) if classes else lambda rows: None
    return dim, networks, lambda rows=1: flows.RealNVP(networks, context(rows))


def test_real_nvp_has_the_log_determinant_of_its_numerical_jacobian(couplings):
    dim, _, flow = couplings
    noise = tf.random.stateless_normal([dim], [1, 2])
    latent = flow().forward(noise[None])
    numerical = jacobian(lambda eps: flow(len(eps)).forward(eps), noise)
    _, expected = np.linalg.slogdet(numerical)
    assert (np.abs(numerical - np.eye(dim)).max(0) > 1e-2).all(), "a coordinate is never moved"
    fresh = flow()
    np.testing.assert_allclose(fresh.forward_log_det_jacobian(noise[None], event_ndims=1)[0], expected, atol=1e-5)
    np.testing.assert_allclose(fresh.inverse_log_det_jacobian(latent, event_ndims=1)[0], -expected, atol=1e-5)
    density = tfp.distributions.TransformedDistribution(priors.standard_normal(dim), fresh).log_prob(latent)
    np.testing.assert_allclose(density, priors.standard_normal(dim).log_prob(noise) - expected, atol=1e-4)


def test_real_nvp_is_undone_by_its_inverse(couplings):
    dim, _, flow = couplings
    noise = tf.random.stateless_normal([3, 4, dim], [3, 4])
    latent = flow(4).forward(noise)
    assert np.abs(latent - noise).max() > 0.5
    np.testing.assert_allclose(flow(4).inverse(latent), noise, atol=1e-4)


def test_a_flow_that_is_told_the_class_is_another_one_for_each():
    keras.utils.set_random_seed(0)
    networks = [randomised(coupling(2, 3, 16, 3), 0.4) for _ in range(4)]
    noise = tf.repeat(tf.random.stateless_normal([1, 5], [5, 6]), 3, axis=0)
    codes = flows.RealNVP(networks, tf.eye(3)).forward(noise).numpy()
    assert min(np.abs(codes[i] - codes[j]).max() for i, j in ((0, 1), (0, 2), (1, 2))) > 0.1
    for label in range(3):  # a row sees its own class alone
        own = flows.RealNVP(networks, tf.eye(3)[label : label + 1]).forward(noise[:1])
        np.testing.assert_allclose(codes[label], own[0], atol=1e-5)


def test_density_under_real_nvp_costs_one_pass_a_step(couplings, monkeypatch):
    dim, networks, flow = couplings
    passes = []
    counted = [lambda inputs, network=network: passes.append(1) or network(inputs) for network in networks]
    told = flow(2)
    monkeypatch.setattr(told, "_networks", counted)
    prior = tfp.distributions.TransformedDistribution(priors.standard_normal(dim), told)
    prior.log_prob(tf.ones([2, dim]))
    assert len(passes) == len(networks)


@pytest.mark.parametrize("raw", [-1e6, 1e6])
def test_a_coupling_step_scales_by_no_more_than_its_bound(raw):
    flow = flows.RealNVP([lambda kept: tf.concat([tf.zeros_like(kept), tf.fill(tf.shape(kept), raw)], -1)])
    latent = flow.forward(tf.ones([1, 4]))
    np.testing.assert_allclose(latent[0], [np.exp(2 * np.sign(raw))] * 2 + [1, 1], rtol=1e-5)
