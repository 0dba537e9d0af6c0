"""`python -m zoo.train ENTRY`: trains a model, measures it and draws its figures, all in a run directory."""

import contextlib
import statistics
import sys
import time
from pathlib import Path
from typing import Literal

from tfgen import commandline, data
from tfgen.storage import entries, runs
from zoo import commands

USAGE = "python -m zoo.train"
MNIST = 55_000  # images that mnist is trained on
ROLLBACKS = 3  # of a run, after which it stops at a number that is not finite


def main(arguments: list[str] | None = None) -> None:
    """The command line: an entry, then options from the signatures of `train` and of the entry's `build`."""
    with commandline.stoppable():
        arguments = commands.arguments_of(arguments)
        entry = commands.entry_argument(arguments, USAGE, "Trains a model of the zoo.")
        with commandline.bad_input():
            command = commands.with_hyperparameters(train, entry, recipe_of(entry))
        commandline.run(command, arguments[1:], f"{USAGE} {entry}", commands.who_has, commands.REGISTERING)


def recipe_of(entry: str) -> dict[str, str]:
    """What an entry's recipe has for the options that it decides, in words."""
    recipe = entries.declaration(entry)
    epochs = max(1, round(recipe.steps / max(1, MNIST // recipe.batch_size)))
    return {
        "epochs": f"{recipe.steps:,} steps, {epochs} epochs of mnist",
        "batch_size": f"{recipe.batch_size:,}, or all images if there are fewer",
        "learning_rate": f"{recipe.learning_rate:g}",
    }


def train(
    entry: str,
    *,
    epochs: int | None = None,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    dataset: str | None = None,
    image_size: int | None = None,
    image_channels: int | None = None,
    data_dir: Path | None = None,
    memory: str | None = None,
    run_dir: Path | None = None,
    seed: int | None = None,
    resume: bool = False,
    checkpoint_every: int | None = None,
    on_nan: Literal["stop", "rollback"] | None = None,
    strategy: Literal["single", "mirrored", "multiworker"] | None = None,
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] | None = None,
    clip_norm: float | None = None,
    cycles: int | None = None,
    patience: int | None = None,
    augment: tuple[Literal["flip", "shift"], ...] | None = None,
    init_from: str | None = None,
    ema: float | None = None,
    importance_samples: int | None = None,
    labels: int | None = None,
    **hyperparameters,
) -> Path:
    """Trains a model of the zoo, measures it, draws its figures, and saves all of it in a run directory.

    Args:
        epochs: passes over the training images in each cycle. The default comes from the number of steps in the recipe;
            with a small data set, one epoch then passes over it several times.
        batch_size: images per step.
        learning_rate: the optimiser's first learning rate.
        dataset: a data set of TensorFlow Datasets (mnist, fashion_mnist, cifar10, ...), a folder of pictures, an .npz
            file of images, or digits (embedded). By default mnist, or digits if mnist is not on this machine and cannot
            be downloaded.
        image_size: crops the images to a square and resizes them to this many pixels per side.
        image_channels: 1 for grey images, 3 for colour; by default the images stay as they are.
        data_dir: a TFDS directory that holds the prepared data set; TFDS_DATA_DIR by default.
        memory: how much memory the decoded images may take, such as 500MB, 2GB or 2GiB; by default half of what is
            free. Larger data sets are decoded once into a file and read from there during training.
        run_dir: the new directory for the run; runs/ENTRY-DATE-TIME by default.
        seed: seeds the initial weights, the order of the data and all noise; 0 by default.
        resume: resumes the run in --run-dir from its last checkpoint with its settings, as if it had never stopped.
        checkpoint_every: epochs between checkpoints; 1 by default.
        on_nan: what to do when a number is not finite: stop (the default), or rollback, which resumes from the last
            checkpoint with half the learning rate, at most three times.
        strategy: single uses one device (the default); mirrored uses all GPUs of this machine (its logical CPUs if it
            has no GPU); multiworker uses all machines that TF_CONFIG names. --batch-size is the total per step.
        precision: the number format in which the networks compute; float32 by default. Likelihoods and variables are
            always float32.
        clip_norm: scales gradients with a larger norm down to this norm; by default no gradients are scaled.
        cycles: how many times the training runs through --epochs; 1 by default. The learning rate starts again in every
            cycle (warm restarts, Loshchilov and Hutter 2017); the warm-up happens only in the first. dcgan's learning
            rate is constant.
        patience: stops after this many epochs without an improvement on validation images; never by default.
        augment: changes the training images a little in every epoch: flip mirrors them left to right, shift moves them
            by up to a sixteenth of their width and height. None by default.
        init_from: starts from the trained weights of a run or from an entry's shipped weights, with its
            hyperparameters, instead of random weights. If they are of another model, the encoder starts with the hidden
            layers of its encoder that have the same shapes, and everything else is random.
        ema: keeps an exponential moving average of the weights, which is validated and saved. The value is the share of
            the old average in the new one, such as 0.999. None by default.
        importance_samples: trains with the importance-weighted bound with this many samples of the code per image,
            instead of -ELBO. For models with a bound on the likelihood.
        labels: keeps the labels of this many training images, the same number for each class, and hides the others. For
            models that learn from few labels; by default all labels are known.
    """
    began = time.perf_counter()
    with commandline.bad_input():  # what needs no TensorFlow
        if dataset is not None:
            data.check(dataset, data_dir)
        if run_dir is not None and not resume and strategy != "multiworker":  # where the chief makes it for all
            runs.check_new(run_dir)
    from tfgen.training import loop, strategies
    from zoo import beginning, settings

    options = {"epochs": epochs, "batch_size": batch_size, "learning_rate": learning_rate, "dataset": dataset}
    options |= {"image_size": image_size, "image_channels": image_channels, "seed": seed}
    options |= {"checkpoint_every": checkpoint_every, "on_nan": on_nan, "strategy": strategy, "precision": precision}
    options |= {"clip_norm": clip_norm, "cycles": cycles, "patience": patience, "augment": augment}
    options |= {"init_from": init_from, "memory": memory, "ema": ema, "importance_samples": importance_samples}
    options |= {"labels": labels}
    with contextlib.ExitStack() as held:
        with commandline.bad_input():
            if resume:
                chosen = settings.of_run(run_dir, entry, options, hyperparameters)
                if runs.is_finished(run_dir):
                    commands.say(f"{run_dir} is finished: nothing is left to do")
                    return run_dir
            else:
                chosen = settings.of_recipe(entry, options, hyperparameters)
            model, images, checkpoint, run = beginning.begin(chosen, run_dir, data_dir, resume, held)
        passes = f", {chosen['recipe']['passes']} passes each" if chosen["recipe"]["passes"] > 1 else ""
        epochs_of = (
            f"{commandline.counted(settings.epochs(chosen['recipe']), 'epoch')} of {images.name} {images.train.name}"
        )
        commands.say(f"{entry}: {model.parameter_count():,} parameters, {epochs_of}{passes}")
        commands.say(f"device: {loop.device_name(model)}")
        if checkpoint:
            began -= checkpoint.state.seconds
            commands.say(f"resumed after epoch {checkpoint.state.epoch}")
        state = _fit(model, images, run, chosen, checkpoint, began)
        devices = model.distribute_strategy
        if strategies.is_chief(devices):
            _finish(model, images, run, state, began)
        with commands.lost_workers(run):
            strategies.meet(devices)  # whoever left before would look lost
    return run


def _fit(model, images, run: Path, chosen: dict, checkpoint, began: float):
    """Trains from a checkpoint or from the start until it is done, or says why it broke off; the state at the end."""
    from tfgen.storage import requirements, weights
    from tfgen.training import callbacks, checkpoints, loop, strategies
    from zoo import settings

    chief = strategies.is_chief(model.distribute_strategy)
    recipe, state = chosen["recipe"], checkpoint.state if checkpoint else checkpoints.State()
    steps = settings.steps_of_epoch(recipe, len(images.train.images)) * recipe["epochs"]
    epochs, patience = settings.epochs(recipe), recipe["patience"]
    best = lambda: f"the best weights so far, of epoch {state.best_epoch}, are in {run}; resume it with --resume"  # noqa: E731
    with commandline.giving_up(run, best), commands.lost_workers(run):
        if chief and not checkpoint:
            weights.save(model, run / runs.WEIGHTS)
        while state.epoch < epochs and not callbacks.is_over(patience, state):
            learning_rate = recipe["learning_rate"] / 2**state.halvings
            with model.distribute_strategy.scope():
                model.compile_recipe(learning_rate=learning_rate, steps=steps)
            try:
                loop.fit(
                    model,
                    images.train,
                    validation=images.validation,
                    epochs=epochs,
                    batch_size=recipe["batch_size"],
                    passes=recipe["passes"],
                    seed=chosen["seed"],
                    callbacks=_watchers(model, images, run, chosen, state, began) if chief else (),
                    checkpoint=checkpoint,
                )
                break
            except MemoryError as error:
                commandline.fail(f"{error}; a new run with a smaller --batch-size or --memory needs less")
            except requirements.RequirementError as error:
                commandline.fail(error)
            except loop.NonFiniteError as error:
                if not chief:
                    commandline.fail(f"training stopped at {error}", commandline.NOT_FINITE)
                checkpoint = _roll_back(error, images, run, chosen)
                state = checkpoint.state
        if chief and state.epoch < epochs:
            commands.say(f"stopped after epoch {state.epoch}: {model.monitor} was best in epoch {state.best_epoch}")
        return state


def _watchers(model, images, run: Path, chosen: dict, state, began: float) -> list:
    """The callbacks of a training, in the order in which they act when an epoch ends."""
    from tfgen.training import averages, callbacks, progress, symptoms
    from zoo import frames, settings

    recipe = chosen["recipe"]
    images_per_epoch = settings.steps_of_epoch(recipe, len(images.train.images)) * recipe["batch_size"]
    patience, shown = recipe["patience"], averages.Averages()
    return [
        *([shown] if recipe["ema"] else []),
        callbacks.Throughput(images_per_epoch, state),
        callbacks.RunWriter(run, state),
        progress.ProgressLines(settings.epochs(recipe)),
        symptoms.Symptoms(images.validation, warn, state.warned),
        frames.Frames(run, settings.epochs(recipe)),
        *([callbacks.Patience(patience, state)] if patience else []),
        *([averages.Weights(shown)] if recipe["ema"] else []),
        callbacks.Checkpoints(run, state, chosen["safety"]["checkpoint_every"], began),
    ]


def _roll_back(error, images, run: Path, chosen: dict):
    """Finds and keeps what was not finite; the last good checkpoint with half the learning rate, if there is to be one.

    Otherwise ends the process.
    """
    from tfgen.training import checkpoints, diagnosis

    last = checkpoints.newest(run, commands.say)
    fault = diagnosis.diagnose(error, last)
    batch = diagnosis.keep(run, fault, images.train, last)
    learning_rate, done = chosen["recipe"]["learning_rate"], last.state.halvings
    if chosen["safety"]["on_nan"] == "stop" or done == ROLLBACKS:
        halved = f", after {done} rollbacks" if done else ""
        kept = f"its batch is {batch}, the last good checkpoint, of epoch {last.state.epoch}, lies beside it"
        commandline.fail(f"training stopped at {fault}{halved}; {kept}", commandline.NOT_FINITE)
    last.state.halvings += 1
    checkpoints.write_state(last.path, last.state, last.content)
    last.rewind(run)
    learning_rate /= 2**last.state.halvings
    where = f"back to epoch {last.state.epoch} with learning rate {learning_rate:g}"
    warn(f"note: {fault}; its batch is {batch}; {where}, rollback {last.state.halvings} of {ROLLBACKS}")
    return last


def _finish(model, images, run: Path, state, began: float) -> None:
    """Measures and draws the trained model; metrics.json, written last, is the mark of a finished run."""
    from tfgen.evaluation import likelihood
    from tfgen.storage import loading, weights
    from zoo import ending, frames

    trained = f"the trained weights are in {run}; --resume finishes its numbers and figures"
    with commandline.giving_up(run, lambda: trained):
        if model.distribute_strategy.num_replicas_in_sync > 1 or model.dtype_policy.name != "float32":
            model = loading.load(run)  # on one device and in float32, as whoever loads it
        else:
            weights.load(model, run / runs.WEIGHTS)
        commands.say(f"trained; measuring on {len(images.test.images):,} test images, then drawing figures")
        metrics = {
            "protocol": images.protocol(model.pixels.protocol),
            "epochs": state.epoch,
            "best_epoch": state.best_epoch,
            "parameters": model.parameter_count(),
            "images_per_s": round(statistics.median(state.speeds[1:] or state.speeds), 1),
            **likelihood.report(model, images),
        }
        (run / runs.FIGURES).mkdir(exist_ok=True)  # made with the run, but pictures are what people tidy away
        drawn = commands.draw(model, images, run / runs.FIGURES, commands.training_figures(model, images, run))
        if animated := frames.animate(model, images, run, state.epoch):
            drawn.append(animated)
        metrics["seconds"] = round(time.perf_counter() - began, 1)
        runs.write_metrics(run, metrics)
    print(ending.as_text(metrics, run, drawn, model))


def warn(text: str) -> None:
    """A line on stderr, at once."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
