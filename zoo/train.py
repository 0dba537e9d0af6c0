"""`python -m zoo.train ENTRY`: from nothing to a trained, measured and pictured model in a run directory."""

import statistics
import sys
import time
from pathlib import Path

from zoo import commands

USAGE = "python -m zoo.train"


def main(arguments: list[str] | None = None) -> None:
    """The command line: an entry, then options from the signatures of `train` and of the entry's `build`."""
    arguments = sys.argv[1:] if arguments is None else arguments
    entry = commands.entry_argument(arguments, USAGE, "Trains a model of the zoo.")
    from tfgen.loading import entry_module

    command = commands.with_hyperparameters(train, entry, entry_module(entry).build)
    commands.run(command, arguments[1:], f"{USAGE} {entry}")


def train(
    entry: str,
    *,
    epochs: int | None = None,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    dataset: str | None = None,
    data_dir: Path | None = None,
    run_dir: Path | None = None,
    seed: int = 0,
    **hyperparameters,
) -> Path:
    """Trains a model of the zoo, measures and draws it, and leaves all of it in a run directory.

    Args:
        epochs: passes over the training images; the recipe's number by default.
        batch_size: images a step; the recipe's number by default.
        learning_rate: the optimiser's first step size; the recipe's by default.
        dataset: mnist, fashion_mnist, kmnist, emnist/digits (through TensorFlow Datasets), or digits (embedded). By
            default mnist, or digits if that is neither prepared nor downloadable.
        data_dir: a TFDS directory that holds the data set prepared; TFDS_DATA_DIR by default.
        run_dir: the directory to make for the run; runs/ENTRY-DATE-TIME by default.
        seed: fixes the first weights, the order of the data and all noise.
    """
    started = time.perf_counter()
    from tfgen import checks, data, evaluation, loading, runs, training, weights

    module = loading.entry_module(entry)
    with commands.bad_input():
        recipe = {
            "epochs": checks.positive_int("epochs", module.EPOCHS if epochs is None else epochs),
            "batch_size": checks.positive_int("batch-size", module.BATCH_SIZE if batch_size is None else batch_size),
            "learning_rate": module.LEARNING_RATE if learning_rate is None else learning_rate,
        }
        checks.in_range("learning-rate", recipe["learning_rate"], sys.float_info.min)
        checks.in_range("seed", seed, 0, 2**31 - 1)
        training.set_initial_seed(seed)
        model = module.build(**hyperparameters)
        run = runs.check_new(run_dir or runs.default_path(entry))
        images, reason = (data.load(dataset, data_dir), "") if dataset else data.load_or_embedded(data_dir)
        training.check_batch_size(recipe["batch_size"], images.train)
        runs.create(run)
    if reason:
        say(f"note: {reason}")
    steps = len(images.train.images) // recipe["batch_size"]
    module.compile_model(model, learning_rate=recipe["learning_rate"], steps=steps * recipe["epochs"])
    settings = {"entry": entry, "hyperparameters": commands.defaults(module.build) | hyperparameters, "recipe": recipe}
    device = training.device_name(model)
    runs.write_config(run, **settings, dataset=images, seed=seed, device=device)
    weights.save(model, run / runs.WEIGHTS)
    epochs_of = f"{recipe['epochs']} epochs of {images.name} {images.train.name}"
    say(f"{entry}: {model.parameter_count():,} parameters, {epochs_of}\ndevice: {device}")

    throughput, best_epoch = _fit(model, images, run, recipe, seed)

    weights.load(model, run / runs.WEIGHTS)
    metrics = {
        "protocol": images.protocol,
        "epochs": recipe["epochs"],
        "best_epoch": best_epoch,
        "parameters": model.parameter_count(),
        "images_per_s": round(statistics.median(throughput[1:] or throughput), 1),
        **evaluation.report(model, images),
    }
    drawn = commands.draw(module, model, images, run / runs.FIGURES, run)
    metrics["seconds"] = round(time.perf_counter() - started, 1)
    runs.write_metrics(run, metrics)
    summarise(metrics, run, drawn, model.conditional)
    return run


def _fit(model, images, run: Path, recipe: dict, seed: int) -> tuple[list[float], int]:
    """Trains, or says why it broke off; the images/s of each epoch, and the epoch whose weights are kept."""
    from tfgen import callbacks, training

    epochs, batch_size = recipe["epochs"], recipe["batch_size"]
    throughput = callbacks.Throughput(len(images.train.images) // batch_size * batch_size)
    writer, progress = callbacks.RunWriter(run), callbacks.ProgressLines(epochs)
    watchers = [throughput, callbacks.Validation(images.validation, model), writer, progress]
    try:
        training.fit(model, images.train, epochs=epochs, batch_size=batch_size, seed=seed, callbacks=watchers)
    except training.NonFiniteLossError as error:
        kept = f"the last good weights, of epoch {writer.best_epoch}, are in {run}"
        commands.fail(f"training stopped at {error}; {kept}", commands.NOT_FINITE)
    except KeyboardInterrupt:
        kept = f"the best weights so far, of epoch {writer.best_epoch}, are in {run}"
        commands.fail(f"interrupted; {kept}", commands.INTERRUPTED)
    finally:
        progress.on_train_end()  # gives the terminal back, however training ended
    return throughput.rates, writer.best_epoch


def say(text: str) -> None:
    """A line of the command's own on stdout, at once."""
    print(text, flush=True)


def summarise(metrics: dict, run: Path, drawn: list[Path], conditional: bool) -> None:
    """The numbers and the paths, as a short table."""
    rows = [(name.replace("_", " "), value) for name, value in metrics.items()]
    rows += [("run", run), ("weights", run / "model.weights.h5"), *(("figure", path) for path in drawn)]
    width = max(len(name) for name, _ in rows)
    print()
    for name, value in rows:
        print(f"  {name:{width}}  {value:,.2f}" if isinstance(value, float) else f"  {name:{width}}  {value}")
    print(f"\nIn Python: tfgen.load({str(run)!r}).sample({'digit=5' if conditional else '4, seed=0'})")


if __name__ == "__main__":
    main()
