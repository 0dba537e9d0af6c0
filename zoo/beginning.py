"""What a training begins with: the model, its data set, and the checkpoint that it resumes from."""

import contextlib
import dataclasses
import inspect
from pathlib import Path

from tfgen import commandline
from zoo import commands


def begin(chosen: dict, run: Path | None, data_dir: Path | None, resume: bool, held: contextlib.ExitStack):
    """What a training works on; makes a new run, by default `runs/ENTRY-DATE-TIME`, and locks it while `held`.

    Returns:
        The model, the data set, the checkpoint to resume from, or None, and the run directory.
    """
    from tfgen.storage import entries, runs
    from tfgen.training import loop, strategies

    devices = strategies.make(chosen["safety"]["strategy"], commands.say)
    chief = strategies.is_chief(devices)
    renamed, run = run is None, run or runs.default_path(chosen["entry"])
    if chief and not resume and not renamed:
        runs.check_new(run)
    model, images, hyperparameters = _prepare(chosen, data_dir, devices)
    if resume:
        runs.check_same_data(run, images)
    if chief and not resume:
        settings = {name: chosen[name] for name in ("entry", "recipe", "safety", "seed")}
        source = {"source": images.source or images.name, **chosen["data"]}
        del source["dataset"]
        config = runs.configuration(
            **settings,
            module=entries.module_name(chosen["entry"]),
            hyperparameters=hyperparameters,
            dataset=images,
            data=source,
            protocol=images.protocol(model.pixels.protocol),
            device=loop.device_name(model),
        )
        run = runs.create(run, config, renamed=renamed)
    if chief:
        held.enter_context(runs.locked(run))
    checkpoint = _last_checkpoint(run, chief, model, chosen["recipe"]) if resume else None
    images = dataclasses.replace(images, train=_labelled(images, chosen))
    return model, images, checkpoint, run


def _prepare(chosen: dict, data_dir: Path | None, devices):
    """The model with its first weights, the data set, and all hyperparameters, with what the data set decides."""
    from tfgen import checks, data
    from tfgen.distributions import likelihoods
    from tfgen.networks import common
    from tfgen.storage import entries, pricing
    from tfgen.training import averages, loop
    from zoo import settings

    of_data, memory = chosen["data"], chosen["safety"]["memory"]
    memory = checks.size("memory", memory) if memory is not None else None
    options = {"image_size": of_data["image_size"], "channels": of_data["image_channels"], "notify": commands.say}
    options |= {"memory": memory, "at_once": settings.batch_size(chosen)}
    if chosen["data"]["dataset"] is not None:
        images = data.load(chosen["data"]["dataset"], data_dir, **options)
    else:
        images, reason = data.load_or_embedded(data_dir, **options)
        if reason:
            commands.say(f"note: {reason}")
    known = entries.parameters(chosen["entry"])
    decided = {"image_shape": images.image_shape, "likelihood": likelihoods.default(images.image_shape)}
    decided |= {"classes": images.classes} if images.classes else {}
    hyperparameters = {name: value for name, value in decided.items() if name in known} | chosen["hyperparameters"]
    pricing.numbers(chosen["entry"], hyperparameters, copies=4)  # weights, gradients and two moments
    loop.set_initial_seed(chosen["seed"])
    with devices.scope(), common.precision(chosen["recipe"]["precision"]):
        model = entries.build(chosen["entry"], hyperparameters)
    if model.needs_labels and len(images.classes) < 2:
        has = f"one class only, {images.classes[0]!r}" if images.classes else "no classes"
        raise ValueError(f"this {model.entry} is trained with labels, and the data set {images.name!r} has {has}")
    if model.pixels.name == "bernoulli" and images.image_shape[-1] > 1:
        commands.say("note: bernoulli binarises each channel, which leaves eight colours; logistic keeps all levels")
    recipe = chosen["recipe"] = settings.fit_to_data(chosen["recipe"], chosen["entry"], len(images.train.images))
    model.clip_norm, model.augment = recipe["clip_norm"], recipe["augment"]
    special = {name: recipe[name] for name in settings.SPECIAL if recipe[name] is not None}
    for name in special.keys() - inspect.signature(model.train_by).parameters:
        words = f"{name.replace('_', '-')} {special[name]}"
        raise ValueError(f"{words} is not for {model.entry}: it takes {settings.SPECIAL[name]}")
    if special:
        model.train_by(**special)
    if recipe["ema"] is not None:
        with devices.scope():
            model.compile_recipe(learning_rate=recipe["learning_rate"], steps=None)
        if not averages.are_kept(model):
            raise ValueError(
                f"ema {recipe['ema']} would do nothing for {model.entry}: its compile_recipe makes an optimiser of its "
                "own, and not by self.adam"
            )
    if recipe["patience"] is not None and not model.monitor:
        raise ValueError(f"patience needs a validation metric, and {model.entry} has none")
    loop.check_batch_size(recipe["batch_size"], images.train, devices)
    _labelled(images, chosen)  # which raises before there is a run
    if recipe["init_from"]:
        _start_from(recipe, model, images)
    return model, images, hyperparameters


def _labelled(images, chosen: dict):
    """The training split, with the labels of as many images as the recipe says and -1 for the others."""
    from tfgen.data import few

    count, seed = chosen["recipe"]["labels"], chosen["seed"]
    if count is None:
        return images.train
    return few.hidden(images.train, few.rows(images.train.labels, count, images.classes, seed), seed)


def _start_from(recipe: dict, model, images) -> None:
    """Gives a model the trained weights that its recipe names, or its encoder those of another model's.

    Raises ValueError where they do not fit.
    """
    from tfgen.models import pretraining
    from tfgen.storage import entries, loading, manifest, weights

    source = recipe["init_from"]
    config, path = loading.find(source)
    shape = tuple((entries.defaults(config["entry"]) | config["hyperparameters"])["image_shape"])
    if shape != model.image_shape:
        sides, own = (" x ".join(map(str, sizes)) for sizes in (shape, model.image_shape))
        raise ValueError(
            f"init-from {source!r} has images of {sides}, {images.name} of {own}; --image-size and --image-channels "
            "choose those of a folder"
        )
    if manifest.read(path.parent).get(path.name, {}).get("sha256") != recipe["init_sha256"]:
        raise ValueError(f"the weights of {source!r} have changed since this run was begun: SHA-256 mismatch")
    if config["entry"] == model.entry:
        weights.load(model, path)
        commands.say(f"starts from the weights of {source}")
        return
    taken = recipe["init_layers"] = pretraining.take(model, loading.load(source), source)
    layers = commandline.counted(len(taken), "layer")
    commands.say(f"the encoder starts with {layers} of {source}: {', '.join(taken)}; all else is fresh")


def _last_checkpoint(run: Path, chief: bool, model, recipe: dict):
    """The checkpoint to resume from, with the run's files as they were then; None if there is none yet."""
    from tfgen import files
    from tfgen.storage import runs
    from tfgen.training import checkpoints
    from zoo import settings

    with model.distribute_strategy.scope():
        model.compile_recipe(learning_rate=recipe["learning_rate"], steps=None)
        model.build_optimizers()
    if chief:
        files.sweep(run)
    checkpoint = checkpoints.newest(run, commands.say, model, settings.epochs(recipe))
    if not chief:
        return checkpoint
    if checkpoint:
        with commandline.giving_up(run, lambda: "what was saved is whole"):
            checkpoint.rewind(run)
    elif (run / runs.HISTORY).exists():
        raise ValueError(f"run {str(run)!r} has no checkpoint to resume from")
    changed = runs.changed_versions(run)
    if changed:
        commands.say(f"note: the run began with {changed}; from here on its numbers may be others")
    return checkpoint
