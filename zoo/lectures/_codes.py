"""p(z|x) of a trained VAE by Hamiltonian Monte Carlo, beside the encoder's q(z|x): the second part of `mcmc`.

The chains do not move the code z but the noise e that makes it under the posterior, z = g(e, x) with e ~ N(0, I) if z ~
q(z|x). Their target is the density of that noise if z ~ p(z|x), but for the constant p(x):

    log p(x, g(e)) + log |dg/de| = log w(e) + log N(e; 0, I),   w = p(x, z) / q(z|x)

so that it is N(0, I) itself where q is exact, whatever kind of posterior q is. They start from q. The mean of log w is

    E_q[log w] = ELBO = log p(x) - KL(q || p(z|x))   <=   log p(x)   <=   E_p[log w] = log p(x) + KL(p(z|x) || q)

under draws of the two; log p(x) is found by importance sampling from q (Burda et al. 2016).
"""

import math

import numpy as np
import tensorflow as tf

from tfgen import figures, seeds
from tfgen.tasks.common import abilities
from tfgen.tasks.common.result import MODEL, Result, Row, means
from zoo.lectures import _chains

ASKS = {"density": ("score.elbo", abilities.DENSITY), "flow": ("score.elbo", "encode.log_density")}
LEAPFROGS = 8
IMPORTANCE, CHUNK = 20_000, 500  # samples of q an image, of which so many at once
METRICS = {
    "log_p": "log p(x), nats",
    "kl_q_p": "KL(q || p(z|x)) = log p(x) - ELBO, nats",
    "kl_p_q": "KL(p(z|x) || q), by the draws of the chains, nats",
    "shift": "distance of the two means in standard deviations of q, root mean square over dimensions",
    "width": "standard deviation of p(z|x) over that of q, root mean square over dimensions",
    "r_hat": "largest potential scale reduction of a dimension, chains split in two; 1 is convergence",
    "ess": "smallest effective sample size of a dimension, of all chains together",
}


def compute(track, name: str, *, images: int, data_dir, draws: int, burn_in: int, chains: int, seed: int):
    """How far p(z|x) is from q(z|x) for some images; arguments as those of `zoo.lectures.mcmc.compute`."""
    from tfgen.evaluation import likelihood
    from tfgen.storage import loading

    model = loading.load(name)
    if not abilities.methods(model, ASKS):
        raise ValueError(abilities.refusal(model, ASKS, "the lecture"))
    dataset, notes = _dataset(name, data_dir)
    count = min(images, len(dataset.test.images))
    image = likelihood.as_float(likelihood.held_out(model, dataset.test)[:count])
    labels = dataset.test.labels[:count]
    condition = model.condition({"label": tf.constant(labels)})

    def log_weights(noise):
        return model.log_weights(tf.constant(image), noise, **condition)

    run = {"draws": draws, "burn_in": burn_in, "seed": seed}
    (found,) = track([lambda: sample(log_weights, (chains, count, model.latent_dim), **run)], "chains")
    found = found()
    weights = of_posterior(log_weights, (count, model.latent_dim), seed, track)
    names = [f"{dataset.test.name.partition('[')[0]} {row}" for row in range(count)]
    rows = [
        Row(names[i], MODEL, compare(weights[:, i], found.values[:, :, i], found.log_density[:, :, i]))
        for i in range(count)
    ]
    average = {metric: [row.values[metric][0] for row in rows] for metric in list(METRICS)[:5]}
    rows.append(means("mean", MODEL, average))
    title = f"{model.entry} of {dataset.name}: codes by HMC beside those of the encoder"
    conditions = {"draws": f"{chains} chains of {draws:,} draws after {burn_in:,}, {found.accepted:.2f} accepted"}
    conditions |= {"importance_samples": IMPORTANCE, "seconds_of_sampling": round(found.seconds, 1), "model": name}
    result = Result(title, METRICS, rows, None, conditions, notes)
    shown = {"image": image, "values": found.values, "weights": weights, "title": title}
    return result, shown | {"log_density": found.log_density}


def sample(log_weights, shape, **run) -> _chains.Draws:
    """Draws of the noise [draws, chains, B, Z], and log w of them, by HMC from q: log_weights [K, B, Z] -> [K, B]."""

    def log_density(noise):
        return log_weights(noise) - 0.5 * tf.reduce_sum(tf.square(noise), -1) - 0.5 * shape[-1] * math.log(2 * math.pi)

    start = seeds.normal(shape, tf.constant([run["seed"], 1]))
    found = _chains.sample(log_density, start, "hmc", leapfrogs=LEAPFROGS, **run)
    log_normal = -0.5 * np.square(found.values).sum(-1) - 0.5 * shape[-1] * math.log(2 * math.pi)
    return _chains.Draws(found.values, found.log_density - log_normal, found.accepted, found.seconds)


def of_posterior(log_weights, shape, seed: int, track) -> np.ndarray:
    """log w of samples of q, float64 [IMPORTANCE, B]."""
    traced = tf.function(log_weights, autograph=False)
    parts = track([tf.constant([seed, 2 + part]) for part in range(IMPORTANCE // CHUNK)], "importance samples")
    return np.concatenate([traced(seeds.normal([CHUNK, *shape], part)).numpy() for part in parts]).astype(np.float64)


def compare(weights, values, log_weights) -> dict:
    """The numbers of an image, metric -> (value, its error or None).

    Args:
        weights: log w of samples of q, [K].
        values: the noise by the chains, [draws, chains, Z].
        log_weights: log w of these, [draws, chains].
    """
    relative = np.exp(weights - weights.max())
    log_p, log_p_error = weights.max() + np.log(relative.mean()), relative.std() / relative.mean() / len(weights) ** 0.5
    elbo, elbo_error = weights.mean(), weights.std() / len(weights) ** 0.5
    above, above_error = (float(each) for each in _chains.mean(log_weights.astype(np.float64)))
    shift, width = values.mean((0, 1)), values.std((0, 1))
    return {
        "log_p": (float(log_p), None),
        "kl_q_p": (float(log_p - elbo), float(np.hypot(log_p_error, elbo_error))),
        "kl_p_q": (float(above - log_p), float(np.hypot(log_p_error, above_error))),
        "shift": (float(np.sqrt(np.mean(np.square(shift)))), None),
        "width": (float(np.sqrt(np.mean(np.square(width)))), None),
        "r_hat": (float(_chains.rhat(values).max()), None),
        "ess": (round(float(_chains.effective_size(values).min())), None),
    }


def _dataset(name: str, data_dir):
    """The data set that a model was trained on; where that is not available, the embedded digits, and a note."""
    from tfgen import data
    from tfgen.data.dataset import UnavailableError
    from zoo import commands

    try:
        return commands.dataset_of(name, data_dir), ()
    except UnavailableError as error:
        return data.load(data.EMBEDDED), (f"{error}; these are the embedded digits instead.",)


@figures.style()
def draw(*, image, values, weights, log_density, title):
    """An image per row, log w under both, and the two dimensions of the noise whose means are furthest from 0."""
    shown = min(6, len(image))
    figure = figures.Picture(figsize=(9, 2.2 * shown + 0.4), dpi=figures.DPI, layout="constrained")
    figure.suptitle(title, fontsize=figures.TITLE_SIZE)
    lines = figure.subplots(shown, 3, width_ratios=(1, 1.8, 1.4), squeeze=False)
    for i, (picture, histogram, plane) in enumerate(lines):
        picture.imshow(image[i], cmap="gray_r" if image.shape[-1] == 1 else None)
        picture.set_axis_off()
        for each, label in ((weights[:, i], "z ~ q(z|x)"), (log_density[:, :, i].ravel(), "z ~ p(z|x)")):
            histogram.hist(each, 60, density=True, alpha=0.5, label=label)
        histogram.set(xlabel="log p(x, z) - log q(z|x), nats", yticks=[])
        histogram.set_xlim(np.quantile(weights[:, i], 0.001), None)
        first, second = np.argsort(-np.abs(values[:, :, i].mean((0, 1))))[:2]
        points = values[:: max(1, len(values) // 100), :, i].reshape(-1, values.shape[-1])
        plane.scatter(points[:, first], points[:, second], s=2, color="tab:orange", linewidths=0)
        angle = np.linspace(0, 2 * np.pi, 100)
        for radius in (1, 2):
            plane.plot(radius * np.cos(angle), radius * np.sin(angle), color="tab:blue", linewidth=1)
        plane.set(xlabel=f"noise {first}", ylabel=f"noise {second}", xlim=(-4, 4), ylim=(-4, 4), aspect="equal")
    lines[0][1].legend(loc="upper right")
    return figure
