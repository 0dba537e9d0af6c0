"""The training loop: Keras's `fit` on a data set that lives in device memory, many steps a call.

Keras is given blocks of steps, [first step, number of steps], and the model's `train_step` runs a block as one compiled
function: rows are gathered, images prepared and the model updated on the device, so that Python is met once every
`STEPS_PER_BLOCK` steps. The order of the rows is drawn anew when an epoch begins, from (seed, epoch) alone.

Images that do not fit in memory come with the block that needs them; the steps are the same.

On several devices the replicas meet in the midst of a step, which Keras's own train function runs on each replica by
itself; there the same compiled block is installed through `make_train_function`.
"""

import os

import keras
import numpy as np
import tensorflow as tf

from tfgen import seeds
from tfgen.data.stored import StoredImages
from tfgen.graphs import graph
from tfgen.training import replicas, strategies, streaming

STEPS_PER_BLOCK = 60  # some tenths of a second a block: the progress bar moves, Python stays out of the way
VALIDATION_BATCH = 1000


class NonFiniteError(Exception):
    """Training met a metric or a weight that is not finite; says which and at which step.

    Attributes:
        step: steps done, the last of which went wrong; for a weight, the last of its epoch.
        loop: the `Loop` that met it, to run the steps again with.
    """

    def __init__(self, step: int, what: str, loop):
        super().__init__(f"step {step}: {what}")
        self.step, self.loop = step, loop


def fit(
    model,
    train,
    *,
    epochs: int,
    batch_size: int,
    passes: int = 1,
    seed=0,
    validation=None,
    callbacks=(),
    checkpoint=None,
):
    """Trains a compiled model through `keras.Model.fit`.

    Args:
        model: a compiled `tfgen.Model`.
        train: a `tfgen.data.Split`; its images go to the device once, or block by block if they are stored in a file.
        epochs: the epoch to stop after.
        batch_size: images per step; the remainder of an epoch's permutation is left out.
        passes: over the training images in an epoch.
        seed: with the step number, the only source of randomness.
        validation: a split whose metrics are logged as `val_NAME` after each epoch, seen as `model.pixels` sees it.
        callbacks: Keras callbacks.
        checkpoint: a `tfgen.training.checkpoints.Checkpoint` of the same run to resume from.

    Returns:
        Keras's History.

    Raises:
        ValueError: a batch larger than the data or not to be shared evenly, or a checkpoint of another model.
        NonFiniteError: a metric or a weight is not finite. strategies.LostWorkerError: a machine of several is lost.
        MemoryError: the device's memory is too small. files.ReadError: stored images can no longer be read.
    """
    check_batch_size(batch_size, train, model.distribute_strategy)
    first_epoch = checkpoint.state.epoch if checkpoint else 0
    loop = None
    try:
        loop = Loop(model, train, batch_size, seed, passes)
        model.use_loop(loop)
        model.build_optimizers()
        if checkpoint:
            checkpoint.restore(model)
        else:
            model.adapt(train.images)
        with strategies.together(loop.strategy):
            return model.fit(
                loop.blocks(first_epoch),
                epochs=epochs,
                initial_epoch=first_epoch,
                steps_per_epoch=loop.blocks_per_epoch,
                validation_data=loop.held_out(validation) if validation and model.validates() else None,
                validation_steps=-(-len(validation.images) // VALIDATION_BATCH) if validation else None,
                callbacks=[Epochs(loop), *callbacks],
                shuffle=False,
                verbose=0,
            )
    except BaseException as error:
        for callback in callbacks:
            callback.on_train_end()  # Keras does not: the progress bar would keep the terminal
        if isinstance(error, tf.errors.ResourceExhaustedError):
            raise MemoryError(f"the device's memory is too small (batches of {batch_size} images)") from error
        if loop and loop.read_errors:
            raise loop.read_errors[0] from None
        raise
    finally:
        model.use_loop(None)


def epoch_order(count: int, batch_size: int, seed: int, epoch: int, passes: int = 1):
    """The rows of each step of an epoch, int32 [steps, B]: a permutation drawn from (seed, epoch) alone.

    In an epoch of several passes each row comes so many times, in any order.
    """
    steps = steps_of_epoch(count, batch_size, passes)
    order = np.random.default_rng([seed, epoch]).permutation(passes * count)[: steps * batch_size] % count
    return order.astype(np.int32).reshape(steps, batch_size)


def steps_of_epoch(count: int, batch_size: int, passes: int = 1) -> int:
    """The steps of an epoch over `count` images."""
    return passes * count // batch_size


class Loop:
    """Blocks of training steps on a split, in device memory or streamed.

    Attributes:
        model, batch_size, passes, seed, strategy: what it trains, and how.
        steps_per_epoch, steps_per_block, blocks_per_epoch: how steps are counted.
        shared: whether several devices train.
        streamed: whether images come block by block.
        read_errors: what stopped the stream, if anything did; TensorFlow raises no more of it than its text.
    """

    def __init__(self, model, train, batch_size: int, seed: int, passes: int = 1):
        self.model, self.batch_size, self.seed = model, batch_size, seed
        self.count, self.passes = len(train.images), passes
        self.steps_per_epoch = steps_of_epoch(self.count, batch_size, passes)
        self.steps_per_block = min(self.steps_per_epoch, STEPS_PER_BLOCK)
        self.train, self.streamed, self.read_errors = train, isinstance(train.images, StoredImages), []
        if self.streamed:
            fitting = streaming.steps_per_block(train.images, batch_size, self.steps_per_block)
            self.steps_per_block, self.reads_ahead = fitting
        self.blocks_per_epoch = -(-self.steps_per_epoch // self.steps_per_block)
        self.strategy = model.distribute_strategy
        self.shared = self.strategy.num_replicas_in_sync > 1
        self.resident = () if self.streamed else _on_each_replica(self.strategy, train.images, train.labels)
        padded = (self.steps_per_epoch + self.steps_per_block) * batch_size  # the last block is cut from a full one
        self.order = tf.Variable(tf.zeros([padded], tf.int32), trainable=False)
        self.validation = None
        self.first_step = tf.Variable(0, trainable=False)  # of the epoch
        self.done = tf.Variable(0, trainable=False)  # steps of the whole training
        self.compiled = tf.function(self.run, autograph=False, jit_compile=uses_xla(model))
        self.weights_are_finite = graph(lambda: _all_finite(model.weights))  # a few thousandths of a second

    def blocks(self, first_epoch: int = 0):
        """The blocks of an epoch again and again, int32 [2] each: the first step in the epoch, the number of steps.

        Each comes with its images and labels where these are streamed, (block, images, labels).
        """
        starts = np.arange(0, self.steps_per_epoch, self.steps_per_block)
        lengths = np.minimum(self.steps_per_block, self.steps_per_epoch - starts)
        blocks = np.stack([starts, lengths], axis=1).astype(np.int32)
        blocks = tf.data.Dataset.from_tensor_slices(blocks).repeat()
        if not self.streamed:
            return self.handed_to_each_replica(blocks)
        images = streaming.blocks(
            self.train,
            self.batch_size,
            self.steps_per_block,
            ahead=self.reads_ahead,
            steps_per_epoch=self.steps_per_epoch,
            order=self.order_of,
            first_epoch=first_epoch,
            errors=self.read_errors,
        )
        if not self.shared:
            return tf.data.Dataset.zip(blocks, images).map(lambda block, of: (block, *of))
        self.stream = iter(images)  # the images of a block are the same for all replicas
        return self.handed_to_each_replica(blocks)

    def held_out(self, split):
        """A split as validation sees it, in batches of `rows_held_out`; on several devices the first row of each batch.

        Keras averages the first element over the replicas before it begins, which images of bytes and tuples do not
        bear.
        """
        self.validation = self.model.pixels.held_out(split.images), split.labels
        if not self.shared:
            if isinstance(split.images, StoredImages):
                batches = streaming.chunks(*self.validation, VALIDATION_BATCH, self.read_errors)
            else:
                batches = tf.data.Dataset.from_tensor_slices(self.validation).batch(VALIDATION_BATCH)
            return batches.enumerate().map(lambda index, batch: rows_held_out(index * VALIDATION_BATCH, *batch))
        starts = np.arange(0, len(split.images), VALIDATION_BATCH, dtype=np.int32)
        return self.handed_to_each_replica(tf.data.Dataset.from_tensor_slices(starts).repeat())

    def handed_to_each_replica(self, elements):
        """A data set whose every element goes to every replica, where Keras would deal them out."""
        if not self.shared:
            return elements
        local = len(self.strategy.extended.worker_devices)
        repeated = elements.flat_map(lambda element: tf.data.Dataset.from_tensors(element).repeat(local))
        return self.strategy.distribute_datasets_from_function(lambda context: repeated)

    def begin_epoch(self, epoch: int) -> None:
        """Draws the order of an epoch."""
        rows = self.order_of(epoch).ravel()
        self.order.assign(np.pad(rows, [0, self.order.shape[0] - len(rows)]))
        self.first_step.assign(epoch * self.steps_per_epoch)

    def rows_of(self, steps: range):
        """The rows of some steps of one epoch, int32 [len(steps), B]."""
        epoch, place = divmod(steps.start, self.steps_per_epoch)
        return self.order_of(epoch)[place : place + len(steps)]

    def order_of(self, epoch: int):
        """The rows of each step of an epoch, int32 [steps, B]."""
        return epoch_order(self.count, self.batch_size, self.seed, epoch, self.passes)

    def __call__(self, block):
        """Runs a block of steps, an element of `blocks`: (the means of its metrics, the number of steps done)."""
        block, *streamed = block if self.streamed else (block,)
        start, length = tf.unstack(block)
        first = self.first_step + start
        count = self.steps_per_block * self.batch_size
        if streamed:
            rows, streamed = tf.range(count), [tf.reshape(part, [count, *part.shape[2:]]) for part in streamed]
        else:
            rows = tf.slice(self.order, [start * self.batch_size], [count])
        rows = tf.reshape(rows, [self.steps_per_block, self.batch_size])
        sums, done = self.compiled(rows, length, first, *streamed)
        self.done.assign(first + done)
        weight = tf.cast(done, tf.float32)
        return {name: total / weight for name, total in sums.items()}, weight

    def advance(self, steps: range) -> tuple[dict, int]:
        """Runs steps of one epoch until they end or a metric is not finite: the sums of metrics, and the steps done."""
        rows = np.zeros([self.steps_per_block, self.batch_size], np.int32)
        rows[: len(steps)] = self.rows_of(steps)
        rows, *streamed = self.placed(rows)
        sums, done = self.compiled(rows, tf.constant(len(steps)), tf.constant(steps.start), *streamed)
        return {name: float(value) for name, value in sums.items()}, int(done)

    def placed(self, rows: np.ndarray) -> tuple:
        """Rows as `run` and `step` take them; where images are streamed, with the images and labels of these rows."""
        if not self.streamed:
            return (tf.constant(rows),)
        images, labels = self.train.images[rows.ravel()], self.train.labels[rows.ravel()]
        return tf.reshape(tf.range(rows.size), rows.shape), tf.constant(images), tf.constant(labels)

    def run(self, rows, steps, first, *streamed):
        """Steps on a block of rows [K, B] until it ends or a metric is not finite; (sums of metrics, steps done).

        Rows are those of the images and labels in device memory, or of those that come with the block.
        """
        # A function of its own: the loop asks it for the names of the metrics, and tracing, which takes longer than
        # many steps, is done once.
        step = tf.function(lambda k: self.step(rows[k], first + k, *streamed), autograph=False)
        step = step.get_concrete_function(tf.TensorSpec([], tf.int32))
        names = sorted(step.structured_outputs, key=lambda name: name != "loss")  # TensorFlow sorts the rest by name

        def body(k, sums):
            metrics = step(k)
            return k + 1, [total + metrics[name] for total, name in zip(sums, names, strict=True)]

        def more(k, sums):
            return tf.logical_and(k < steps, tf.reduce_all(tf.math.is_finite(tf.stack(sums))))

        done, sums = tf.while_loop(more, body, (0, [tf.zeros([])] * len(names)), parallel_iterations=1)
        return dict(zip(names, sums, strict=True)), done

    def step(self, rows, step, *streamed):
        """One step of all replicas on the rows [B] of the global batch after `step` others; its metrics."""
        images, labels = streamed or self.resident
        if not self.shared:
            return self.replica_step(rows, step, images, labels)
        metrics = self.strategy.run(self.replica_step, args=(rows, step, images, labels))
        return {name: self.strategy.reduce("MEAN", value, axis=None) for name, value in metrics.items()}

    def replica_step(self, rows, step, images, labels):
        """The part of one replica in a step: its own rows of [B]; the metrics of these."""
        rows = replicas.own_rows(rows)
        pixel_seed, seed = seeds.step_seeds(self.seed, step, 2)
        image = tf.cast(tf.gather(images, rows), tf.float32) / 255.0  # [B / replicas, H, W, C]
        batch = {"image": self.model.prepared(image, pixel_seed), "label": tf.gather(labels, rows)}
        return self.model.update(batch, seed, step)

    def train_function(self, iterator):
        """Keras's train function on several devices."""
        block = self._own(iterator)
        means, weight = self((block, *next(self.stream)) if self.streamed else block)
        return self.model.means.update(means, weight)

    def test_function(self):
        """Keras's test function on several devices: every process evaluates the whole split by itself."""
        step = tf.function(self.model.test_step, autograph=False, reduce_retracing=True)

        def test(iterator):
            start = int(self._own(iterator))
            batch = (tf.constant(part[start : start + VALIDATION_BATCH]) for part in self.validation)
            return step(rows_held_out(start, *batch))

        return test

    def _own(self, iterator):
        """The next element of a distributed iterator, which is the same on every replica."""
        return self.strategy.experimental_local_results(next(iterator))[0]


def rows_held_out(first, image, label) -> dict:
    """A batch of validation, {"image", "label", "row": int64 [B]}, of which `first` is the number of the first row."""
    row = tf.cast(first, tf.int64) + tf.range(tf.shape(image, tf.int64)[0])
    return {"image": image, "label": label, "row": row}


class Epochs(keras.callbacks.Callback):
    """Draws the order of every epoch, and stops a training whose metrics or weights are not finite."""

    def __init__(self, loop: Loop):
        super().__init__()
        self.loop = loop

    def on_epoch_begin(self, epoch, logs=None):
        self.loop.begin_epoch(epoch)

    def on_train_batch_end(self, batch, logs=None):
        wrong = [f"{name} is {value}" for name, value in logs.items() if not np.isfinite(value)]
        if wrong:
            raise NonFiniteError(int(self.loop.done), ", ".join(wrong), self.loop)

    def on_epoch_end(self, epoch, logs=None):
        if not self.loop.weights_are_finite():
            raise NonFiniteError(int(self.loop.done), "a weight is not finite", self.loop)


def _on_each_replica(strategy, *arrays):
    """Arrays as tensors on the device, or on the device of every replica."""
    tensors = tuple(tf.constant(array) for array in arrays)
    if strategy.num_replicas_in_sync == 1:
        return tensors
    copy = lambda *tensors: tuple(tf.identity(tensor) for tensor in tensors)  # noqa: E731
    return tf.function(lambda *tensors: strategy.run(copy, args=tensors), autograph=False)(*tensors)


def _all_finite(tensors):
    return tf.reduce_all([tf.reduce_all(tf.math.is_finite(tensor)) for tensor in tensors])


def check_batch_size(batch_size: int, train, strategy) -> None:
    """Raises ValueError if a batch is larger than the data, or if replicas cannot share it evenly."""
    replicas = strategy.num_replicas_in_sync
    if batch_size % replicas:
        raise ValueError(f"batch-size, shared by {replicas} devices, must be divisible by {replicas}, got {batch_size}")
    if batch_size > len(train.images):
        raise ValueError(f"batch-size must be at most the {len(train.images)} training images, got {batch_size}")


def set_initial_seed(seed: int) -> None:
    """Fixes the weights that the next model starts from."""
    keras.utils.set_random_seed(seed)


def device_name(model) -> str:
    """The devices that train, in words, and whether XLA compiles their steps."""
    strategy, gpus = model.distribute_strategy, tf.config.list_logical_devices("GPU")
    name = "CPU"
    if gpus:
        details = tf.config.experimental.get_device_details(tf.config.list_physical_devices("GPU")[0])
        name = details.get("device_name", "GPU")
    if strategy.num_replicas_in_sync > 1:
        workers = strategies.workers(strategy)
        count = f"{strategy.num_replicas_in_sync} {'GPUs' if gpus else 'CPU devices'}"
        count += f" of {workers} machines" if workers > 1 else ""
    else:
        count = f"{len(gpus)} GPUs, one used" if len(gpus) > 1 else "GPU" if gpus else f"{os.cpu_count()} cores"
    return f"{name} ({count}), {'XLA' if uses_xla(model) else 'no XLA'}"


def uses_xla(model) -> bool:
    """XLA for dense models everywhere, for convolutional ones only on an accelerator, and not on several devices.

    Several devices meet in the midst of a step, where XLA compiles whole steps.
    """
    if model.distribute_strategy.num_replicas_in_sync > 1:
        return False
    return not model.convolutional or bool(tf.config.list_logical_devices("GPU"))
