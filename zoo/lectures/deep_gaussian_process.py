"""`deep_gaussian_process`: where does one Gaussian process ring, and do two in a row do better?

    f_l ~ GP(w_l, k_l),   y = f_L(... f_2(f_1(x))) + e,   e ~ N(0, s^2)

A stationary process has one length scale everywhere: at a step it must choose between a slope that is too slow and
ripples beside it. A process of a process may stretch x there (Damianou and Lawrence 2013). With inducing values u_l in
each of L layers and one sample of the layers between (Salimbeni and Deisenroth 2017, "doubly stochastic"),

    log p(y) >= sum_i E_{q(f_L,i)}[log p(y_i | f_L,i)] - sum_l KL(q(u_l) || p(u_l))

is climbed in all inducing points, q(u_l), kernels and the noise (`zoo.lectures._deep`). One layer is the sparse
variational process. Measured are a step, of which the truth is known, and the diabetes data of Efron et al. 2004
(scikit-learn), 442 patients with 10 inputs, in cross-validation, in standard deviations of the training part.
"""

import warnings

import numpy as np
import scipy.special
import scipy.stats
from sklearn import cluster, datasets, gaussian_process, linear_model, model_selection
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import kernels

from tfgen import figures
from tfgen.tasks.common.result import BASELINE, MODEL, Result, means
from zoo.lectures import _deep

LAYERS = (1, 2, 3)
STEP_POINTS, STEP_NOISE, STEP_SETS = 80, 0.05, 5  # the step is from -1 to 1
LEARNING_RATE = 0.02
EDGE = 0.1  # distance from the step within which a slope is no ripple
LIMITS = {"steps": (10, 100_000), "inducing": (2, 60), "samples": (2, 1000), "splits": (2, 20)}
METRICS = {
    "rmse": "root mean square error of the mean: of the step's true values, of the patients left out",
    "nlpd": "-log p(y) of values left out, nats",
    "gain": "of NLPD over one layer, mean of the differences by split",
    "overshoot": "largest excess of the mean over the step's two levels",
    "ripple": f"root mean square error of the mean, {EDGE:g} and more away from the step",
}


def compute(track, *, steps: int = 2000, inducing: int = 20, samples: int = 100, splits: int = 5, seed: int = 0):
    """Fits processes of one, two and three layers to a step and to the diabetes data, beside an exact process.

    Args:
        steps: steps of Adam, each on all points.
        inducing: the number of inducing points of each layer.
        samples: how many samples of the inner layers a prediction uses.
        splits: the number of parts of the diabetes data, each of which is left out once.
        seed: the seed of everything that is drawn.
    """
    rows, shown, details = [], {}, {}
    problems = {"step": step(seed), "diabetes": diabetes(splits, seed)}
    for name, problem in problems.items():
        found = {"exact process": exact(problem)} if name == "step" else {}
        if name == "diabetes":
            found |= {"linear regression": linear(problem), "exact process": exact(problem)}
        places = np.stack([cluster_centres(x, inducing, seed) for x in problem["x"]])
        for layers in track(LAYERS, name):
            process = _deep.DeepProcess(places, layers)
            process.fit(problem["x"], problem["y"], steps=steps, learning_rate=LEARNING_RATE, seed=seed)
            mean, stddev, noise = process.predict(problem["x_new"], samples, seed)
            found[f"{layers} layer" + "s" * (layers > 1)] = mean, np.hypot(stddev, noise[:, None])
        values = {method: measures(problem, *each) for method, each in found.items()}
        first = values["1 layer"]["nlpd"]
        for method, each in values.items():
            gain = {} if method == "1 layer" else {"gain": first - each["nlpd"]}
            kind = MODEL if method.partition(" ")[2].startswith("layer") else BASELINE
            rows.append(means(method, kind, each | gain, group=name))
        details[name] = {method: {metric: v.tolist() for metric, v in each.items()} for method, each in values.items()}
        shown[name] = {"problem": problem, "found": found, "values": values}
    conditions = {"steps": steps, "inducing_points": inducing, "samples": samples, "diabetes": f"{splits} splits"}
    conditions |= {"step": f"{STEP_SETS} sets of {STEP_POINTS} points, noise {STEP_NOISE:g}"}
    return Result("deep Gaussian processes", METRICS, rows, None, conditions, details={"by_split": details}), shown


def step(seed: int) -> dict:
    """Noisy values of a step: {"x": [runs, N, 1], "y": [runs, N], "x_new", "truth" and noisy "y_new" to predict}."""
    random = np.random.default_rng(seed)
    scale = np.sqrt(3)  # of a uniform variable in [-1, 1]
    x, x_new = (np.tile(np.linspace(-1, 1, count)[:, None], (STEP_SETS, 1, 1)) for count in (STEP_POINTS, 400))
    y, y_new = (np.sign(each[..., 0]) + random.normal(0, STEP_NOISE, each.shape[:2]) for each in (x, x_new))
    return {"x": scale * x, "y": y, "x_new": scale * x_new, "truth": np.sign(x_new[..., 0]), "y_new": y_new}


def diabetes(splits: int, seed: int) -> dict:
    """The diabetes data as `step`, a split a run; parts that are larger than the smallest lose a patient."""
    inputs, target = datasets.load_diabetes(return_X_y=True)
    folds = list(model_selection.KFold(splits, shuffle=True, random_state=seed).split(inputs))
    smallest = [min(len(part) for part in parts) for parts in zip(*folds, strict=True)]
    parts = []
    for train, left_out in folds:
        train, left_out = train[: smallest[0]], left_out[: smallest[1]]
        scaled = (inputs - inputs[train].mean(0)) / inputs[train].std(0)
        value = (target - target[train].mean()) / target[train].std()
        parts.append((scaled[train], value[train], scaled[left_out], value[left_out], value[left_out]))
    names = "x", "y", "x_new", "truth", "y_new"
    return {name: np.stack(values) for name, values in zip(names, zip(*parts, strict=True), strict=True)}


def cluster_centres(x, count: int, seed: int) -> np.ndarray:
    """Where inducing points begin: the centres of clusters of points [N, D]: [count, D]."""
    return cluster.KMeans(count, n_init=1, random_state=seed).fit(x).cluster_centers_


def exact(problem: dict):
    """An exact process by scikit-learn with the same kernel: means and standard deviations of y, [1, runs, T]."""
    found = []
    for x, y, x_new in zip(problem["x"], problem["y"], problem["x_new"], strict=True):
        kernel = 1.0 * kernels.RBF(np.full(x.shape[1], x.shape[1] ** 0.5), (1e-2, 1e4)) + kernels.WhiteKernel(0.25)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # of length scales that grow without end
            process = gaussian_process.GaussianProcessRegressor(kernel).fit(x, y)
        found.append(process.predict(x_new, return_std=True))
    return [np.stack(each)[None] for each in zip(*found, strict=True)]


def linear(problem: dict):
    """Linear regression, with the standard deviation of its residuals, as `exact`."""
    found = []
    for x, y, x_new in zip(problem["x"], problem["y"], problem["x_new"], strict=True):
        model = linear_model.LinearRegression().fit(x, y)
        mean = model.predict(x_new)
        found.append((mean, np.full_like(mean, np.std(y - model.predict(x)))))
    return [np.stack(each)[None] for each in zip(*found, strict=True)]


def measures(problem: dict, mean, stddev) -> dict:
    """The metrics [runs] of the equal mixture of normals [samples, runs, T] as predictions of y."""
    density = scipy.special.logsumexp(scipy.stats.norm.logpdf(problem["y_new"], mean, stddev), axis=0)
    error = mean.mean(0) - problem["truth"]
    found = {"rmse": np.sqrt(np.square(error).mean(-1)), "nlpd": np.log(len(mean)) - density.mean(-1)}
    if problem["x"].shape[-1] == 1:
        away = np.abs(problem["x_new"][0, :, 0]) >= EDGE * np.sqrt(3)
        found["overshoot"] = np.abs(mean.mean(0)).max(-1) - 1
        found["ripple"] = np.sqrt(np.square(error[:, away]).mean(-1))
    return found


@figures.style()
def draw(*, step, diabetes):
    """The step by each number of layers, and the errors of each split of the diabetes data."""
    figure = figures.Picture(figsize=(12, 6.6), dpi=figures.DPI, layout="constrained")
    panels = figure.subplots(2, 3).flat
    problem = step["problem"]
    x = problem["x_new"][0, :, 0]
    for axes, (method, (mean, stddev)) in zip(panels, step["found"].items(), strict=False):
        mean, stddev = mean[:, 0].mean(0), np.sqrt(np.square(stddev[:, 0]).mean(0) + mean[:, 0].var(0))
        axes.fill_between(x, mean - 1.96 * stddev, mean + 1.96 * stddev, color="tab:blue", alpha=0.2, linewidth=0)
        axes.plot(problem["x"][0, :, 0], problem["y"][0], ".", color="tab:red", markersize=3)
        axes.plot(x, problem["truth"][0], color="black", linewidth=0.8, linestyle="--")
        axes.plot(x, mean, color="tab:blue")
        axes.set(title=f"{method}: mean and 95 % band", xlabel="x", ylim=(-1.6, 1.6))
    for axes, metric in zip(figure.axes[-2:], ("rmse", "nlpd"), strict=True):
        for place, values in enumerate(diabetes["values"].values()):
            axes.plot(np.full(len(values[metric]), place), values[metric], ".", color="tab:blue", alpha=0.5)
            axes.plot(place, values[metric].mean(), "_", color="black", markersize=25)
        axes.set(title=f"diabetes: {metric.upper()} of each split, and their mean")
        axes.set_xticks(range(len(diabetes["values"])), [name.replace(" ", "\n") for name in diabetes["values"]])
    return figure
