"""Checkpoints: a training that goes on from one is the training that never stopped, and a damaged one is never used."""

import dataclasses
import json
import os
import shutil

import keras
import numpy as np
import pytest

import tfgen
from tfgen.storage import entries, runs, weights
from tfgen.training import callbacks, checkpoints, loop, schedules

EPOCHS = 3


def compiled(entry, **variant):
    """A small model of an entry, or of a variant, by its recipe, the same each time."""
    module = entries.module(entry)
    loop.set_initial_seed(0)
    model = module.build(**module.SMALL | variant)
    model.compile_recipe(learning_rate=module.LEARNING_RATE, steps=EPOCHS * 6)
    return model


def trained(run, model, digits, checkpoint=None, every=1, watchers=()):
    """Trains as the command does, from a checkpoint if there is one."""
    state = checkpoint.state if checkpoint else checkpoints.State()
    own = [callbacks.Throughput(1200, state), callbacks.RunWriter(run, state), callbacks.Checkpoints(run, state, every)]
    options = {"epochs": EPOCHS, "batch_size": 200, "validation": digits.validation}
    loop.fit(model, digits.train, **options, callbacks=[*own, *watchers], checkpoint=checkpoint)
    return model


def begun(run, model):
    """A new run, with the model's first weights."""
    runs.create(run, {})
    weights.save(model, run / runs.WEIGHTS)
    return run


QUICK = ("aae", {})  # three optimisers, and no convolutions
CASES = [(entry, {}) for entry in tfgen.entries()]
CASES += [(entry, variant) for entry in tfgen.entries() for variant in getattr(entries.module(entry), "VARIANTS", ())]
# DCGAN has statistics and, in its variant, skipped steps besides.


@pytest.mark.parametrize(
    ("entry", "variant"), [pytest.param(*case, marks=() if case == QUICK else pytest.mark.slow) for case in CASES]
)
def test_training_goes_on_as_if_it_had_not_stopped(entry, variant, tmp_path, digits, no_xla):
    """What lies on the disk when an epoch ends is what SIGKILL leaves; another process builds the model anew."""
    whole, half = tmp_path / "whole", tmp_path / "half"

    def copy(epoch, logs):
        if epoch == 0:
            shutil.copytree(whole, half)

    model = compiled(entry, **variant)
    trained(begun(whole, model), model, digits, watchers=[keras.callbacks.LambdaCallback(on_epoch_end=copy)])
    checkpoint = checkpoints.newest(half, pytest.fail)
    assert checkpoint.state.epoch == 1
    other = trained(half, compiled(entry, **variant), digits, checkpoint)
    for ours, theirs in zip(other.weights, model.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert (half / runs.HISTORY).read_text() == (whole / runs.HISTORY).read_text()
    last, expected = (checkpoints.newest(run, pytest.fail) for run in (half, whole))
    for name, value in expected._arrays().items():
        if name != checkpoints.BEST:  # whose layers are named by what was built before in this process
            np.testing.assert_array_equal(last._arrays()[name], value, err_msg=name)
    same = ("epoch", "best", "best_epoch", "history", "halvings", "warned")
    assert all(getattr(last.state, name) == getattr(expected.state, name) for name in same)


@pytest.fixture(scope="module")
def run(tmp_path_factory, digits):
    """The run of a small VAE with a checkpoint every second epoch, and the last."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "uses_xla", lambda model: False)
        model = compiled("vae")
        run = begun(tmp_path_factory.mktemp("runs") / "run", model)
        trained(run, model, digits, every=2)
    return run


@pytest.fixture
def copy(run, tmp_path):
    return shutil.copytree(run, tmp_path / "copy")


def test_checkpoints_are_as_far_apart_as_asked_and_the_last_two_are_kept(run):
    names = {path.name for path in (run / runs.CHECKPOINTS).iterdir()}
    assert names == {f"epoch-{epoch:05d}.{ending}" for epoch in (2, 3) for ending in ("npz", "json")}


def test_every_optimiser_is_in_a_checkpoint_and_no_step_size():
    model = compiled("dcgan")
    model.optimizers["generator"] = keras.optimizers.Adam(1e-3)  # without a schedule the step size is a variable
    model.optimizers["discriminator"] = keras.optimizers.Adam(schedules.falling(1e-3, 10))
    model.build_optimizers()
    names = checkpoints._variables(model)
    assert {name.partition("/")[0] for name in names} == {"model", "discriminator", "generator"}
    slots = sum(len(optimizer.variables) for optimizer in model.optimizers.values())
    assert len(names) == len(model.weights) + slots - 1
    assert not [variable.path for variable in names.values() if "learning_rate" in variable.path]


def damage(path, how):
    content = path.read_bytes()
    middle = len(content) // 2
    if how == "flipped":
        path.write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])
    elif how == "cut":
        path.write_bytes(content[:middle])
    else:
        path.unlink()


@pytest.mark.parametrize(("ending", "how"), [("npz", "flipped"), ("npz", "cut"), ("npz", "missing"), ("json", "cut")])
def test_damaged_checkpoint_is_reported_and_the_one_before_it_taken(copy, ending, how):
    told = []
    damage(copy / runs.CHECKPOINTS / f"epoch-00003.{ending}", how)
    assert checkpoints.newest(copy, told.append).state.epoch == 2
    assert len(told) == 1
    assert "epoch-00003" in told[0]
    assert "damaged" in told[0]


def test_state_that_was_changed_is_damage_too(copy):
    path, told = copy / runs.CHECKPOINTS / "epoch-00003.json", []
    record = json.loads(path.read_text())
    record["state"]["history"][0]["loss"] += 1e-9
    path.write_text(json.dumps(record))
    assert checkpoints.newest(copy, told.append).state.epoch == 2
    assert "SHA-256 mismatch" in told[0]


def rewritten(copy, **fields):
    """A newest checkpoint of other fields whose hash matches."""
    path = copy / runs.CHECKPOINTS / "epoch-00003.npz"
    state = dataclasses.replace(checkpoints.newest(copy, pytest.fail).state)
    for name, value in fields.items():
        setattr(state, name, value)
    checkpoints.write_state(path, state, path.read_bytes())


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"epoch": 4}, "epoch 4"),
        ({"epoch": "3"}, "state.epoch: "),
        ({"history": []}, "a history of 0"),
        ({"history": [{"loss": "low"}] * 3}, "state.history.0.loss"),
        ({"halvings": -1}, "state.halvings: "),
    ],
)
def test_a_state_that_contradicts_itself_is_damage(copy, fields, words):
    told = []
    rewritten(copy, **fields)
    assert checkpoints.newest(copy, told.append).state.epoch == 2
    assert words in told[0]


def test_an_epoch_beyond_the_training_and_variables_of_another_model_are_damage(copy):
    told = []
    assert checkpoints.newest(copy, told.append, epochs=2).state.epoch == 2
    assert "it is of epoch 3, the training has 2" in told[0]
    other = entries.build("vae", {"latent_dim": 3, "hidden_units": (17,)})
    other.compile(optimizer=keras.optimizers.Adam())
    other.build_optimizers()
    with pytest.raises(ValueError, match="every checkpoint in"):
        checkpoints.newest(copy, told.append, model=other)
    assert "other variables" in told[1]
    model = compiled("vae")
    model.build_optimizers()
    assert checkpoints.newest(copy, pytest.fail, model=model, epochs=3).state.epoch == 3


@pytest.mark.parametrize("ending", ["json", "npz"])
def test_a_pipe_in_the_place_of_a_checkpoint_is_damage(copy, ending):
    path, told = copy / runs.CHECKPOINTS / f"epoch-00003.{ending}", []
    path.unlink()
    os.mkfifo(path)
    assert checkpoints.newest(copy, told.append).state.epoch == 2
    assert "not a plain file" in told[0]


def test_files_of_others_in_the_folder_are_left_alone(copy):
    folder, names = copy / runs.CHECKPOINTS, ("epoch-.json", "epoch-x.json", "epoch-00009.json.txt", "epoch-1 (2).npz")
    for name in names:
        (folder / name).write_text("mine")
    (folder / "epoch-00007.npz").mkdir()
    assert checkpoints.newest(copy, pytest.fail).state.epoch == 3
    checkpoints._prune(folder, 3)
    assert all((folder / name).read_text() == "mine" for name in names)


def test_checkpoint_whose_state_was_not_written_does_not_exist(copy):
    damage(copy / runs.CHECKPOINTS / "epoch-00003.json", "missing")
    assert checkpoints.newest(copy, pytest.fail).state.epoch == 2


def test_no_whole_checkpoint_is_an_error_and_none_at_all_is_not(copy, tmp_path):
    for epoch in (2, 3):
        damage(copy / runs.CHECKPOINTS / f"epoch-0000{epoch}.npz", "cut")
    with pytest.raises(ValueError, match=r"every checkpoint in .* is damaged"):
        checkpoints.newest(copy, lambda line: None)
    assert checkpoints.newest(tmp_path, pytest.fail) is None


def test_damaged_checkpoint_gives_way_to_the_ones_that_follow(copy, digits, no_xla):
    """Epoch 3 is damaged; going on from 2 must not count it among the last two."""
    damage(copy / runs.CHECKPOINTS / "epoch-00003.npz", "cut")
    checkpoint = checkpoints.newest(copy, lambda line: None)
    model = compiled("vae")
    model.build_optimizers()
    checkpoint.restore(model)
    checkpoints.write(copy, model, dataclasses.replace(checkpoint.state))
    assert [path.stem for path in checkpoints._listed(copy / runs.CHECKPOINTS)] == ["epoch-00002"]
    assert checkpoints.newest(copy, pytest.fail).state.epoch == 2


def test_rewinding_takes_back_what_was_written_after_the_checkpoint(copy):
    damage(copy / runs.CHECKPOINTS / "epoch-00003.json", "missing")
    checkpoint = checkpoints.newest(copy, pytest.fail)
    (copy / runs.WEIGHTS).write_bytes(b"of an epoch that will be another one")
    checkpoint.rewind(copy)
    assert [row["epoch"] for row in runs.read_history(copy)] == [1, 2]
    weights.load(compiled("vae"), copy / runs.WEIGHTS)


def test_checkpoint_of_another_model_is_refused(run, digits):
    model = entries.build("vae", {"latent_dim": 3, "hidden_units": (17,)})
    model.compile(optimizer=keras.optimizers.Adam())
    with pytest.raises(ValueError, match="not of this model"):
        checkpoints.newest(run, pytest.fail).restore(model)
