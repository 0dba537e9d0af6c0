"""MADE against brute force: masks that are triangular in both orders, and a context that every output sees."""

import numpy as np
import pytest
import tensorflow as tf

from tfgen.networks.masked import made

DIM, CONTEXT = 5, 3


def randomised(network, stddev=0.7):
    """A network whose weights are all far from their start, so that no entry is small by chance."""
    generator = np.random.default_rng(0)
    for variable in network.trainable_variables:
        variable.assign(generator.normal(0, stddev, variable.shape))
    return network


def jacobian(function, point):
    """d function / d point [DIM, DIM] of a map of vectors."""
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(point)
        value = function(point[None])[0]
    return tape.jacobian(value, point, experimental_use_pfor=False).numpy()  # a few rows; pfor would trace a graph


@pytest.mark.parametrize("dim", [1, 2, 5])
@pytest.mark.parametrize("reverse", [False, True])
def test_made_is_strictly_triangular_in_both_orders(dim, reverse):
    network = randomised(made(dim, 16, 2, CONTEXT))
    order = np.arange(dim)[::-1] if reverse else np.arange(dim)
    context = tf.ones([1, CONTEXT])
    for group in range(2):

        def outputs(inputs, group=group):
            ordered = tf.gather(inputs, order, axis=1)
            return tf.gather(network([ordered, context])[:, group * dim : (group + 1) * dim], order, axis=1)

        derivative = jacobian(outputs, tf.constant(np.linspace(-1, 1, dim), tf.float32))
        strictly = np.triu(derivative, 0) if not reverse else np.tril(derivative, 0)
        np.testing.assert_array_equal(strictly, 0)
        below = derivative[np.tril_indices(dim, -1)] if not reverse else derivative[np.triu_indices(dim, 1)]
        assert (below != 0).all(), "an output does not see an input that it may see"


def test_every_output_sees_the_context():
    network = randomised(made(DIM, 16, 2, CONTEXT))
    latent, context = tf.zeros([1, DIM]), tf.ones([CONTEXT])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(context)
        outputs = network([latent, context[None]])[0]
    derivative = tape.jacobian(outputs, context, experimental_use_pfor=False).numpy()
    assert (derivative[1:DIM] != 0).all()
    assert (derivative[DIM + 1 :] != 0).all()


def test_network_without_a_context_has_one_input():
    network = randomised(made(DIM, 16, 1, 0))
    assert network(tf.ones([2, DIM])).shape == (2, DIM)
