"""Pixel likelihoods p(x|z): one object that knows the distribution, its images and the protocol they are measured by.

bernoulli             x_i ~ Bernoulli(sigmoid(f_i))      images binarised, afresh in every epoch
normal                x_i ~ N(sigmoid(f_i), 0.3^2)       levels in [0, 1]
normal_global_stddev  x_i ~ N(sigmoid(f_i), s^2)         one stddev s for all pixels, learned
normal_pixel_stddev   x_i ~ N(sigmoid(f_i), s_i^2)       a stddev for each pixel, another output of the decoder
logistic              x_i ~ round(Logistic(m_i, s_i))    the 256 levels of 8 bits, the tails on the outer two

A decoder gives the raw parameters f, [..., H, W, P]; images are [..., H, W, C] in [0, 1].
"""

from typing import Literal, get_args

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tfgen import checks, inputs
from tfgen.distributions.logistic import DiscretisedLogistic
from tfgen.networks.common import SharedParameter, functional

tfd = tfp.distributions

Likelihood = Literal["bernoulli", "normal", "normal_global_stddev", "normal_pixel_stddev", "logistic"]

PIXEL_STDDEV = 0.3  # of the normal likelihood, about what reconstructions of grey levels are off by
SMALLEST_STDDEV = 0.02  # of a learned one: the density of a pixel that never changes would grow without a bound
SMALLEST_LEVEL = 0.005  # and 1 less it: the levels whose logits are finite
SMALLEST_NOISE = 1e-6  # uniform noise nearer to 0 or 1 has no finite quantile in float32
SMALLEST_SCALE = 0.1 / 255  # of the logistic: a tenth of a level, below which one level has all the mass


class Pixels:
    """How a model sees the pixels of its images: as they are, grey levels or colours in [0, 1].

    Attributes:
        name: of the likelihood.
        image_shape: (H, W, C) of the images.
        parameters: raw numbers that the distribution of a channel needs, P / C.
        is_discrete: whether its values are probabilities of the 256 levels of 8 bits, which compare in bits per
            dimension.
    """

    name = "none"
    parameters = 1
    is_discrete = False

    def __init__(self, image_shape):
        self.image_shape = tuple(image_shape)

    @property
    def protocol(self) -> str:
        """What the numbers of such a model are measured by, behind the data set's name: `mnist-grey`."""
        return "grey" if self.image_shape[-1] == 1 else "colour"

    @property
    def parameter_shape(self) -> tuple[int, int, int]:
        """The shape of what a decoder puts out for an image, (H, W, P)."""
        height, width, channels = self.image_shape
        return height, width, channels * self.parameters

    def complete(self, decoder: keras.Model) -> keras.Model:
        """A decoder with those parameters that do not depend on the code, where the likelihood has any."""
        return decoder

    def around(self, parameters, level):
        """Raw parameters [..., H, W, P] moved so that a location of 0 is a level [..., H, W, C or 1]."""
        channels = self.image_shape[-1]
        return tf.concat([parameters[..., :channels] + self.raw(level), parameters[..., channels:]], -1)

    def raw(self, level):
        """The raw location whose mean is a level, kept off the ends where it would be infinite."""
        level = tf.clip_by_value(level, SMALLEST_LEVEL, 1 - SMALLEST_LEVEL)
        return tf.math.log(level) - tf.math.log1p(-level)

    def drawn(self, parameters, uniform):
        """Pixels [..., H, W, C] of raw parameters, from uniform noise in [0, 1) of their shape, by inversion.

        Values beyond [0, 1] are moved to its ends.
        """
        noise = tf.clip_by_value(uniform, SMALLEST_NOISE, 1 - SMALLEST_NOISE)
        return tf.clip_by_value(self(parameters).distribution.quantile(noise), 0.0, 1.0)

    def prepare(self, image, draw_uniform):
        """Training images from images in [0, 1], [B, H, W, C].

        Args:
            image: float32 [B, H, W, C] in [0, 1].
            draw_uniform: draws noise of that shape in [0, 1).
        """
        return image

    def held_out(self, images: np.ndarray, first: int = 0) -> np.ndarray:
        """Images [N, H, W, C] as validation and test see them; `first` is the number of the first in its data set."""
        return images

    def bits_per_dimension(self, nats: float) -> float:
        """Nats per image as bits for each channel of a pixel: nats / (H W C ln 2)."""
        return float(nats / (np.prod(self.image_shape) * np.log(2)))


class Bernoulli(Pixels):
    """Independent Bernoulli pixels, p(x = 1) = sigmoid(f); images are binarised, x ~ Bernoulli(level)."""

    name = "bernoulli"
    protocol = "dynamic"

    def __call__(self, parameters):
        """p(x|z) from logits [..., H, W, C]: batch [...], event [H, W, C]."""
        return tfd.Independent(tfd.Bernoulli(logits=parameters, dtype=tf.float32), 3)

    def drawn(self, parameters, uniform):
        return tf.cast(uniform < tf.sigmoid(parameters), tf.float32)

    def prepare(self, image, draw_uniform):
        return tf.cast(draw_uniform() < image, tf.float32)

    def held_out(self, images, first=0):
        """Binarised once, with the seed 0 of the protocol; bool."""
        return inputs.binarised(images, first=first)


class BernoulliLevels(Bernoulli):
    """Bernoulli pixels on grey levels as they are: the cross-entropy sum_i -x_i log p_i - (1 - x_i) log(1 - p_i).

    What many tutorials descend. It is no density of levels; its mean over binarised images is the Bernoulli's.
    """

    name = "bernoulli_levels"
    protocol = "grey"

    def prepare(self, image, draw_uniform):
        return image

    def held_out(self, images, first=0):
        return images


class Normal(Pixels):
    """Independent normal pixels around sigmoid(f) with a fixed standard deviation."""

    name = "normal"

    def __call__(self, parameters):
        """p(x|z) from raw means [..., H, W, C]: batch [...], event [H, W, C]."""
        return tfd.Independent(tfd.Normal(tf.sigmoid(parameters), PIXEL_STDDEV), 3)


class NormalPixelStddev(Pixels):
    """Independent normal pixels with a learned standard deviation each (Kingma and Welling 2014, appendix C.2)."""

    name = "normal_pixel_stddev"
    parameters = 2

    def __call__(self, parameters):
        """p(x|z) from raw means and stddevs [..., H, W, 2C]: batch [...], event [H, W, C]."""
        mean, stddev = tf.split(parameters, 2, axis=-1)
        return tfd.Independent(tfd.Normal(tf.sigmoid(mean), tf.nn.softplus(stddev) + SMALLEST_STDDEV), 3)


class NormalGlobalStddev(NormalPixelStddev):
    """Independent normal pixels with one learned standard deviation for all of them."""

    name = "normal_global_stddev"
    parameters = 1

    def complete(self, decoder):
        """The decoder [..., H, W, C] with the raw stddev, one variable, behind its outputs: [..., H, W, 2C]."""
        return functional(decoder.inputs, SharedParameter(name="stddev")(decoder.output), decoder.name)


class Logistic(Pixels):
    """Independent levels 0..255 of a discretised logistic (Salimans et al. 2017, section 2.1, one component)."""

    name = "logistic"
    protocol = "8bit"
    parameters = 2
    is_discrete = True

    def __call__(self, parameters):
        """p(x|z) from raw locations and scales [..., H, W, 2C]: batch [...], event [H, W, C] in [0, 1]."""
        location, scale = tf.split(parameters, 2, axis=-1)  # as in the paper, for levels mapped to [-1, 1]
        return tfd.Independent(
            DiscretisedLogistic((1 + location) / 2, (tf.nn.softplus(scale) + 2 * SMALLEST_SCALE) / 2), 3
        )

    def raw(self, level):
        return 2 * level - 1


LIKELIHOODS = {
    likelihood.name: likelihood for likelihood in (Bernoulli, Normal, NormalGlobalStddev, NormalPixelStddev, Logistic)
}


def make(name: Likelihood, image_shape) -> Pixels:
    """The likelihood of a name for images (H, W, C). Raises ValueError, naming the choices, if there is none."""
    checks.one_of("likelihood", name, get_args(Likelihood))
    return LIKELIHOODS[name](image_shape)


def default(image_shape) -> Likelihood:
    """The likelihood of images (H, W, C) where none is asked for: bernoulli of grey ones, logistic of colour."""
    return "bernoulli" if image_shape[-1] == 1 else "logistic"
