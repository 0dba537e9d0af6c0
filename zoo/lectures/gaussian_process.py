"""`gaussian_process`: what do noisy values say about the function between them, and is the 95 % band right?

    f ~ GP(0, k),   y_i = f(x_i) + e_i,   e_i ~ N(0, s^2)

Two views of the same posterior (Rasmussen and Williams 2006, chapter 2). The values at all points, observed or not, are
one large normal vector, which is conditioned on its observed part; with Lambda its precision matrix,

    f* | y ~ N(-Lambda_**^-1 Lambda_*y y, Lambda_**^-1)

Or the function is a sum of kernels, one at each observation, with weights found by regularised least squares:

    f(x) = sum_i a_i k(x, x_i),   a = (K + s^2 I)^-1 y

Amplitude, length scale and noise are those under which y is most likely, or drawn from their posterior by Hamiltonian
Monte Carlo. For many points q(u) on M inducing points stands for the posterior (Titsias 2009), which takes N M^2 steps
instead of N^3.
"""

import time
from typing import Literal

import numpy as np

from tfgen import figures
from tfgen.tasks.common.result import Result, Row
from zoo.lectures import _gaussian

Kernel = _gaussian.Kernel

NOISE = 0.15  # standard deviation around the example's function
GAP = (0.55, 0.75)  # in which the example has no points
STUDY_POINTS, NEW_POINTS = 20, 50  # of each function that the band is measured on
INDUCING, SHOWN = (5, 10, 20), 10  # of the variational processes, and of the one that is drawn
EXACT_STEPS = 60  # of Adam with many points, where a step takes N^3
LIMITS = {"points": (2, 1000), "functions": (2, 10_000), "many": (50, 5000)}
METRICS = {
    "coverage": "share of the true values of f in their 95 % band",
    "coverage_y": "share of new observations in theirs",
    "rmse": "root mean square error of the mean",
    "nlpd": "-log p(new observation), nats",
    "seconds": "of the fit and the prediction",
}


def compute(
    track,
    *,
    kernel: Kernel = "matern52",
    fit: Literal["likelihood", "mcmc"] = "likelihood",
    points: int = 25,
    functions: int = 100,
    many: int = 1000,
    seed: int = 0,
):
    """Regression of a few points and of many, and how often the band covers functions of the prior.

    Args:
        kernel: the kernel of the process; periodic has the period of the example's function.
        fit: how the parameters of the example are found: the most likely ones, or draws from their posterior.
        points: the number of points of the example.
        functions: how many functions are drawn from the prior to measure the band.
        many: the number of points on which variational processes are compared with the exact one.
        seed: the seed of everything that is drawn.
    """
    random = np.random.default_rng(seed)
    rows, shown = [], {"kernel": kernel, "fit": fit}
    x, y = example(points, random, GAP)
    grid = np.linspace(0, 1, 201)
    parts = {
        f"{points} points": lambda: [_few(kernel, fit, x, y, grid, seed, shown)],
        f"{functions} functions": lambda: study(kernel, functions, random, seed, shown),
        f"{many:,} points": lambda: _many(kernel, many, random, grid, shown),
    }
    for part in track(list(parts), "Gaussian processes"):
        rows += [Row(each.name, each.kind, each.values, group=part) for each in parts[part]()]
    difference = max(np.abs(view - shown["views"][0]).max() for view in shown["views"][1:])
    notes = (f"The views of the posterior's mean and standard deviation differ by at most {difference:.1e}.",)
    conditions = {"kernel": kernel, "parameters": fit, "views_differ_by": float(difference)}
    return Result("Gaussian processes", METRICS, rows, None, conditions, notes), shown | {"x": x, "y": y, "grid": grid}


def signal(x) -> np.ndarray:
    """The example's function of points [...], of period 2/3."""
    return np.sin(3 * np.pi * x) + 0.3 * np.cos(9 * np.pi * x)


def example(count: int, random, gap=(1.0, 1.0)) -> tuple[np.ndarray, np.ndarray]:
    """So many points [N] in [0, 1], none in the gap, and noisy values of the signal there [N]."""
    x = random.uniform(0, 1 - (gap[1] - gap[0]), count)
    x = np.sort(np.where(x < gap[0], x, x + gap[1] - gap[0]))
    return x, signal(x) + random.normal(0, NOISE, count)


def one_vector(covariance, noise: float, y) -> tuple[np.ndarray, np.ndarray]:
    """The first view: mean and standard deviation of f at T new points, by the precision of all noisy values.

    Args:
        covariance: of f at N + T points, the observed ones first.
        noise: variance of the noise.
        y: the observations [N].
    """
    precision = np.linalg.inv(covariance + noise * np.eye(len(covariance)))
    new = slice(len(y), None)
    conditional = np.linalg.inv(precision[new, new])
    return -conditional @ precision[new, : len(y)] @ y, np.sqrt(np.diag(conditional) - noise)


def sum_of_kernels(covariance, noise: float, y) -> tuple[np.ndarray, np.ndarray]:
    """The second view, as the first: f(x) = sum_i a_i k(x, x_i); its variance has the weights of k(., x) itself."""
    observed, new = slice(0, len(y)), slice(len(y), None)
    weights = np.linalg.solve(covariance[observed, observed] + noise * np.eye(len(y)), y)
    of_kernels = np.linalg.solve(covariance[observed, observed] + noise * np.eye(len(y)), covariance[observed, new])
    explained = np.sum(covariance[observed, new] * of_kernels, 0)
    return covariance[new, observed] @ weights, np.sqrt(np.diag(covariance)[new] - explained)


def _few(kernel: Kernel, fit: str, x, y, grid, seed: int, shown: dict) -> Row:
    """The row of the example; puts what is drawn of it into `shown`."""
    begun, (points, values, new) = time.perf_counter(), (x[None, :, None], y[None], grid[None, :, None])
    if fit == "mcmc":
        parameters = _gaussian.sampled(kernel, points, values, seed)
    else:
        parameters = _gaussian.most_likely(kernel, points, values)
    found = _gaussian.predict(kernel, parameters, points, values, new)
    seconds, noise = time.perf_counter() - begun, np.sqrt(_gaussian.noise_variance(parameters))
    one = parameters[:1]
    covariance = _gaussian.kernel_of(kernel, one[0, 0]).matrix(*[np.concatenate([x, grid])[:, None]] * 2).numpy()
    views = [np.stack(view(covariance, float(noise[0, 0] ** 2), y)) for view in (one_vector, sum_of_kernels)]
    views.insert(0, np.stack([each[0, 0] for each in _gaussian.predict(kernel, one, points, values, new)]))
    shown |= {"found": [each[:, 0] for each in found], "parameters": parameters[:, 0], "views": views}
    y_new = signal(grid) + np.random.default_rng(seed + 1).normal(0, NOISE, grid.shape)
    return _gaussian.scores(fit, found, noise, signal(grid)[None], y_new[None], seconds)


def study(kernel: Kernel, functions: int, random, seed: int, shown: dict) -> list[Row]:
    """The rows of functions of the prior, with their parameters known, most likely, and sampled."""
    truth = random.normal(_gaussian.PRIOR.loc, _gaussian.PRIOR.scale, (1, functions, 3))
    x = random.uniform(0, 1, (functions, STUDY_POINTS + NEW_POINTS, 1))
    covariance = _gaussian.kernel_of(kernel, truth[0]).matrix(x, x).numpy()
    root = np.linalg.cholesky(covariance + 1e-10 * np.eye(x.shape[1]))
    f = (root @ random.normal(size=(*x.shape[:2], 1)))[..., 0]
    y = f + np.exp(truth[0, :, 2:]) * random.normal(size=f.shape)
    seen = x[:, :STUDY_POINTS], y[:, :STUDY_POINTS]
    rows, shown["levels"] = [], {}
    fits = {"known": lambda: truth, "likelihood": lambda: _gaussian.most_likely(kernel, *seen)}
    fits["mcmc"] = lambda: _gaussian.sampled(kernel, *seen, seed)
    for name, fit in fits.items():
        begun, parameters = time.perf_counter(), fit()
        found = _gaussian.predict(kernel, parameters, *seen, x[:, STUDY_POINTS:])
        noise, new = np.sqrt(_gaussian.noise_variance(parameters)), slice(STUDY_POINTS, None)
        rows.append(_gaussian.scores(name, found, noise, f[:, new], y[:, new], time.perf_counter() - begun))
        shown["levels"][name] = 2 * np.abs(_gaussian.mixture_cdf(f[:, new], *found) - 0.5)
    return rows


def _many(kernel: Kernel, count: int, random, grid, shown: dict) -> list[Row]:
    """The rows of the exact process and of variational ones on many points, from the same first parameters."""
    (x, y), (x_new, y_new) = example(count, random), example(count, random)
    truth = signal(x_new)[None], y_new[None]
    rows = []
    for inducing in (None, *INDUCING):
        begun = time.perf_counter()
        if inducing is None:
            parameters = _gaussian.most_likely(kernel, x[None, :, None], y[None], EXACT_STEPS)
            found = _gaussian.predict(kernel, parameters, x[None, :, None], y[None], x_new[None, :, None])
            name, noise = "exact", np.sqrt(_gaussian.noise_variance(parameters))
        else:
            process = _gaussian.Variational(kernel, x, y, inducing)
            found = [each[None, None] for each in process.predict(x_new)]
            name, noise = f"{inducing} inducing points", process.noise[None, None]
            if inducing == SHOWN:
                shown["many"] = x, y, process.inducing, *process.predict(grid)
        rows.append(_gaussian.scores(name, found, noise, *truth, time.perf_counter() - begun))
    return rows


@figures.style()
def draw(*, kernel, fit, x, y, grid, parameters, found, views, levels, many):
    """The prior, its covariance, the sum of kernels, the posterior, the variational one, and the bands' shares."""
    figure = figures.Picture(figsize=(12, 7), dpi=figures.DPI, layout="constrained")
    prior, vector, sums, posterior, points, shares = figure.subplots(2, 3).flat
    one = _gaussian.kernel_of(kernel, parameters[0])
    covariance = one.matrix(grid[:, None], grid[:, None]).numpy()
    root = np.linalg.cholesky(covariance + 1e-8 * np.eye(len(grid)))
    prior.plot(grid, root @ np.random.default_rng(0).normal(size=(len(grid), 5)), linewidth=1)
    prior.set(title=f"five draws of the prior, {kernel}")
    vector.imshow(covariance, extent=(0, 1, 1, 0), cmap="viridis")
    vector.set(title="one large normal vector: the covariance of its values", xlabel="x", ylabel="x'")
    weights = np.linalg.solve(
        one.matrix(x[:, None], x[:, None]).numpy() + _gaussian.noise_variance(parameters[0]) * np.eye(len(x)), y
    )
    parts = one.matrix(grid[:, None], x[:, None]).numpy() * weights
    sums.plot(grid, parts, color="tab:blue", linewidth=0.5)
    sums.plot(grid, parts.sum(1), color="black")
    sums.set(title="one sum: a_i k(x, x_i), and f", ylim=3 * np.array([-1, 1]) * np.abs(parts.sum(1)).max())
    low, middle, high = (_gaussian.mixture_quantile(share, *found) for share in (0.025, 0.5, 0.975))
    _band(posterior, grid, low, middle, high, f"{len(x)} points, parameters by {fit}")
    posterior.plot(x, y, ".", color="tab:red")
    many_x, many_y, inducing, mean, stddev = many
    points.plot(many_x, many_y, ",", color="tab:red")
    _band(points, grid, mean - 1.96 * stddev, mean, mean + 1.96 * stddev, f"{len(many_x):,} points, variational")
    points.plot(inducing, np.full(len(inducing), -1.7), "^", color="black", label="inducing points")
    points.legend(loc="upper right")
    nominal = np.linspace(0, 1, 101)
    for name, level in levels.items():
        shares.plot(nominal, [np.mean(level <= each) for each in nominal], label=f"parameters {name}")
    shares.plot(nominal, nominal, color="black", linewidth=0.8)
    shares.set(title="how many true values lie in a band", xlabel="its nominal share", ylabel="share")
    shares.legend(loc="lower right")
    return figure


def _band(axes, grid, low, middle, high, title: str) -> None:
    """The mean, a band around it, and the true function."""
    axes.fill_between(grid, low, high, color="tab:blue", alpha=0.2, linewidth=0)
    axes.plot(grid, middle, color="tab:blue", label="posterior and 95 % band")
    axes.plot(grid, signal(grid), color="black", linewidth=0.8, linestyle="--", label="true function")
    axes.set(title=title, xlabel="x", ylim=(-1.8, 2.4))
    axes.legend(loc="upper right")
