"""Images read from a file: the batches, the weights and the numbers of images in memory, from any step on."""

import itertools
import time

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgen import data, files
from tfgen.data import stored
from tfgen.evaluation import codes, likelihood, pictures
from tfgen.evaluation import images as images_of
from tfgen.storage import runs, weights
from tfgen.training import callbacks, checkpoints, diagnosis, loop, streaming

BATCH = 100  # 12 steps an epoch
BATCH_BYTES = BATCH * 28 * 28


@pytest.fixture(scope="module")
def in_file(digits, tmp_path_factory):
    """A function that puts the images of a split into a file, of which a number of batches may be in memory."""
    folder = tmp_path_factory.mktemp("images")

    def put(split, batches: int):
        path = folder / split.name
        path.write_bytes(split.images.tobytes())
        images = stored.StoredImages(path, split.images.shape, batches * BATCH_BYTES)
        return data.Split(split.name, images, split.labels)

    return put


@pytest.mark.parametrize("batch_size", [1, 7, 100])
def test_what_is_held_at_once_fits_in_memory(batch_size):
    for memory, most in itertools.product([1, 3, 7, 10, 60, 500, 10**6], [1, 12, 60]):
        images = stored.StoredImages("nowhere", (1000, 16, 16, 3), memory * batch_size * 16 * 16 * 3)
        steps, ahead = streaming.steps_per_block(images, batch_size, most)
        assert 1 <= steps <= most
        held = 3 * steps + streaming.READERS
        assert held <= memory if ahead else steps == 1
        assert ahead == (memory >= 3 + streaming.READERS)


def blocks_of(split, steps: int, first_epoch: int, seed: int = 3, ahead: bool = True):
    return streaming.blocks(
        split,
        BATCH,
        steps,
        ahead=ahead,
        steps_per_epoch=12,
        order=lambda epoch: loop.epoch_order(len(split.images), BATCH, seed, epoch),
        first_epoch=first_epoch,
        errors=[],
    )


@pytest.mark.parametrize(("steps", "ahead"), [(1, False), (5, True), (12, True)])
def test_batches_are_those_of_the_order_of_each_epoch(digits, in_file, steps, ahead):
    split, blocks = in_file(digits.train, 99), -(-12 // steps)
    for first in (0, 2):
        images, labels = zip(*itertools.islice(blocks_of(split, steps, first, ahead=ahead), 2 * blocks), strict=True)
        for part, whole in ((images, digits.train.images), (labels, digits.train.labels)):
            batches = np.concatenate(part).reshape(2, blocks * steps, BATCH, *whole.shape[1:])
            for epoch, found in enumerate(batches, first):
                np.testing.assert_array_equal(found[:12], whole[loop.epoch_order(len(whole), BATCH, 3, epoch)])
                assert not found[12:].any()


class Recording(stored.StoredImages):
    """Stored images that note which rows were asked for."""

    def __getitem__(self, rows):
        self.__dict__.setdefault("asked", []).append(rows)
        return super().__getitem__(rows)


def test_a_later_epoch_reads_its_own_rows_only_and_not_far_ahead(digits, in_file):
    images = in_file(digits.train, 99).images
    split = data.Split("train", Recording(images.path, images.shape, images.memory), digits.train.labels)
    stream = iter(blocks_of(split, 2, first_epoch=5))
    next(stream)
    time.sleep(0.2)  # for as long as anything reads ahead
    first = loop.epoch_order(len(images), BATCH, 3, 5)[: 3 * 2 + streaming.READERS]
    asked = {tuple(rows) for rows in split.images.asked}
    assert {tuple(rows) for rows in first[:2]} <= asked <= {tuple(rows) for rows in first}


def fitted(model, train, validation, **options):
    model.compile(optimizer=keras.optimizers.Adam(1e-3))
    history = loop.fit(model, train, epochs=2, batch_size=BATCH, seed=5, validation=validation, **options).history
    return [variable.numpy() for variable in (*model.weights, *model.optimizer.variables)], history


@pytest.fixture(scope="module")
def resident(small_vae, digits):
    """A small VAE trained on images in memory: its variables, and its history."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "uses_xla", lambda model: False)
        return fitted(small_vae(), digits.train, digits.validation)


def assert_equal(variables, expected) -> None:
    for ours, theirs in zip(variables, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("batches", [99, pytest.param(1, marks=pytest.mark.slow)])
def test_weights_are_those_of_images_in_memory(small_vae, digits, in_file, resident, no_xla, batches):
    found = fitted(small_vae(), in_file(digits.train, batches), in_file(digits.validation, batches))
    assert_equal(found[0], resident[0])
    for name, values in resident[1].items():
        np.testing.assert_allclose(found[1][name], values, rtol=1e-6)  # the means are taken of larger or smaller blocks
    if batches == 99:
        assert found[1] == resident[1]


@pytest.mark.slow
def test_weights_are_those_of_images_in_memory_under_xla(small_vae, digits, in_file):
    found = [fitted(small_vae(), split, None)[0] for split in (digits.train, in_file(digits.train, 9))]
    assert_equal(*found)


def test_steps_outside_of_blocks_have_the_images_of_their_rows(small_vae, digits, in_file):
    """As diagnosis makes them."""
    rows = loop.epoch_order(len(digits.train.images), BATCH, 1, 0)[:3]
    steps = loop.Loop(small_vae(), in_file(digits.train, 20), BATCH, seed=1)
    places, images, labels = steps.placed(rows)
    np.testing.assert_array_equal(images.numpy()[places], digits.train.images[rows])
    np.testing.assert_array_equal(labels.numpy()[places], digits.train.labels[rows])


@pytest.mark.slow
def test_a_fault_is_found_in_streamed_images(small_vae, digits, in_file, tmp_path, no_xla):
    model = small_vae()
    loss = model.training_loss

    def training_loss(batch, seed, step):
        terms = loss(batch, seed, step)
        return terms | {"loss": tf.where(tf.equal(step, 17), float("nan"), terms["loss"])}

    model.training_loss = training_loss
    run, state, train = tmp_path / "run", checkpoints.State(), in_file(digits.train, 20)
    runs.create(run, {})
    weights.save(model, run / runs.WEIGHTS)
    with pytest.raises(loop.NonFiniteError) as caught:
        fitted(model, train, None, callbacks=[callbacks.Checkpoints(run, state)])
    checkpoint = checkpoints.newest(run, pytest.fail)
    fault = diagnosis.diagnose(caught.value, checkpoint)
    assert str(fault) == "step 18: loss is nan"
    with np.load(diagnosis.keep(run, fault, train, checkpoint)) as batch:
        np.testing.assert_array_equal(batch["images"], digits.train.images[fault.rows])


@pytest.mark.parametrize("part", ["train", pytest.param("validation", marks=pytest.mark.slow)])
def test_a_file_that_is_lost_stops_the_training_and_is_named(small_vae, digits, in_file, no_xla, part):
    splits = {name: in_file(getattr(digits, name), 20) for name in ("train", "validation")}
    path = splits[part].images.path
    lost = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: path.write_bytes(b""))
    with pytest.raises(files.ReadError, match="cannot be read: it is cut off"):
        fitted(small_vae(), **splits, callbacks=[lost])


def test_evaluation_reads_a_chunk_at_a_time_and_is_that_of_images_in_memory(small_vae, digits, in_file, monkeypatch):
    """The numbers of the test split, and what the pictures show."""
    cut = images_of.chunks
    for module in (images_of, likelihood, codes):
        monkeypatch.setattr(module, "chunks", lambda model, labels, size=50: cut(model, labels, size))
    model, test = small_vae(), in_file(digits.test, 1)
    test = data.Split(test.name, Recording(test.images.path, test.images.shape, 0), test.labels)
    found = []
    for split in (digits.test, test):
        part = data.Dataset("digits", digits.train, digits.validation, split, digits.classes)
        found.append(
            (likelihood.report(model, part), codes.code_usage(model, split), codes.codes(model, split).tolist())
        )
    assert found[0] == found[1]
    assert len(test.images.asked) == 3 * 6
    assert max(len(range(300)[rows]) for rows in test.images.asked) == 50
    assert "reconstructions" in pictures.of_model(model, part)
