"""`graph`: how a method becomes a TensorFlow graph here."""

import functools

import tensorflow as tf

# Without AutoGraph: it would read a module's source again while it traces, and an entry that is edited during a
# training would break that training. Control flow that depends on tensors is written as tf.cond and tf.while_loop.
graph = functools.partial(tf.function, autograph=False, reduce_retracing=True)
