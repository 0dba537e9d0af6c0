"""What every model with a posterior q(z|x) can do: encode, reconstruct, interpolate."""

import numpy as np
import tensorflow as tf

from tfgen import checks
from tfgen.graphs import graph
from tfgen.models import signatures
from tfgen.models.signatures import Signature


class Autoencoding:
    """Mixed into a `tfgen.Model` that has `posterior(image)`, a bijector over standard normal noise."""

    to_define = ("posterior",)
    answer = "reconstruct"
    encoding = ("latent_mean", "latent_stddev")  # what `encode` answers, [B, Z] each

    @property
    def posterior_density(self) -> bool:
        """Whether log q(z|x) of any code z takes one pass, as that of a normal distribution."""
        return "latent_stddev" in self.encoding

    @property
    def image_encoder(self):
        """The network from images to the parameters of the code, whose hidden layers another one's can start with."""
        return self.encoder

    def encode(self, image, *, label=None, digit=None):
        """What `encoding` names: for most models mean and standard deviation of q(z|x).

        Args:
            image: [B, H, W, C], uint8 in 0..255, bool, or float in [0, 1].
            label, digit: for conditional models, the number or name of a class, or B of them.

        Returns:
            (latent_mean [B, Z], latent_stddev [B, Z]); the latter is 0 where the posterior is deterministic. A model
            whose `encoding` is one name returns that tensor, [B, Z].
        """
        image = self.images(image)
        return self.by_row(self._encode, image, **self._condition(len(image), label, digit))

    def reconstruct(self, image, *, label=None, digit=None):
        """The mean of p(x|z) at the posterior's mean: images [B, H, W, C] -> float32 [B, H, W, C] in [0, 1]."""
        image = self.images(image)
        return self.by_row(self._reconstruct, image, **self._condition(len(image), label, digit))

    def interpolate(self, image_a, image_b, steps: int = 8, *, label=None, digit=None):
        """Images on the lines between the codes of two batches: straight in the code, or in the noise of a flow prior.

        Args:
            image_a, image_b: [B, H, W, C] each.
            steps: images per line, both ends included; at least 2.
            label, digit: as in `encode`.

        Returns:
            float32 [B, steps, H, W, C] in [0, 1].
        """
        image_a, image_b = self.images(image_a), self.images(image_b)
        if len(image_a) != len(image_b):
            raise ValueError(f"both ends need the same number of images, got {len(image_a)} and {len(image_b)}")
        steps = checks.positive_int("steps", steps, 2)
        condition = self._condition(len(image_a), label, digit)
        fraction = np.linspace(0, 1, steps, dtype=np.float32)[:, None, None]
        start, end = (self.by_row(self._code, image, **condition) for image in (image_a, image_b))  # [B, Z]
        latents = self.between(start, end, fraction)  # [steps, B, Z]
        return tf.stack([self.by_row(self._decode, latent, **condition) for latent in tf.unstack(latents)], axis=1)

    def between(self, start, end, fraction):
        """The codes that lie between those of two batches, [B, Z] each, at fractions [steps, 1, 1] of the way."""
        return (1 - fraction) * start + fraction * end

    def code(self, image, **condition):
        """The code that stands for an image, [B, Z]: the posterior's image of zero noise, its mean if it is normal."""
        return self.posterior(image, **condition).bijector.forward(tf.zeros([tf.shape(image)[0], self.latent_dim]))

    def signatures(self, score_samples: int = 64) -> dict[str, Signature]:
        """As `Model.signatures`, with `encode` and `reconstruct`."""
        image, latent = signatures.images(self.image_shape), signatures.vectors(self.latent_dim)
        asked = {"image": image, **self.label_input()}
        encoded = dict.fromkeys(self.encoding, latent)
        reconstruct = Signature(self.serve_reconstruct, asked, {"image": image})
        served = {"encode": Signature(self.serve_encode, asked, encoded), "reconstruct": reconstruct}
        return {signatures.DEFAULT: reconstruct} | super().signatures(score_samples) | served

    def serve_encode(self, image, **condition):
        """The signature `encode`: images -> what `encoding` names."""
        posterior = self.posterior(image, **condition)
        return {"latent_mean": posterior.mean(), "latent_stddev": posterior.stddev()}

    def serve_reconstruct(self, image, **condition):
        """The signature `reconstruct`: images -> images."""
        return {"image": self.image_mean(self.code(image, **condition), **condition)}

    @graph
    def _encode(self, image, **condition):
        answers = self.serve_encode(image, **condition)
        values = tuple(answers[name] for name in self.encoding)
        return values if len(values) > 1 else values[0]

    @graph
    def _reconstruct(self, image, **condition):
        return self.image_mean(self.code(image, **condition), **condition)

    @graph
    def _code(self, image, **condition):
        return self.code(image, **condition)
