"""`model(x)`: the reconstruction of images, or of a model without an encoder the images of codes."""

import keras
import tensorflow as tf

from tfgen.models import feeding


class Calling:
    """The part of `tfgen.Model` that is about calling it, by itself or within another Keras model.

    Attributes:
        answer: what `model(x)` and `predict` do: "decode" codes, or "reconstruct" images where there is a posterior.
    """

    answer = "decode"

    def __call__(self, inputs, **options):
        """As `call`. What is wrong with values is said before Keras wraps the message into lines of its own."""
        if not any(map(_is_symbolic, tf.nest.flatten(inputs))):
            rows = feeding.as_floats(feeding.Feed(self, "predict").rows(inputs))
            x, *label = rows.values()
            if not len(x):  # on no rows convolutions fail
                return tf.zeros([0, *self.image_shape])
            values, *_ = feeding.unpacked(inputs)
            x = tf.reshape(fractions(values), x.shape) if tf.is_tensor(values) else x  # so that gradients reach it
            inputs = [x, *label] if label else x
        return super().__call__(inputs, **options)

    def call(self, inputs):
        """The images that the model makes of its inputs.

        Args:
            inputs: images [B, H, W, C], uint8 in 0..255, bool, or float in [0, 1], or codes [B, Z]; for conditional
                models [images or codes, labels].

        Returns:
            float32 [B, H, W, C] in [0, 1].
        """
        x, condition = inputs, {}
        if self.conditional:
            if not isinstance(inputs, list | tuple) or len(inputs) != 2:
                raise TypeError(feeding.Feed(self, "predict").missing_labels())
            x, label = inputs
            condition = {"label": tf.cast(tf.reshape(label, [-1]), tf.int64)}
        return getattr(self, f"serve_{self.answer}")(fractions(x), **condition)["image"]

    def compute_output_shape(self, input_shape):
        """(B, H, W, C) of what `call` is given, whose shape, or list of shapes, is `input_shape`."""
        first = input_shape[0]
        return (first[0] if isinstance(first, list | tuple) else first, *self.image_shape)

    def compute_output_spec(self, inputs):
        """What `call` answers to symbolic inputs: float32, whatever the networks compute in."""
        shapes = [tuple(each.shape) for each in tf.nest.flatten(inputs)]
        return keras.KerasTensor(self.compute_output_shape(shapes), "float32")


def fractions(values):
    """Images of bytes or bits as float32 in [0, 1]; other numbers as they are, float32."""
    return tf.cast(values, tf.float32) / (255.0 if values.dtype == tf.uint8 else 1.0)


def _is_symbolic(value) -> bool:
    return isinstance(value, keras.KerasTensor) or (tf.is_tensor(value) and tf.is_symbolic_tensor(value))
