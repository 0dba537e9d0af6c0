"""The VAE 784-500-500-25 in JAX: one compiled `lax.scan` an epoch, the data on the device, optax's Adam.

Trains an epoch on IMAGES.npy for each line on stdin and answers with images/s, loss and CPU seconds; see
train_speed.py. Needs jax and optax, and nothing of tfgen.
"""

import functools
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np
import optax

LATENT, HIDDEN, BATCH = 25, 500, 100


def initial(key, sizes):
    """The layers of a multilayer perceptron, with Glorot's initialisation."""
    keys = jax.random.split(key, len(sizes) - 1)
    glorot = jax.nn.initializers.glorot_uniform()
    pairs = zip(keys, sizes[:-1], sizes[1:], strict=True)
    return [(glorot(own, (inputs, outputs)), jnp.zeros(outputs)) for own, inputs, outputs in pairs]


def perceptron(layers, units):
    *hidden, (kernel, bias) = layers
    for own_kernel, own_bias in hidden:
        units = jax.nn.relu(units @ own_kernel + own_bias)
    return units @ kernel + bias


def negative_elbo(networks, image, key):
    """The batch mean of distortion + rate of binary images [B, 784], nats."""
    mean, raw = jnp.split(perceptron(networks["encoder"], image), 2, axis=-1)
    stddev = jax.nn.softplus(raw) + 1e-5
    logits = perceptron(networks["decoder"], mean + stddev * jax.random.normal(key, mean.shape))
    distortion = optax.sigmoid_binary_cross_entropy(logits, image).sum(-1)
    rate = 0.5 * (mean**2 + stddev**2 - 1 - 2 * jnp.log(stddev)).sum(-1)
    return (distortion + rate).mean()


def main() -> None:
    images = jnp.asarray(np.load(sys.argv[1]).reshape(-1, 784))
    count, steps = len(images), len(images) // BATCH
    first, second, key = jax.random.split(jax.random.key(0), 3)
    networks = {
        "encoder": initial(first, (784, HIDDEN, HIDDEN, 2 * LATENT)),
        "decoder": initial(second, (LATENT, HIDDEN, HIDDEN, 784)),
    }
    optimizer = optax.adam(1e-3)

    @functools.partial(jax.jit, donate_argnums=(0, 1))
    def epoch(networks, state, key):
        order, noise = jax.random.split(key)
        rows = jax.random.permutation(order, count)[: steps * BATCH].reshape(steps, BATCH)

        def step(carry, inputs):
            networks, state = carry
            own_rows, key = inputs
            pixels, latent = jax.random.split(key)
            levels = images[own_rows].astype(jnp.float32) / 255
            image = (jax.random.uniform(pixels, levels.shape) < levels).astype(jnp.float32)
            loss, gradient = jax.value_and_grad(negative_elbo)(networks, image, latent)
            updates, state = optimizer.update(gradient, state, networks)
            return (optax.apply_updates(networks, updates), state), loss

        (networks, state), losses = jax.lax.scan(step, (networks, state), (rows, jax.random.split(noise, steps)))
        return networks, state, losses.mean()

    state = optimizer.init(networks)
    while sys.stdin.readline():
        key, own = jax.random.split(key)
        start, began = time.perf_counter(), time.process_time()
        networks, state, loss = epoch(networks, state, own)
        loss = float(loss)
        seconds = time.perf_counter() - start
        print(steps * BATCH / seconds, loss, time.process_time() - began, flush=True)


if __name__ == "__main__":
    main()
