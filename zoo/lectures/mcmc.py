"""`mcmc`: what are a mean and a standard deviation after 100 observations, and what is a code after one image?

    mu ~ Uniform(0, 100),   sigma ~ Uniform(0, 10),   x_i ~ Normal(mu, sigma),   i = 1..100

is written down as a joint distribution and pinned to observations of Normal(10, 2); four samplers draw from
p(mu, sigma | x), started where it is highest: the slice sampler (Neal 2003), a random walk (Metropolis et al. 1953),
Hamiltonian Monte Carlo (Duane et al. 1987, Neal 2011) and NUTS (Hoffman and Gelman 2014). All work on the logits of
mu / 100 and sigma / 10, which have no bounds, in units of the posterior's own width. A mean of theirs has the error
stddev / sqrt(ESS), ESS the number of independent draws that would be worth as much; R-hat compares the variance between
chains with that within (Gelman and Rubin 1992). The reference is the integral on a grid.

With `--model` the unknown is the code z of an image under a trained VAE, see `zoo.lectures._codes`.
"""

from pathlib import Path
from typing import Literal

import numpy as np
import scipy.optimize
import tensorflow as tf
import tensorflow_probability as tfp

from tfgen import figures
from tfgen.tasks.common.result import BASELINE, MODEL, Result, Row
from zoo.lectures import _chains

tfb, tfd = tfp.bijectors, tfp.distributions

MEAN, STDDEV, OBSERVATIONS = 10.0, 2.0, 100  # of the data
HIGHEST_MEAN, HIGHEST_STDDEV = 100.0, 10.0  # of the priors
LEAPFROGS = 2  # with a step size that 90 % of the proposals survive, about a quarter of an orbit
SPREAD = 3.0  # posterior standard deviations of the starts of `--start spread`
WIDTH, NODES = 12.0, 200  # of the quadrature: posterior standard deviations at each side, nodes along each axis
NAMES = ("mu", "sigma")
LIMITS = {"draws": (100, 1_000_000), "burn_in": (100, 1_000_000), "chains": (2, 1000), "images": (1, 100)}


def compute(
    track,
    *,
    draws: int = 3000,
    burn_in: int = 500,
    chains: int = 8,
    start: Literal["map", "spread"] = "map",
    model: str | None = None,
    images: int = 6,
    data_dir: Path | None = None,
    seed: int = 0,
):
    """The posterior's means by four samplers and by quadrature; with a model, the posterior of codes by HMC and q(z|x).

    Args:
        draws: the draws of each chain.
        burn_in: draws that each chain drops; HMC and NUTS choose their step size in them.
        chains: the number of chains that run side by side.
        start: where the chains start: at the highest point of the posterior, or spread around it.
        model: an entry with shipped weights, such as vae, or a run directory: sample codes of its images instead.
        images: with a model: how many test images are used, the first ones.
        data_dir: with a model: a TFDS directory that holds its prepared data set; TFDS_DATA_DIR by default.
        seed: the seed of everything that is drawn.
    """
    if model is not None:
        from zoo.lectures import _codes

        run = {"draws": draws, "burn_in": burn_in, "chains": chains, "seed": seed}
        result, shown = _codes.compute(track, model, images=images, data_dir=data_dir, **run)
        return result, {"codes": shown}
    observed = np.random.default_rng(seed).normal(MEAN, STDDEV, OBSERVATIONS)
    posterior = joint(OBSERVATIONS).experimental_pin(x=observed)
    mode, scale = highest(posterior)
    exact = quadrature(posterior, mode, scale)
    rows, drawn = [], {}
    place = tfb.Chain([bounds(), tfb.Shift(mode), tfb.Scale(scale)])  # states around 0 -> mu and sigma, both [..., 2]
    firsts = np.random.default_rng(seed).normal(0, SPREAD if start == "spread" else 0, (chains, 2))
    for sampler in track(_chains.SAMPLERS, "samplers"):
        found = _chains.sample(
            lambda state: log_prob(posterior, place(state)) + place.forward_log_det_jacobian(state, 1),
            tf.constant(firsts),
            sampler,
            draws=draws,
            burn_in=burn_in,
            leapfrogs=LEAPFROGS,
            seed=seed,
        )
        drawn[sampler] = place(found.values).numpy()
        rows.append(_row(sampler, drawn[sampler], found, exact))
    reference = {name: (exact["mean"][i], None) for i, name in enumerate(NAMES)}
    rows.append(Row("quadrature", BASELINE, reference))
    metrics = {
        **dict.fromkeys(NAMES, "posterior mean, with its Monte Carlo error"),
        "off": "largest distance of a mean or standard deviation from quadrature, in such errors; below 4 is agreement",
        "r_hat": "largest potential scale reduction of mu and sigma, chains split in two; 1 is convergence",
        "ess": "smallest effective sample size of mu and sigma, of all chains together",
        "ess_per_s": "the same for a second of sampling with its burn-in",
        "accepted": "share of the proposals",
    }
    title = f"mean and standard deviation after {OBSERVATIONS} observations of Normal({MEAN:g}, {STDDEV:g})"
    conditions = {"draws": f"{chains} chains of {draws:,} draws after {burn_in:,}", "start": start}
    most_likely = bounds().forward(mode).numpy()
    notes = (f"The chains start at the most likely values, {_pair(most_likely)}.",) if start == "map" else ()
    notes += (f"Standard deviations of the posterior by quadrature: {_pair(exact['stddev'])}.",)
    details = {"exact": {name: exact[name].tolist() for name in ("mean", "stddev")}, "mode": most_likely.tolist()}
    result = Result(title, metrics, rows, None, conditions, notes, details)
    return result, {"drawn": drawn, "exact": exact, "title": title}


def joint(count: int):
    """p(mu, sigma, x) of so many observations."""

    @tfd.JointDistributionCoroutineAutoBatched
    def model():
        mu = yield tfd.Uniform(np.float64(0), HIGHEST_MEAN, name="mu")
        sigma = yield tfd.Uniform(np.float64(0), HIGHEST_STDDEV, name="sigma")
        yield tfd.Sample(tfd.Normal(mu, sigma), count, name="x")

    return model


def bounds():
    """The bijector from two numbers without bounds to mu and sigma, [..., 2]."""
    return tfb.Blockwise([tfb.Sigmoid(np.float64(0), HIGHEST_MEAN), tfb.Sigmoid(np.float64(0), HIGHEST_STDDEV)])


def log_prob(posterior, parameters):
    """log p(mu, sigma, x) of parameters [..., 2]: the posterior's density but for a constant."""
    return posterior.log_prob(mu=parameters[..., 0], sigma=parameters[..., 1])


def highest(posterior) -> tuple[np.ndarray, np.ndarray]:
    """The state [2] at which mu and sigma are most likely, and the posterior's scale [2] there by its curvature."""

    def loss(state):
        return tfp.math.value_and_gradient(lambda each: -log_prob(posterior, bounds().forward(each)), state)

    def in_numpy(state):
        return [each.numpy() for each in loss(tf.constant(state))]

    mode = scipy.optimize.minimize(in_numpy, np.zeros(2), jac=True, method="BFGS").x  # from the middle of the priors
    state = tf.constant(mode)
    with tf.GradientTape() as tape:
        tape.watch(state)
        _, slope = loss(state)
    covariance = np.linalg.inv(tape.jacobian(slope, state).numpy())
    return mode, np.sqrt(np.diag(covariance))


def quadrature(posterior, mode, scale) -> dict:
    """Means and standard deviations [2] of the posterior, and its marginal densities, by Gauss-Legendre quadrature."""
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    low, high = (bounds().forward(mode + side * WIDTH * scale).numpy() for side in (-1, 1))
    axes = [low[i] + (nodes + 1) / 2 * (high[i] - low[i]) for i in range(2)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), -1)
    logs = log_prob(posterior, tf.constant(grid)).numpy()
    mass = np.exp(logs - logs.max()) * np.outer(weights, weights)
    mass /= mass.sum()
    mean = np.array([np.sum(mass * grid[..., i]) for i in range(2)])
    stddev = np.array([np.sqrt(np.sum(mass * np.square(grid[..., i] - mean[i]))) for i in range(2)])
    marginals = [mass.sum(1 - i) / (weights * (high[i] - low[i]) / 2) for i in range(2)]
    return {"mean": mean, "stddev": stddev, "axes": axes, "marginals": marginals}


def _row(sampler: str, values, found: _chains.Draws, exact: dict) -> Row:
    """The row of a sampler from its draws [draws, chains, 2] of mu and sigma."""
    (means, errors), (stddevs, stddev_errors) = _chains.mean(values), _chains.stddev(values)
    distances = np.abs([(means - exact["mean"]) / errors, (stddevs - exact["stddev"]) / stddev_errors])
    size = float(_chains.effective_size(values).min())
    numbers = {name: (float(means[i]), float(errors[i])) for i, name in enumerate(NAMES)}
    numbers |= {"off": (float(distances.max()), None), "r_hat": (float(_chains.rhat(values).max()), None)}
    numbers |= {"ess": (round(size), None), "ess_per_s": (size / found.seconds, None)}
    return Row(sampler, MODEL, numbers | ({} if np.isnan(found.accepted) else {"accepted": (found.accepted, None)}))


def _pair(values) -> str:
    return ", ".join(f"{name} {value:.4f}" for name, value in zip(NAMES, values, strict=True))


@figures.style()
def draw(*, drawn=None, exact=None, title="", codes=None):
    """For each sampler the first draws of one chain, and the histograms of all draws beside the exact densities."""
    if codes is not None:
        from zoo.lectures import _codes

        return _codes.draw(**codes)
    figure = figures.Picture(figsize=(9, 2.1 * len(drawn) + 0.4), dpi=figures.DPI, layout="constrained")
    figure.suptitle(title, fontsize=figures.TITLE_SIZE)
    for line, (sampler, values) in zip(figure.subplots(len(drawn), 3), drawn.items(), strict=True):
        line[0].plot(values[:300, 0, 0], linewidth=0.8)
        line[0].set(title=f"{sampler}: 300 draws of one chain", xlabel="draw", ylabel="mu")
        for i, (axes, name) in enumerate(zip(line[1:], NAMES, strict=True)):
            low, high = (exact["mean"][i] + side * 4 * exact["stddev"][i] for side in (-1, 1))
            axes.hist(values[..., i].ravel(), np.linspace(low, high, 50), density=True, color="tab:blue", alpha=0.5)
            axes.plot(exact["axes"][i], exact["marginals"][i], color="black", linewidth=1, label="quadrature")
            axes.set(xlabel=name, xlim=(low, high), yticks=[])
    figure.axes[2].legend(loc="upper right")
    return figure
