"""One training step on several devices: each replica has its own rows of the global batch, and all move as one.

A model's `update` is written for a batch, as on one device. On R replicas each runs it on B / R rows with the noise of
those very rows, and the gradient of a mean over the global batch is the mean of the replicas' gradients. Outside a
`tf.distribute` strategy there is one replica, and nothing here adds an operation.
"""

import keras
import tensorflow as tf


def count() -> int:
    """The number of replicas that share this step."""
    return tf.distribute.get_replica_context().num_replicas_in_sync


def own_rows(whole, axis: int = 0):
    """The part of this replica, of a tensor that holds the rows of the global batch along `axis`."""
    if count() == 1:
        return whole
    rows = tf.shape(whole)[axis] // count()
    first = tf.distribute.get_replica_context().replica_id_in_sync_group * rows
    return tf.gather(whole, first + tf.range(rows), axis=axis)


def noise(draw, shape, seed, axis: int = 0):
    """`draw(shape, seed)` for a batch with its rows along `axis`.

    A row of the global batch has the same noise whichever replica has it: each draws all rows' and takes its own.
    """
    if count() == 1:
        return draw(shape, seed)
    whole = tf.unstack(shape)
    whole[axis] *= count()
    return own_rows(draw(whole, seed), axis)


def gathered(rows):
    """The rows of the whole global batch, in order, of this replica's rows [B, ...]: for a loss that compares rows."""
    return rows if count() == 1 else tf.distribute.get_replica_context().all_gather(rows, axis=0)


def descend(optimizer, tape, loss, variables, *, clip_norm: float | None = None, when=True) -> None:
    """One step of an optimiser down the gradient of the replicas' mean of `loss`.

    No variable moves before the loss and all gradients are computed: they belong to the old values of the variables.

    Args:
        optimizer: a built Keras optimiser; a `LossScaleOptimizer` has the gradient computed on its scale.
        tape: the gradient tape that recorded `loss`.
        loss: the mean of the loss over this replica's rows, a scalar.
        variables: what to move.
        clip_norm: the gradient of all replicas is scaled down to this norm (Pascanu et al. 2013); None for never.
        when: a scalar tensor; nothing moves where it is false.
    """
    scaled = isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
    weight = optimizer.scale_loss(tf.constant(1 / count())) if scaled or count() > 1 else None
    gradients = tape.gradient(loss, variables, output_gradients=weight)
    if clip_norm or scaled:  # Keras adds the replicas' gradients up only after it has looked at them
        gradients = _sum_over_replicas(gradients)
        if clip_norm:
            gradients, _ = tf.clip_by_global_norm(gradients, optimizer.scale_loss(clip_norm))
        gradients = [gradient / count() for gradient in gradients]
    if not optimizer.built:
        optimizer.build(variables)  # a branch may not create variables
    # TensorFlow puts an edge from each read of a variable to its next write. It drops this edge if another path joins
    # the two, such as one through the IdentityN of Keras's optimiser, and later it removes that path too. Without
    # control dependencies a read and a write could then race.
    computed = [loss, *(gradient for gradient in gradients if gradient is not None)]
    with tf.control_dependencies(computed):
        if when is True:
            optimizer.apply(gradients, variables)
        else:
            _apply_when(when, lambda *gradients: optimizer.apply(gradients, variables), gradients)


def _sum_over_replicas(tensors):
    return tf.distribute.get_replica_context().all_reduce("SUM", tensors) if count() > 1 else tensors


def _apply_when(condition, apply, gradients):
    """Calls apply(*gradients) where `condition`, the same on every replica, is true."""

    def branch(function):
        return lambda: (function(), True)[1]

    if not tf.distribute.has_strategy():
        tf.cond(condition, branch(lambda: apply(*gradients)), lambda: True)
        return

    def on_all_replicas(strategy, condition, *gradients):
        # Replicas meet inside `apply`, which they may not do inside a branch: the branch is taken around all of them.
        on_each = branch(lambda: strategy.extended.call_for_each_replica(apply, args=gradients))
        tf.cond(strategy.experimental_local_results(condition)[0], on_each, lambda: True)

    tf.distribute.get_replica_context().merge_call(on_all_replicas, args=(condition, *gradients))
