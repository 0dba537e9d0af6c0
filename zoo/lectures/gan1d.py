"""`gan1d`: how does a generator learn one normal distribution from uniform noise, and when does it collapse?

    min_G max_D E_x[log D(x)] + E_z[log(1 - D(G(z)))],   x ~ N(-1, 1),   z ~ Uniform(-1, 1)

by algorithm 1 of Goodfellow et al. 2014, with a step of D and then one of G, which ascends log D(G(z)) (section 3). In
one dimension all can be seen. The optimal discriminator is D(x) = p(x) / (p(x) + p_G(x)), 1/2 in the end, and the
map that turns the noise into the data is known,

    x = Phi^-1((z + 1) / 2) - 1,   Phi the standard normal distribution function

A discriminator that sees one sample at a time sends all samples the same way, so that they run together and wander.
Minibatch features (Salimans et al. 2016, section 3.2) let it see how near a sample is to the others of its batch: with
M_i = T f(x_i), a matrix for each sample,

    o_b(x_i) = mean_j exp(-|M_ib - M_jb|_1)

joins the features f(x_i) of the last hidden layer.
"""

import itertools

import keras
import numpy as np
import scipy.stats
import tensorflow as tf

from tfgen import figures, seeds
from tfgen.tasks.common.result import BASELINE, MODEL, Result, Row, means

MEAN, STDDEV = -1.0, 1.0  # of the data
HIDDEN = 32  # units in each of two hidden layers
KERNELS, KERNEL_DIM = 8, 4  # of the minibatch features
SAMPLES = 10_000  # on which a generator is measured
OTHERS = 64  # samples of the data that a shown decision is made beside
NARROW = 0.5  # of the data's standard deviation: below it a generator counts as collapsed
BETA_1 = 0.5  # of Adam
GRID = np.linspace(-5, 3, 161, dtype=np.float32)  # values of x at which D is shown
VARIANTS = {"plain": False, "minibatch features": True}
LIMITS = {
    "steps": (50, 1_000_000),
    "batch_size": (2, 4096),
    "runs": (2, 100),
    "frames": (2, 200),
    "learning_rate": (1e-6, 1.0),
}
METRICS = {
    "ks": "Kolmogorov-Smirnov distance of the generator's samples from N(-1, 1), mean over runs",
    "worst_ks": "the largest of a run",
    "mean": "of the samples; -1 is right",
    "stddev": "of the samples; 1 is right",
    "collapsed": f"share of the runs whose standard deviation is below {NARROW}",
}


def compute(
    track,
    *,
    steps: int = 3000,
    batch_size: int = 16,
    learning_rate: float = 0.003,
    runs: int = 8,
    frames: int = 30,
    seed: int = 0,
):
    """Trains generators with and without minibatch features of the discriminator, several at once.

    Args:
        steps: steps of the discriminator, and as many of the generator.
        batch_size: real samples per step, and as many generated ones.
        learning_rate: the initial learning rate, which falls to zero along half a cosine.
        runs: generators of each kind, which start from different weights and see different noise.
        frames: the number of frames of the animation.
        seed: the seed of everything that is drawn.
    """
    rows, shown = [], {}
    for name, minibatch in VARIANTS.items():
        keras.utils.set_random_seed(seed)
        networks = Networks(runs, minibatch)
        shown[name] = train(track, name, networks, steps, batch_size, learning_rate, frames, seed)
        rows.append(_row(name, MODEL, shown[name]["x"][-1]))
    true = np.random.default_rng(seed).normal(MEAN, STDDEV, (SAMPLES, runs))
    rows.append(_row(f"{SAMPLES:,} true samples", BASELINE, true))
    conditions = {"steps": steps, "batch_size": batch_size, "learning_rate": learning_rate, "runs": runs}
    title = f"{runs} generators of N({MEAN:g}, {STDDEV:g}) after {steps:,} steps"
    return Result(title, METRICS, rows, None, conditions), {"variants": shown}


class Networks:
    """Several generators with their discriminators, which know nothing of one another; arrays are [B, runs, D]."""

    def __init__(self, runs: int, minibatch: bool):
        self.minibatch = minibatch
        self.generator = network(runs, 1, HIDDEN, HIDDEN, 1)
        self.features = network(runs, 1, HIDDEN, HIDDEN, final="tanh")
        self.kernels = network(runs, HIDDEN, KERNELS * KERNEL_DIM)  # T
        self.decision = network(runs, HIDDEN + KERNELS * minibatch, 1)
        self.of_discriminator = [
            *self.features.trainable_variables,
            *(self.kernels.trainable_variables if minibatch else ()),
            *self.decision.trainable_variables,
        ]

    def logit(self, x, others):
        """The logit of D for samples x [B, runs, 1] in a batch of others [B', runs, 1]: [B, runs]."""
        features = self.features(x)
        if self.minibatch:
            mine, theirs = (self.matrices(each) for each in (features, self.features(others)))
            distance = tf.reduce_sum(tf.abs(mine[:, None] - theirs), -1)  # [B, B', runs, KERNELS]
            features = tf.concat([features, tf.reduce_mean(tf.exp(-distance), 1)], -1)
        return self.decision(features)[..., 0]

    def matrices(self, features):
        """M of features [B, runs, HIDDEN]: [B, runs, KERNELS, KERNEL_DIM]."""
        rows, runs, _ = features.shape
        return tf.reshape(self.kernels(features), [rows, runs, KERNELS, KERNEL_DIM])


def network(runs: int, *units: int, final: str | None = None):
    """A multilayer perceptron for each run: [B, runs, units[0]] -> [B, runs, units[-1]]."""
    layers = [keras.Input((runs, units[0]))]
    for before, after in itertools.pairwise(units):
        activation = final if len(layers) == len(units) - 1 else "tanh"
        start = keras.initializers.RandomNormal(stddev=before**-0.5)
        layers.append(
            keras.layers.EinsumDense(
                "brd,rde->bre", (runs, after), bias_axes="re", activation=activation, kernel_initializer=start
            )
        )
    return keras.Sequential(layers)


def train(track, name: str, networks: Networks, steps: int, batch_size: int, learning_rate: float, frames: int, seed):
    """Trains networks, and looks at them between the steps, more often at first.

    Returns:
        {"step": [frames], "x": samples [frames, SAMPLES, runs] of evenly spaced noise, "decision": D on GRID, [frames,
        161, runs]}.
    """
    runs, of_generator = networks.generator.output_shape[1], networks.generator.trainable_variables
    schedule = keras.optimizers.schedules.CosineDecay(learning_rate, steps)
    optimizers = [keras.optimizers.Adam(schedule, beta_1=BETA_1) for _ in range(2)]
    for optimizer, variables in zip(optimizers, (networks.of_discriminator, of_generator), strict=True):
        optimizer.build(variables)

    def step(count):
        noise = seeds.step_seeds(seed, count, 3)
        real = MEAN + STDDEV * seeds.normal([batch_size, runs, 1], noise[0])
        with tf.GradientTape() as tape:
            fake = networks.generator(2 * seeds.uniform(real.shape, noise[1]) - 1)
            value = tf.nn.softplus(-networks.logit(real, real)) + tf.nn.softplus(networks.logit(fake, fake))
            loss = tf.reduce_sum(tf.reduce_mean(value, 0))  # -log D(x) - log(1 - D(G(z))), of all runs
        optimizers[0].apply(tape.gradient(loss, networks.of_discriminator), networks.of_discriminator)
        with tf.GradientTape() as tape:
            fake = networks.generator(2 * seeds.uniform(real.shape, noise[2]) - 1)
            loss = tf.reduce_sum(tf.reduce_mean(tf.nn.softplus(-networks.logit(fake, fake)), 0))
        optimizers[1].apply(tape.gradient(loss, of_generator), of_generator)
        return count + 1

    @tf.function(jit_compile=True, autograph=False)
    def run(first, end):
        tf.while_loop(lambda count: count < end, lambda count: [step(count)], [first])

    stops = np.unique(np.round(steps * np.linspace(0, 1, frames) ** 2).astype(int))
    found = {"step": stops, "x": [], "decision": []}
    quantiles = (np.arange(OTHERS) + 0.5) / OTHERS
    others = scipy.stats.norm(MEAN, STDDEV).ppf(quantiles).astype(np.float32)
    others, grid, even = (tf.constant(each)[:, None, None] * tf.ones([1, runs, 1]) for each in (others, GRID, noise()))
    for first, end in track(list(zip([0, *stops], stops, strict=False)), name):
        run(tf.constant(int(first)), tf.constant(int(end)))
        found["x"].append(networks.generator(even).numpy()[..., 0])
        found["decision"].append(tf.sigmoid(networks.logit(grid, others)).numpy())
    return {key: np.stack(values) for key, values in found.items()}


def noise() -> np.ndarray:
    """Evenly spaced noise in (-1, 1), float32 [SAMPLES]: what it becomes is the generator's distribution."""
    return ((2 * np.arange(SAMPLES) + 1) / SAMPLES - 1).astype(np.float32)


def ideal(z) -> np.ndarray:
    """The map from noise [...] to the data."""
    return scipy.stats.norm(MEAN, STDDEV).ppf((z + 1) / 2)


def distances(x) -> np.ndarray:
    """The Kolmogorov-Smirnov distance of samples [SAMPLES, runs] from the data's distribution, of each run: [runs]."""
    exact = scipy.stats.norm(MEAN, STDDEV).cdf
    return np.array([scipy.stats.ks_1samp(each, exact).statistic for each in np.asarray(x, np.float64).T])


def _row(name: str, kind: str, x) -> Row:
    found = means(name, kind, {"ks": distances(x), "mean": x.mean(0), "stddev": x.std(0)}).values
    found |= {"worst_ks": (float(distances(x).max()), None)}
    return Row(name, kind, found | {"collapsed": (float(np.mean(x.std(0) < NARROW * STDDEV)), None)})


def draw(*, variants) -> list:
    """The frames: for the median run of each kind the densities with D(x), and the map from z to x."""
    chosen = {
        name: np.argsort(distances(found["x"][-1]))[found["x"].shape[-1] // 2] for name, found in variants.items()
    }
    return [_frame(variants, chosen, frame) for frame in range(len(next(iter(variants.values()))["step"]))]


@figures.style()
def _frame(variants, chosen, frame: int):
    figure = figures.Picture(figsize=(8, 6), dpi=figures.DPI, layout="constrained")
    edges = np.linspace(GRID[0], GRID[-1], 81)
    for (name, found), (above, below) in zip(variants.items(), figure.subplots(2, 2).T, strict=True):
        x = found["x"][frame, :, chosen[name]]
        above.hist(np.clip(x, *edges[[0, -1]]), edges, density=True, color="tab:orange", alpha=0.5, label="G(z)")
        above.plot(GRID, scipy.stats.norm(MEAN, STDDEV).pdf(GRID), color="black", label="N(-1, 1)")
        above.plot(GRID, found["decision"][frame, :, chosen[name]], color="tab:blue", label="D(x)")
        above.set(title=f"{name}, step {found['step'][frame]:,}", xlabel="x", xlim=edges[[0, -1]], ylim=(0, 1.2))
        below.plot(noise(), ideal(noise()), color="black", label="exact map")
        below.plot(noise(), x, color="tab:orange", label="G")
        distance = float(distances(x[:, None])[0])
        below.set(title=f"distance {distance:.3f}", xlabel="z", ylabel="x", xlim=(-1, 1), ylim=edges[[0, -1]])
        above.legend(loc="upper right")
        below.legend(loc="upper left")
    return figure
