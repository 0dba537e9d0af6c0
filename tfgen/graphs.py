"""`graph`: how a method becomes a TensorFlow graph here."""

from tfgen.quiet import tf

_made = set()  # the names of what became one


def graph(function):
    """A function or method as a TensorFlow graph.

    Without AutoGraph: it would read a module's source again while it traces, and an entry that is edited during a
    training would break that training. Control flow that depends on tensors is written as tf.cond and tf.while_loop.
    """
    _made.add(function.__qualname__)
    return tf.function(function, autograph=False, reduce_retracing=True)


def _is_worth_saying(record) -> bool:
    """Whether a line of TensorFlow's log is not its warning of a method that is traced once for each of many models."""
    message = record.getMessage()
    return "retracing" not in message or not any(f"<function {name} at" in message for name in _made)


tf.get_logger().addFilter(_is_worth_saying)
