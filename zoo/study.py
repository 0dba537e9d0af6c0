"""`python -m zoo.study latent`: how -ELBO depends on the size of the code."""

from pathlib import Path
from typing import Literal

from tfgen import commandline
from zoo import train

USAGE = "python -m zoo.study"
SIZES = {  # entry and prior -> the dimensions that are trained
    ("vae", "normal"): (2, 5, 10, 25, 50),
    ("vae", "flow"): (2,),
    ("cvae", "normal"): (35,),
}
HIDDEN_UNITS = {"vae": (500, 500, 500), "cvae": (500, 500)}  # a third layer helps vae; cvae gives up codes for it
EPOCHS = 80


def main(arguments: list[str] | None = None) -> None:
    """The command line: the options of `study`."""
    commandline.run(study, arguments, USAGE)


def study(
    name: Literal["latent"],
    /,
    *,
    epochs: int = EPOCHS,
    dataset: str = "mnist",
    data_dir: Path | None = None,
    run_dir: Path = Path("runs/study-latent"),
    seed: int = 0,
) -> Path:
    """Trains vae with codes of 2, 5, 10, 25 and 50 dimensions and cvae with 35, and draws -ELBO against them.

    Another vae of 2 dimensions has a flow as its prior. It shows how much of the loss
    of so small a code comes from N(0, I).

    The recipes are those of the entries, except for the epochs and for vae's hidden layers: three of 500 units instead
    of two. Each training is a run in the study's directory. If you start a study again, it resumes what is not
    finished.

    Args:
        name: the study; latent is the only one.
        epochs: passes over the training images in each training.
        dataset: the same as in python -m zoo.train.
        data_dir: a TFDS directory that holds the prepared data set; TFDS_DATA_DIR by default.
        run_dir: the directory of the study.
        seed: the seed of every training.
    """
    from tfgen import figures, files

    with commandline.bad_input():
        commandline.writable_directory(run_dir)
    points = []
    for (entry, prior), sizes in SIZES.items():
        for size in sizes:
            run = run_dir / (f"{entry}-{size}" if prior == "normal" else f"{entry}-{size}-{prior}")
            options = {"epochs": epochs, "dataset": dataset, "data_dir": data_dir, "seed": seed}
            networks = {"latent_dim": size, "hidden_units": HIDDEN_UNITS[entry], "prior": prior}
            train.train(entry, **options, run_dir=run, resume=run.is_dir(), **networks)
            with commandline.bad_input():
                points.append(_point(run))
    files.write_json(run_dir / "study.json", {"study": name, "points": points})
    files.write_text(run_dir / "study.md", table(points))
    figures.save(draw(points), run_dir / "study.png")
    print(f"\n{table(points)}\n{run_dir / 'study.png'}")
    return run_dir


def _point(run: Path) -> dict:
    """The numbers of a finished run. Raises ValueError if its files cannot be read as such."""
    from tfgen.storage import runs

    config, metrics = runs.read_config(run), runs.read_metrics(run)
    entry, hyperparameters = config["entry"], config["hyperparameters"]
    model = {"entry": entry, "prior": hyperparameters["prior"], "latent_dim": hyperparameters["latent_dim"]}
    settings = {"epochs": config["recipe"]["epochs"], "dataset": config["dataset"], "seed": config["seed"]}
    numbers = {name: metrics[name] for name in ("protocol", "test_neg_elbo", "test_rate", "test_distortion", "seconds")}
    return {**model, **settings, **numbers}


def table(points: list[dict]) -> str:
    """The study as a Markdown table."""
    lines = ["| entry | prior | latent size | test -ELBO | rate + distortion |", "|---|---|---|---|---|"]
    for point in points:
        terms = f"{point['test_rate']:.2f} + {point['test_distortion']:.2f}"
        model = f"| `{point['entry']}` | {point['prior']} | {point['latent_dim']}"
        lines.append(f"{model} | {point['test_neg_elbo']:.2f} | {terms} |")
    protocol, epochs = points[0]["protocol"], points[0]["epochs"]
    lines += ["", f"Nats per image, protocol {protocol}, {epochs} epochs.", ""]
    return "\n".join(lines)


def draw(points: list[dict]):
    """-ELBO against the size of the code."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    axes = figure.subplots()
    for entry, prior in SIZES:
        of_curve = (point for point in points if (point["entry"], point["prior"]) == (entry, prior))
        mine = sorted((point["latent_dim"], point["test_neg_elbo"]) for point in of_curve)
        label = entry if prior == "normal" else f"{entry}, {prior} prior"
        axes.plot(*zip(*mine, strict=True), "o-", label=f"{label}, {points[0]['protocol']}")
    sizes = sorted({point["latent_dim"] for point in points})
    axes.set(xscale="log", xlabel="dimensions of the code", ylabel="test -ELBO, nats per image")
    axes.set_xticks(sizes, map(str, sizes))
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    axes.legend(loc="upper right")
    return figure


if __name__ == "__main__":
    main()
