"""Markov chains that run side by side, and what their draws are worth."""

import dataclasses
import time

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

TARGET_ACCEPTANCE = {"hmc": 0.9, "nuts": 0.8}  # that the step size is adapted to
SAMPLERS = ("slice", "random-walk", "hmc", "nuts")


@dataclasses.dataclass(frozen=True)
class Draws:
    """What a sampler has drawn.

    Attributes:
        values: [draws, chains, ...].
        log_density: [draws, chains, ...] of the target, unnormalised.
        accepted: share of the proposals, NaN where there are none to refuse.
        seconds: of burn-in and draws, without those in which TensorFlow traces its graph.
    """

    values: np.ndarray
    log_density: np.ndarray
    accepted: float
    seconds: float


def sample(log_density, start, sampler: str, *, draws: int, burn_in: int, leapfrogs: int, seed: int) -> Draws:
    """Draws from a density by chains that are computed as one batch.

    Args:
        log_density: a function of states [chains, ..., D], in units in which its width is about 1 in each dimension,
            to [chains, ...].
        start: the first states, [chains, ..., D].
        sampler: one of SAMPLERS.
        draws, burn_in: of each chain; the first burn_in are dropped.
        leapfrogs: steps of HMC for each proposal.
        seed: of all that is drawn.
    """
    kernel = _kernel(log_density, start, sampler, burn_in, leapfrogs)

    @tf.function(autograph=False)
    def run(count, burn_in, seed):
        return tfp.mcmc.sample_chain(
            count, start, kernel=kernel, num_burnin_steps=burn_in, trace_fn=lambda _, each: _traced(each), seed=seed
        )

    def called(*counts):
        return run(*(tf.constant(count) for count in counts), tf.constant([seed, SAMPLERS.index(sampler)]))

    called(2, 1)  # traces
    begun = time.perf_counter()
    values, (found, accepted) = called(draws, burn_in)
    seconds = time.perf_counter() - begun
    return Draws(values.numpy(), found.numpy(), float(np.mean(accepted)), seconds)


def _kernel(log_density, start, sampler: str, burn_in: int, leapfrogs: int):
    """The transition; step sizes of HMC and NUTS are adapted in four fifths of the burn-in."""
    if sampler == "slice":
        return tfp.mcmc.SliceSampler(log_density, step_size=tf.constant(2, start.dtype), max_doublings=5)
    if sampler == "random-walk":
        return tfp.mcmc.RandomWalkMetropolis(log_density, tfp.mcmc.random_walk_normal_fn(tf.constant(1.7, start.dtype)))
    step_size = tf.ones([*start.shape[1:-1], 1], start.dtype)  # a step size for each target of a batch
    if sampler == "hmc":
        inner = tfp.mcmc.HamiltonianMonteCarlo(log_density, step_size, leapfrogs)
    else:
        inner = tfp.mcmc.NoUTurnSampler(log_density, step_size, max_tree_depth=6)
    adapted = round(0.8 * burn_in)
    return tfp.mcmc.DualAveragingStepSizeAdaptation(inner, adapted, target_accept_prob=TARGET_ACCEPTANCE[sampler])


def _traced(results):
    """The log density of a state and whether it was accepted, of whichever kernel."""
    while hasattr(results, "inner_results"):
        results = results.inner_results
    if hasattr(results, "is_accepted"):
        inner = getattr(results, "accepted_results", results)
        return inner.target_log_prob, tf.cast(results.is_accepted, tf.float32)
    return results.target_log_prob, tf.fill(tf.shape(results.target_log_prob), np.float32(np.nan))


def effective_size(values) -> np.ndarray:
    """The effective sample size of all chains together of values [draws, chains, ...]: [...]."""
    return tfp.mcmc.effective_sample_size(tf.constant(values), cross_chain_dims=1).numpy()


def rhat(values) -> np.ndarray:
    """The potential scale reduction of values [draws, chains, ...], each chain split in two: [...]."""
    return tfp.mcmc.potential_scale_reduction(tf.constant(values), split_chains=True).numpy()


def mean(values) -> tuple[np.ndarray, np.ndarray]:
    """The mean of values [draws, chains, ...] and its Monte Carlo standard error, both [...]."""
    return values.mean((0, 1)), values.std((0, 1)) / np.sqrt(effective_size(values))


def stddev(values) -> tuple[np.ndarray, np.ndarray]:
    """The standard deviation of values [draws, chains, ...] and its Monte Carlo standard error, both [...]."""
    variance, error = mean(np.square(values - values.mean((0, 1))))
    return np.sqrt(variance), error / (2 * np.sqrt(variance))
