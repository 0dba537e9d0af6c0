"""The gated PixelCNN of van den Oord, Kalchbrenner et al. 2016, "Conditional Image Generation with PixelCNN Decoders"
(arXiv 1606.05328), and MADE (Germain et al. 2015, arXiv 1502.03509) as its small variant.

    p(x)   = prod_i p(x_i | x_1 ... x_{i-1})        in raster order, the channels of a pixel one after the other
    p(x|y) = prod_i p(x_i | x_<i, y)                with `--conditional`, told the class y

One pass of a network whose masks hide x_i and what follows it gives all conditionals, so that log p(x) is exact:

    y = tanh(W_f * x + V_f' y) . sigmoid(W_g * x + V_g' y)      gated layers of two stacks (equations 2 and 4)

A sample is drawn value by value. The gated network keeps the maps of the rows and pixels before a value
(`tfgen.networks.gated`), and MADE the hidden units of its one masked layer (`tfgen.networks.masked`).

    python -m zoo.train pixelcnn
    python -m zoo.train pixelcnn --network made --epochs 60
"""

from typing import Literal

import keras
import tensorflow as tf

from tfgen import checks
from tfgen.distributions.likelihoods import Likelihood
from tfgen.models import Autoregressive, Model
from tfgen.networks import masked
from tfgen.networks.common import functional
from tfgen.networks.gated import GatedPixelCNN

ABOUT = "gated PixelCNN, or MADE: exact likelihood, pixel by pixel"
PAPERS = {
    "van den Oord et al. 2016": "https://arxiv.org/abs/1606.05328",
    "Germain et al. 2015": "https://arxiv.org/abs/1502.03509",
}

STEPS = 5_500  # 10 epochs of MNIST
BATCH_SIZE = 100
LEARNING_RATE = 1e-3
SMALL = {"filters": 4, "depth": 2}
VARIANTS = ({"conditional": True}, {"network": "made", "hidden_units": 30})


class PixelCNN(Autoregressive, Model):
    """p(x) as the product of its conditionals, all of them from one masked network."""

    entry = "pixelcnn"

    def __init__(
        self,
        *,
        image_shape: tuple[int, int, int] = (28, 28, 1),
        classes: int | tuple[str, ...] = 10,
        likelihood: Likelihood = "bernoulli",
        conditional: bool = False,
        network: Literal["gated", "made"] = "gated",
        filters: int = 32,
        depth: int = 10,
        hidden_units: int = 4000,
    ):
        """Builds the model with fresh weights.

        Args:
            image_shape: height, width and channels of the images.
            classes: the number of classes, or their names.
            likelihood: the distribution of pixels: bernoulli on binarised images; normal with stddev 0.3, one learned
                stddev, or one for each pixel; logistic on the levels of 8 bits. By default bernoulli for grey images,
                logistic for colour.
            conditional: whether the model is told the class of an image.
            network: gated convolutions, or MADE.
            filters: channels of each stack of the gated network.
            depth: layers of the gated network.
            hidden_units: width of MADE's hidden layer.

        Raises:
            TypeError, ValueError: a hyperparameter out of range; the message names it.
        """
        super().__init__(latent_dim=None, image_shape=image_shape, classes=classes, likelihood=likelihood)
        checks.one_of("network", network, ("gated", "made"))
        self.conditional = self.needs_labels = bool(conditional)
        self.convolutional = network == "gated"
        told, parameters = len(self.class_names) * self.conditional, self.pixels.parameters
        if self.convolutional:
            self.network = GatedPixelCNN(self.image_shape, parameters, filters, depth, told)
        else:
            size = tf.TensorShape(self.image_shape).num_elements()
            self.network = masked.made(size, checks.positive_int("hidden_units", hidden_units), parameters, told)
        raw = keras.Input((None, None, None))
        self.completion = self.pixels.complete(functional(raw, keras.layers.Identity()(raw), name="completion"))

    def parameters(self, image, label=None):
        """Raw parameters [B, H, W, P] of the pixels of images [B, H, W, C], each of the values before it alone."""
        (height, width, channels), each = self.image_shape, self.pixels.parameters
        if self.convolutional:  # the network gives [B, H, W * C, P / C]
            raw = tf.reshape(self.network(self.told(image, label)), [-1, height, width, channels, each])
            raw = tf.einsum("bhwcp->bhwpc", raw)
        else:  # [B, P / C * H * W * C]
            flat = tf.reshape(image, [-1, height * width * channels])
            raw = tf.reshape(self.network(self.told(flat, label)), [-1, each, height, width, channels])
            raw = tf.einsum("bphwc->bhwpc", raw)
        return self.completion(tf.reshape(raw, [-1, height, width, each * channels]))

    def told(self, image, label):
        """The inputs of the network: images, and the one-hot labels where it is told them."""
        return [image, self.one_hot(label)] if self.conditional else image

    def one_hot(self, label):
        """Labels [B] as vectors [B, classes]; None where the model is told none."""
        return tf.one_hot(label, len(self.class_names)) if self.conditional else None

    def draw_pixels(self, uniform, image, known, label=None):
        """As `Autoregressive.draw_pixels`; neither network computes anew what earlier values gave."""
        height, width, channels = self.image_shape
        rows = [tf.reshape(each, [-1, height, width * channels]) for each in (uniform, image, known)]

        def choose(parameters, row, column):
            noise, level, is_known = (each[:, row, column] for each in rows)  # [B] each
            drawn = self.pixels.drawn(self.completion(parameters), noise[:, None, None, None])
            return tf.where(is_known, level, drawn[:, 0, 0, 0])

        told, columns = self.one_hot(label), width * channels
        if self.convolutional:
            return self.network.drawn(uniform, choose, told)
        flat = tf.reshape(uniform, [-1, height * columns])
        at = lambda parameters, place: choose(parameters[:, None, None], place // columns, place % columns)  # noqa: E731
        return tf.reshape(masked.drawn(self.network, flat, at, told), tf.shape(uniform))


build = PixelCNN
