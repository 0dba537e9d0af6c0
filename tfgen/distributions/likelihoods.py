"""Pixel likelihoods p(x|z): one object that knows the distribution, its images and the protocol they are measured by.

bernoulli   x_i ~ Bernoulli(sigmoid(f_i))         images binarised, afresh in every epoch
normal      x_i ~ N(sigmoid(f_i), 0.3^2)          grey levels in [0, 1]

A decoder gives the raw parameters f, [..., H, W, P]; images are [..., H, W, C] in [0, 1].
"""

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tfgen import checks, inputs

tfd = tfp.distributions

PIXEL_STDDEV = 0.3  # of the normal likelihood, about what reconstructions of grey levels are off by


class Pixels:
    """How a model sees the pixels of its images: as they are, grey levels or colours in [0, 1].

    Attributes:
        name: of the likelihood.
        protocol: what the numbers of such a model are measured by, behind the data set's name: `mnist-grey`.
        parameters: raw network outputs that a channel of a pixel needs, P / C.
    """

    name = "none"
    protocol = "grey"
    parameters = 1

    def prepare(self, image, draw_uniform):
        """Training images from images in [0, 1], [B, H, W, C].

        Args:
            image: float32 [B, H, W, C] in [0, 1].
            draw_uniform: draws noise of that shape in [0, 1).
        """
        return image

    def held_out(self, images: np.ndarray) -> np.ndarray:
        """Images as validation and test see them, from uint8 [N, H, W, C]."""
        return images

    def parameter_shape(self, image_shape) -> tuple[int, int, int]:
        """The shape of the raw parameters of an image, (H, W, P)."""
        height, width, channels = image_shape
        return height, width, channels * self.parameters


class Bernoulli(Pixels):
    """Independent Bernoulli pixels, p(x = 1) = sigmoid(f); images are binarised, x ~ Bernoulli(level)."""

    name = "bernoulli"
    protocol = "dynamic"

    def __call__(self, parameters):
        """p(x|z) from logits [..., H, W, C]: batch [...], event [H, W, C]."""
        return tfd.Independent(tfd.Bernoulli(logits=parameters, dtype=tf.float32), 3)

    def prepare(self, image, draw_uniform):
        return tf.cast(draw_uniform() < image, tf.float32)

    def held_out(self, images):
        """Binarised once, with the seed 0 of the protocol; bool."""
        return inputs.binarised(images)


class Normal(Pixels):
    """Independent normal pixels around sigmoid(f) with a fixed standard deviation."""

    name = "normal"

    def __call__(self, parameters):
        """p(x|z) from raw means [..., H, W, C]: batch [...], event [H, W, C]."""
        return tfd.Independent(tfd.Normal(tf.sigmoid(parameters), PIXEL_STDDEV), 3)


LIKELIHOODS = {likelihood.name: likelihood for likelihood in (Bernoulli, Normal)}


def make(name: str) -> Pixels:
    """The likelihood of a name. Raises ValueError, naming the choices, if there is none."""
    checks.one_of("likelihood", name, LIKELIHOODS)
    return LIKELIHOODS[name]()
