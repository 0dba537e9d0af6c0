"""The training loop: Keras `fit`, whose train function runs many steps a call on a data set resident in device memory.

One call of the train function takes a block of row indices [K, B]. Gathering, binarising, the model's update and the
sums of its metrics all happen in one compiled function, so Python is met once every K steps. Keras is given a data set
of call numbers only: `tf.data.Dataset.from_generator` would make the whole process return memory to the system at
every step and fetch it anew.
"""

import os

import keras
import numpy as np
import tensorflow as tf

from tfgen import replicas, seeds, strategies
from tfgen.graphs import graph

STEPS_PER_CALL = 60  # some tenths of a second a call: the progress bar moves, Python stays out of the way


class NonFiniteError(Exception):
    """Training met a metric or a weight that is not finite; says which and at which step.

    Attributes:
        step: steps done, the last of which went wrong; for a weight, the last of its epoch.
        loop: the `ResidentLoop` that met it, to run the steps again with.
    """

    def __init__(self, step: int, what: str, loop):
        super().__init__(f"step {step}: {what}")
        self.step, self.loop = step, loop


def fit(model, train, *, epochs: int, batch_size: int, seed: int = 0, callbacks=(), checkpoint=None):
    """Trains a compiled model through `keras.Model.fit`.

    Args:
        model: a compiled `tfgen.Model`.
        train: a `tfgen.data.Split`; its images go to the device once.
        epochs: the epoch to stop after.
        batch_size: images a step; the remainder of an epoch's permutation is left out.
        seed: with the step number, the only source of randomness.
        callbacks: Keras callbacks.
        checkpoint: a `tfgen.checkpoints.Checkpoint` of the same run to go on from.

    Returns:
        Keras's History.

    Raises:
        ValueError: a batch larger than the data or not to be shared evenly, or a checkpoint of another model.
        NonFiniteError: a metric or a weight is not finite. strategies.LostWorkerError: a machine of several has gone.
        MemoryError: the device's memory is too small.
    """
    strategy = model.distribute_strategy
    check_batch_size(batch_size, train, strategy)
    first_epoch = checkpoint.state.epoch if checkpoint else 0
    try:
        loop = model._resident_loop = ResidentLoop(model, train, batch_size, seed)
        model.make_train_function(force=True)
        model.build_optimizers()
        if checkpoint:
            checkpoint.restore(model)
        with strategies.together(strategy):
            return model.fit(
                _for_each_replica(loop.calls(first_epoch, epochs), strategy),
                epochs=epochs,
                initial_epoch=first_epoch,
                steps_per_epoch=loop.calls_per_epoch,
                callbacks=list(callbacks),
                shuffle=False,
                verbose=0,
            )
    except BaseException as error:
        for callback in callbacks:
            callback.on_train_end()  # Keras does not: the progress bar would keep the terminal
        if isinstance(error, tf.errors.ResourceExhaustedError):
            raise MemoryError(f"the device's memory is too small (batches of {batch_size} images)") from error
        raise
    finally:
        model._resident_loop = None
        model.train_function = None


def epoch_order(count: int, batch_size: int, seed: int, epoch: int):
    """The rows of each step of an epoch, int32 [steps, B]: a permutation drawn from (seed, epoch) alone."""
    steps = count // batch_size
    order = np.random.default_rng([seed, epoch]).permutation(count)[: steps * batch_size]
    return order.astype(np.int32).reshape(steps, batch_size)


def _on_each_replica(strategy, *arrays):
    """Arrays as tensors on the device, or on the device of every replica."""
    tensors = tuple(tf.constant(array) for array in arrays)
    if strategy.num_replicas_in_sync == 1:
        return tensors
    copy = lambda *tensors: tuple(tf.identity(tensor) for tensor in tensors)  # noqa: E731
    return tf.function(lambda *tensors: strategy.run(copy, args=tensors), autograph=False)(*tensors)


def _for_each_replica(calls, strategy):
    """Hands every call to every replica, where Keras would deal them out: a replica takes its rows of each step."""
    if strategy.num_replicas_in_sync == 1:
        return calls
    local = len(strategy.extended.worker_devices)
    repeated = calls.flat_map(lambda call: tf.data.Dataset.from_tensors(call).repeat(local))
    return strategy.distribute_datasets_from_function(lambda context: repeated)


class ResidentLoop:
    """A train function for Keras: the numbers of calls in, the epoch's mean metrics so far out."""

    def __init__(self, model, train, batch_size: int, seed: int):
        self.model, self.batch_size, self.seed = model, batch_size, seed
        self.count, self.steps_per_epoch = len(train.images), len(train.images) // batch_size
        self.steps_per_call = min(self.steps_per_epoch, STEPS_PER_CALL)
        self.calls_per_epoch = -(-self.steps_per_epoch // self.steps_per_call)
        self.strategy = model.distribute_strategy
        self.images, self.labels = _on_each_replica(self.strategy, train.images, train.labels)
        self.compiled = tf.function(self.run, autograph=False, jit_compile=uses_xla(model))
        self.weights_are_finite = graph(lambda: _all_finite(model.weights))  # a few thousandths of a second
        self.totals, self.done = {}, 0  # of the epoch so far: sums of metrics, steps

    def calls(self, first_epoch: int, epochs: int):
        """The numbers of the calls that train the epochs from `first_epoch` up to `epochs`, as a data set."""
        return tf.data.Dataset.range(first_epoch * self.calls_per_epoch, epochs * self.calls_per_epoch)

    def steps_of(self, call: int) -> range:
        """The steps of a call, counted from the start of the training; the last call of an epoch may have fewer."""
        epoch, place = divmod(call, self.calls_per_epoch)
        start = epoch * self.steps_per_epoch
        first = start + place * self.steps_per_call
        return range(first, min(first + self.steps_per_call, start + self.steps_per_epoch))

    def rows_of(self, steps: range):
        """The rows of some steps of one epoch, int32 [len(steps), B]."""
        epoch, place = divmod(steps.start, self.steps_per_epoch)
        return epoch_order(self.count, self.batch_size, self.seed, epoch)[place : place + len(steps)]

    def __call__(self, iterator):
        call = self.strategy.experimental_local_results(next(iterator))[0]
        steps = self.steps_of(int(call))
        sums, done = self.advance(steps)
        wrong = [name for name, value in sums.items() if not np.isfinite(value)]
        if wrong:
            raise NonFiniteError(steps.start + done, ", ".join(f"{name} is {sums[name]}" for name in wrong), self)
        if steps.stop % self.steps_per_epoch == 0 and not self.weights_are_finite():
            raise NonFiniteError(steps.stop, "a weight is not finite", self)
        if steps.start % self.steps_per_epoch == 0:
            self.totals, self.done = dict.fromkeys(sums, 0.0), 0
        self.done += done
        for name, value in sums.items():
            self.totals[name] += value
        return {name: total / self.done for name, total in self.totals.items()}

    def advance(self, steps: range) -> tuple[dict, int]:
        """Runs steps of one call until they end or a metric is not finite: the sums of metrics, and the steps done."""
        rows = np.zeros([self.steps_per_call, self.batch_size], np.int32)
        rows[: len(steps)] = self.rows_of(steps)
        sums, done = self.compiled(tf.constant(rows), tf.constant(len(steps)), tf.constant(steps.start))
        return {name: float(value) for name, value in sums.items()}, int(done)

    def run(self, rows, steps, first):
        """Steps on a block of rows [K, B] until it ends or a metric is not finite; (sums of metrics, steps done)."""

        def step(k):
            return self.step(rows[k], first + k)

        traced = (
            tf.function(step, autograph=False).get_concrete_function(tf.TensorSpec([], tf.int32)).structured_outputs
        )
        names = sorted(traced, key=lambda name: name != "loss")  # TensorFlow sorts the rest by name

        def body(k, sums):
            metrics = step(k)
            return k + 1, [total + metrics[name] for total, name in zip(sums, names, strict=True)]

        def more(k, sums):
            return tf.logical_and(k < steps, tf.reduce_all(tf.math.is_finite(tf.stack(sums))))

        done, sums = tf.while_loop(more, body, (0, [tf.zeros([])] * len(names)), parallel_iterations=1)
        return dict(zip(names, sums, strict=True)), done

    def step(self, rows, step):
        """One step of all replicas on the rows [B] of the global batch after `step` others; its metrics."""
        metrics = self.strategy.run(self.replica_step, args=(rows, step, self.images, self.labels))
        return {name: self.strategy.reduce("MEAN", value, axis=None) for name, value in metrics.items()}

    def replica_step(self, rows, step, images, labels):
        """The part of one replica in a step: its own rows of [B]; the metrics of these."""
        rows = replicas.own_rows(rows)
        pixel_seed, seed = seeds.step_seeds(self.seed, step, 2)
        grey = tf.cast(tf.gather(images, rows), tf.float32) / 255.0  # [B / replicas, 28, 28, 1]
        batch = {"image": self.model.pixels(grey, pixel_seed), "label": tf.gather(labels, rows)}
        return self.model.update(batch, seed, step)


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
