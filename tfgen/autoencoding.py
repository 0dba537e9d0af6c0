"""What every model with a posterior q(z|x) can do: encode, reconstruct, interpolate."""

import numpy as np
import tensorflow as tf

from tfgen import checks
from tfgen.graphs import graph


class Autoencoding:
    """Mixed into a `tfgen.Model` that has `posterior(image)`, a bijector over standard normal noise."""

    def encode(self, image, *, digit=None):
        """Mean and standard deviation of q(z|x).

        Args:
            image: [B, 28, 28, 1], uint8 in 0..255, bool, or float in [0, 1].
            digit: for conditional models, an int in 0..9 or B of them.

        Returns:
            (latent_mean [B, Z], latent_stddev [B, Z]); the latter is 0 where the posterior is deterministic.
        """
        image = checks.images(image)
        return self._by_row(self._encode, image, **self._given(digit, len(image)))

    def reconstruct(self, image, *, digit=None):
        """The mean of p(x|z) at the posterior's mean: images [B, 28, 28, 1] -> float32 [B, 28, 28, 1] in [0, 1]."""
        image = checks.images(image)
        return self._by_row(self._reconstruct, image, **self._given(digit, len(image)))

    def interpolate(self, image_a, image_b, steps: int = 8, *, digit=None):
        """Images on the straight lines between the codes of two batches.

        Args:
            image_a, image_b: [B, 28, 28, 1] each.
            steps: images a line, both ends included; at least 2.

        Returns:
            float32 [B, steps, 28, 28, 1] in [0, 1].
        """
        image_a, image_b = checks.images(image_a), checks.images(image_b)
        if len(image_a) != len(image_b):
            raise ValueError(f"both ends need the same number of images, got {len(image_a)} and {len(image_b)}")
        steps = checks.positive_int("steps", steps, 2)
        given = self._given(digit, len(image_a))
        fraction = np.linspace(0, 1, steps, dtype=np.float32)[:, None, None]
        start, end = (self._by_row(self._centre, image, **given) for image in (image_a, image_b))  # [B, Z]
        latents = (1 - fraction) * start + fraction * end  # [steps, B, Z]
        return tf.stack([self._by_row(self._decode, latent, **given) for latent in tf.unstack(latents)], axis=1)

    def centre(self, image, **given):
        """The code that stands for an image, [B, Z]: the posterior's image of zero noise, its mean if it is normal."""
        return self.posterior(image, **given).bijector.forward(tf.zeros([tf.shape(image)[0], self.latent_dim]))

    @graph
    def _encode(self, image, **given):
        posterior = self.posterior(image, **given)
        return posterior.mean(), posterior.stddev()

    @graph
    def _reconstruct(self, image, **given):
        return self.image_mean(self.centre(image, **given), **given)

    @graph
    def _centre(self, image, **given):
        return self.centre(image, **given)
