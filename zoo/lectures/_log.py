"""Lines of TensorFlow's log that are about TensorFlow Probability's own code, and no news to whoever runs a lecture."""

import contextlib

import tensorflow as tf

NO_NEWS = ("discard the imaginary part", "GaussianProcess.__init__", "`jitter` is deprecated", "tf.function retracing")


@contextlib.contextmanager
def quiet():
    """Keeps them off the screen meanwhile."""
    tf.get_logger().addFilter(_is_worth_saying)
    try:
        yield
    finally:
        tf.get_logger().removeFilter(_is_worth_saying)


def _is_worth_saying(record) -> bool:
    return not any(words in record.getMessage() for words in NO_NEWS)
