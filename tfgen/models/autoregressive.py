"""What every model with p(x) = prod_i p(x_i | x_<i) can do: an exact log-likelihood, draws and completions by pixel."""

import tensorflow as tf

from tfgen import inputs, seeds
from tfgen.graphs import graph
from tfgen.models import signatures
from tfgen.models.abilities import Lacking
from tfgen.models.one_optimiser import OneOptimiser
from tfgen.models.signatures import Signature

CHUNK = 250  # images scored at once


class Autoregressive(OneOptimiser):
    """Mixed into a `tfgen.Model` without a code that defines `parameters(image)`.

    These are the raw parameters of the pixels, [B, H, W, P], those of a value depending on the values before it alone:
    in raster order, the channels of a pixel one after the other. Samples are draws of pixels, not their means.
    """

    to_define = ("parameters",)
    answer = "conditional_mean"
    monitor = "val_nll"
    tracked = ("loss",)
    reported = ("loss", "nll")
    loss_term = "nll"
    draws_pixels = True
    decode = image_mean = draw_prior = prior = Lacking("code")

    def log_prob(self, image, **condition):
        """log p(x) = sum_i log p(x_i | x_<i) of images [B, H, W, C]: [B], nats."""
        return self.pixels(self.parameters(image, **condition)).log_prob(image)

    def training_loss(self, batch, seed, step):
        """{"loss": -log p(x)}, [B], nats."""
        return {"loss": -self.log_prob(batch["image"], **self.condition(batch))}

    @graph
    def validation_terms(self, image, rows, **condition) -> dict:
        """{"nll": [B]}, nats, exact; row seeds have no part in it."""
        return {"nll": -self.log_prob(image, **condition)}

    def log_likelihood(self, image, *, label=None, digit=None):
        """log p(x), exact.

        Args:
            image: [B, H, W, C]; its pixels are taken as the data, as by `tfgen.models.Variational.elbo`.
            label, digit: for conditional models, the number or name of a class, or B of them: log p(x|y).

        Returns:
            float32 [B], nats.
        """
        image = self.images(image)
        condition = self._condition(len(image), label, digit)
        rows = (slice(start, start + CHUNK) for start in range(0, len(image), CHUNK))
        parts = [
            self._log_prob(image[part], **{name: value[part] for name, value in condition.items()}) for part in rows
        ]
        return tf.concat(parts, 0) if parts else tf.zeros([0])

    def complete(self, image, known, *, label=None, digit=None, seed=None):
        """Images with their unknown pixels drawn, each given all pixels before it, known or drawn.

        Known pixels that come after an unknown one are kept, but do not inform it: completing a lower half is exact.

        Args:
            image: [B, H, W, C].
            known: bool, of the same shape or one that broadcasts to it.
            label, digit, seed: as in `sample`.

        Returns:
            float32 [B, H, W, C] in [0, 1].
        """
        image = self.images(image)
        known = tf.broadcast_to(tf.constant(known, tf.bool), tf.shape(image))
        rows = tf.constant(inputs.row_seeds(seed, len(image)))
        return self.by_row(self._complete, image, known, rows, **self._condition(len(image), label, digit))

    def conditional_mean(self, image, *, label=None, digit=None):
        """The mean of each value given the values before it, of images [B, H, W, C]: float32 [B, H, W, C] in [0, 1]."""
        image = self.images(image)
        return self.by_row(self._conditional_mean, image, **self._condition(len(image), label, digit))

    def serve_conditional_mean(self, image, **condition):
        """What `model(x)` answers: images -> images."""
        return {"image": self.pixels(self.parameters(image, **condition)).mean()}

    def draw_pixels(self, uniform, image, known, **condition):
        """Images [B, H, W, C] drawn under uniform noise of their shape, where they are not `known`.

        All parameters are computed anew for every value; a network that can do with less replaces this.
        """
        height, width, channels = self.image_shape
        values = height * width * channels
        places = tf.reshape(tf.range(values), self.image_shape)

        def draw(place, drawn):
            value = self.pixels.drawn(self.parameters(drawn, **condition), uniform)
            return place + 1, tf.where((places == place) & ~known, value, drawn)

        begin = tf.constant(0), tf.where(known, image, 0.0)
        return tf.while_loop(lambda place, _: place < values, draw, begin)[1]

    def signatures(self, score_samples: int = 64) -> dict[str, Signature]:
        """As `Model.signatures`, with `score`: log p(x), exact."""
        asked = {"image": signatures.images(self.image_shape), **self.label_input()}
        served = Signature(self.serve_score, asked, {"log_likelihood": signatures.NUMBER})
        return super().signatures(score_samples) | {"score": served}

    def serve_sample(self, seed, **condition):
        """The signature `sample`: row seeds [B] -> images, row i from its own seed alone."""
        uniform = self.uniform_rows(seed)
        return {
            "image": self.draw_pixels(uniform, tf.zeros_like(uniform), tf.zeros_like(uniform, tf.bool), **condition)
        }

    def serve_score(self, image, **condition):
        """The signature `score`: images -> log p(x), nats."""
        return {"log_likelihood": self.log_prob(image, **condition)}

    def uniform_rows(self, rows):
        """Noise in [0, 1) of images [B, H, W, C], from row seeds, int64 [B]."""
        return seeds.map_rows(lambda seed: seeds.uniform(self.image_shape, seed), rows, tf.TensorSpec(self.image_shape))

    @graph
    def _sample(self, rows, **condition):
        return self.serve_sample(rows, **condition)["image"]

    @graph
    def _complete(self, image, known, rows, **condition):
        return self.draw_pixels(self.uniform_rows(rows), image, known, **condition)

    @graph
    def _conditional_mean(self, image, **condition):
        return self.serve_conditional_mean(image, **condition)["image"]

    @graph
    def _log_prob(self, image, **condition):
        return self.log_prob(image, **condition)
