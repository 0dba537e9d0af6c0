"""`python -m zoo.train ENTRY`: from nothing to a trained, measured and pictured model in a run directory."""

import contextlib
import statistics
import sys
import time
from pathlib import Path
from typing import Literal

from zoo import commands

USAGE = "python -m zoo.train"
ROLLBACKS = 3  # of a run, after which it stops at a number that is not finite


def main(arguments: list[str] | None = None) -> None:
    """The command line: an entry, then options from the signatures of `train` and of the entry's `build`."""
    arguments = sys.argv[1:] if arguments is None else arguments
    with commands.stoppable():
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
    seed: int | None = None,
    resume: bool = False,
    checkpoint_every: int | None = None,
    on_nan: Literal["stop", "rollback"] | None = None,
    strategy: Literal["single", "mirrored", "multiworker"] | None = None,
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] | None = None,
    clip_norm: float | None = None,
    cycles: int | None = None,
    **hyperparameters,
) -> Path:
    """Trains a model of the zoo, measures and draws it, and leaves all of it in a run directory.

    Args:
        epochs: passes over the training images, in each of --cycles; the recipe's number by default.
        batch_size: images a step; the recipe's number by default.
        learning_rate: the optimiser's first step size; the recipe's by default.
        dataset: mnist, fashion_mnist, kmnist, emnist/digits (through TensorFlow Datasets), or digits (embedded). By
            default mnist, or digits if that is neither prepared nor downloadable.
        data_dir: a TFDS directory that holds the data set prepared; TFDS_DATA_DIR by default.
        run_dir: the directory to make for the run; runs/ENTRY-DATE-TIME by default.
        seed: fixes the first weights, the order of the data and all noise; 0 by default.
        resume: goes on with the run in --run-dir from its last checkpoint, with its settings, as if it had not stopped.
        checkpoint_every: epochs from one checkpoint to the next; 1 by default.
        on_nan: at a number that is not finite, stop (the default), or rollback: go on from the last checkpoint with
            half the learning rate, at most three times.
        strategy: one device (single, the default), all GPUs of this machine (mirrored; its logical CPUs if it has no
            GPU), or all machines that TF_CONFIG names (multiworker). --batch-size is what they share in a step.
        precision: what the networks compute in; likelihoods and the variables are float32 (the default) with any.
        clip_norm: the largest norm of a gradient, to which a longer one is scaled down; none by default.
        cycles: how often the training runs through --epochs; the step size begins each time anew (warm restarts,
            Loshchilov and Hutter 2017), the warm-up belongs to the first, and dcgan's step size is constant. 1 by
            default.
    """
    began = time.perf_counter()
    from tfgen import loading, runs, strategies, training
    from zoo import settings

    module = loading.entry_module(entry)
    options = {"epochs": epochs, "batch_size": batch_size, "learning_rate": learning_rate, "dataset": dataset}
    options |= {"seed": seed, "checkpoint_every": checkpoint_every, "on_nan": on_nan}
    options |= {"strategy": strategy, "precision": precision, "clip_norm": clip_norm, "cycles": cycles}
    with contextlib.ExitStack() as held:
        with commands.bad_input():
            if resume:
                chosen, run = settings.of_run(run_dir, module, options, hyperparameters), run_dir
                if runs.is_finished(run):
                    say(f"{run} is finished: nothing is left to do")
                    return run
            else:
                chosen, run = settings.of_recipe(module, options, hyperparameters), run_dir or runs.default_path(entry)
            model, images, checkpoint = _begin(chosen, run, data_dir, resume, held)
        epochs_of = f"{settings.epochs(chosen['recipe'])} epochs of {images.name} {images.train.name}"
        say(f"{entry}: {model.parameter_count():,} parameters, {epochs_of}\ndevice: {training.device_name(model)}")
        if checkpoint:
            began -= checkpoint.state.seconds
            say(f"resumed after epoch {checkpoint.state.epoch}")
        state = _fit(module, model, images, run, chosen, checkpoint, began)
        devices = model.distribute_strategy
        if strategies.is_chief(devices):
            _finish(module, model, images, run, state, began)
        with commands.lost_workers(run):
            strategies.meet(devices)  # whoever left before would look lost
    return run


def _begin(chosen: dict, run: Path, data_dir: Path | None, resume: bool, held: contextlib.ExitStack):
    """The model, the data set and the checkpoint to go on from, if any; makes a new run and locks it while `held`."""
    from tfgen import runs, strategies, training

    devices = strategies.make(chosen["care"]["strategy"], say)
    chief = strategies.is_chief(devices)
    if chief and not resume:
        runs.check_new(run)
    model, images = _prepare(chosen, data_dir, devices)
    if chief and not resume:
        device = training.device_name(model)
        runs.create(run, runs.configuration(**chosen | {"dataset": images, "device": device}))
    if chief:
        held.enter_context(runs.locked(run))
    checkpoint = _last_checkpoint(run, chief) if resume else None
    return model, images, checkpoint


def _prepare(chosen: dict, data_dir: Path | None, devices):
    """The model with its first weights, and the data set."""
    from tfgen import data, loading, networks, training

    training.set_initial_seed(chosen["seed"])
    with devices.scope(), networks.precision(chosen["recipe"]["precision"]):
        model = loading.build(chosen["entry"], chosen["hyperparameters"])
    model.clip_norm = chosen["recipe"]["clip_norm"]
    if chosen["dataset"]:
        images = data.load(chosen["dataset"], data_dir)
    else:
        images, reason = data.load_or_embedded(data_dir)
        if reason:
            say(f"note: {reason}")
    training.check_batch_size(chosen["recipe"]["batch_size"], images.train, devices)
    return model, images


def _last_checkpoint(run: Path, chief: bool):
    """The checkpoint to go on from, with the run's files as they were then; None if there is none yet."""
    from tfgen import checkpoints, files, runs

    if not chief:
        return checkpoints.newest(run, say)
    files.sweep(run)
    checkpoint = checkpoints.newest(run, say)
    if checkpoint:
        with commands.giving_up(run, lambda: "what was saved is whole"):
            checkpoint.rewind(run)
    elif (run / runs.HISTORY).exists():
        raise ValueError(f"run {str(run)!r} has no checkpoint to go on from")
    changed = runs.changed_versions(run)
    if changed:
        say(f"note: the run began with {changed}; from here on its numbers may be others")
    return checkpoint


def _fit(module, model, images, run: Path, chosen: dict, checkpoint, began: float):
    """Trains from a checkpoint or from the start until it is done, or says why it broke off; the state at the end."""
    from tfgen import checkpoints, runs, strategies, training, weights
    from zoo import settings

    chief = strategies.is_chief(model.distribute_strategy)
    recipe, state = chosen["recipe"], checkpoint.state if checkpoint else checkpoints.State()
    epochs, steps = settings.epochs(recipe), len(images.train.images) // recipe["batch_size"] * recipe["epochs"]
    best = lambda: f"the best weights so far, of epoch {state.best_epoch}, are in {run}; --resume goes on"  # noqa: E731
    with commands.giving_up(run, best), commands.lost_workers(run):
        if chief and not checkpoint:
            weights.save(model, run / runs.WEIGHTS)
        while state.epoch < epochs:
            rate = recipe["learning_rate"] / 2**state.halvings
            with model.distribute_strategy.scope():
                module.compile_model(model, learning_rate=rate, steps=steps)
            try:
                training.fit(
                    model,
                    images.train,
                    epochs=epochs,
                    batch_size=recipe["batch_size"],
                    seed=chosen["seed"],
                    callbacks=_watchers(model, images, run, chosen, state, began) if chief else (),
                    checkpoint=checkpoint,
                )
                break
            except MemoryError as error:
                commands.fail(f"{error}; a new run with a smaller --batch-size needs less")
            except training.NonFiniteError as error:
                if not chief:
                    commands.fail(f"training stopped at {error}", commands.NOT_FINITE)
                checkpoint = _roll_back(error, images, run, chosen)
                state = checkpoint.state
        return state


def _watchers(model, images, run: Path, chosen: dict, state, began: float) -> list:
    """The callbacks of a training, in the order in which they act when an epoch ends."""
    from tfgen import callbacks, symptoms
    from zoo import settings

    epochs, batch_size = settings.epochs(chosen["recipe"]), chosen["recipe"]["batch_size"]
    return [
        callbacks.Throughput(len(images.train.images) // batch_size * batch_size, state),
        callbacks.Validation(images.validation, model),
        callbacks.RunWriter(run, state),
        callbacks.ProgressLines(epochs),
        symptoms.Symptoms(images.validation, warn, state.warned),
        callbacks.Checkpoints(run, state, chosen["care"]["checkpoint_every"], began),
    ]


def _roll_back(error, images, run: Path, chosen: dict):
    """Finds and keeps what was not finite; the last good checkpoint with half the learning rate, if there is to be one.

    Otherwise ends the process.
    """
    from tfgen import checkpoints, diagnosis

    last = checkpoints.newest(run, say)
    fault = diagnosis.diagnose(error, last)
    batch = diagnosis.keep(run, fault, images.train, last)
    rate, done = chosen["recipe"]["learning_rate"], last.state.halvings
    if chosen["care"]["on_nan"] == "stop" or done == ROLLBACKS:
        halved = f", after {done} rollbacks" if done else ""
        kept = f"its batch is {batch}, the last good checkpoint, of epoch {last.state.epoch}, lies beside it"
        commands.fail(f"training stopped at {fault}{halved}; {kept}", commands.NOT_FINITE)
    last.state.halvings += 1
    checkpoints.write_state(last.path, last.state, last.content)
    last.rewind(run)
    rate /= 2**last.state.halvings
    where = f"back to epoch {last.state.epoch} with learning rate {rate:g}"
    warn(f"note: {fault}; its batch is {batch}; {where}, rollback {last.state.halvings} of {ROLLBACKS}")
    return last


def _finish(module, model, images, run: Path, state, began: float) -> None:
    """Measures and draws the trained model; metrics.json, written last, is the mark of a finished run."""
    from tfgen import evaluation, loading, runs, weights

    trained = f"the trained weights are in {run}; --resume finishes its numbers and figures"
    with commands.giving_up(run, lambda: trained):
        if model.distribute_strategy.num_replicas_in_sync > 1 or model.dtype_policy.name != "float32":
            model = loading.load(run)  # on one device and in float32, as whoever loads it
        else:
            weights.load(model, run / runs.WEIGHTS)
        metrics = {
            "protocol": images.protocol,
            "epochs": state.epoch,
            "best_epoch": state.best_epoch,
            "parameters": model.parameter_count(),
            "images_per_s": round(statistics.median(state.rates[1:] or state.rates), 1),
            **evaluation.report(model, images),
        }
        (run / runs.FIGURES).mkdir(exist_ok=True)  # made with the run, but pictures are what people tidy away
        drawn = commands.draw(module, model, images, run / runs.FIGURES, run)
        metrics["seconds"] = round(time.perf_counter() - began, 1)
        runs.write_metrics(run, metrics)
    summarise(metrics, run, drawn, model.conditional)


def warn(text: str) -> None:
    """A line on stderr, at once."""
    print(text, file=sys.stderr, flush=True)


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
