"""What every model with a density q(z|x) can do: bound log p(x), and be trained by the bound."""

import tensorflow as tf
import tensorflow_probability as tfp

from tfgen import bounds, checks, schedules, seeds
from tfgen.graphs import graph

CHUNK_ROWS = 250  # images whose noise is held at once
CHUNK_IMAGES = 1000  # images decoded at once: what keeps log_likelihood small whatever B and K


class Variational:
    """Mixed into a `tfgen.Model` that has `posterior(image)`, a bijector over standard normal noise with a density.

    -ELBO = distortion + rate = E_q[-log p(x|z)] + KL(q(z|x) || p(z)), nats per image (Kingma and Welling 2014,
    equation 3; the names are those of Alemi et al. 2018).
    """

    monitor = "val_neg_elbo"
    warmup_share = 0.0
    warmup_steps = 0

    def anneal(self, optimizer, learning_rate: float, steps: int | None) -> None:
        """Compiles the model for a training of `steps` steps.

        Args:
            optimizer: a class of Keras optimisers; its step size falls from `learning_rate` to 0 along half a cosine.
            learning_rate: the first step size.
            steps: of the whole training; the rate is warmed up over `warmup_share` of them. None: without an end, the
                step size stays and the rate has its full weight.
        """
        self.warmup_steps = round(self.warmup_share * (steps or 0))
        self.compile(optimizer=optimizer(schedules.falling(learning_rate, steps)))

    def warmup(self, step):
        """The rate's weight at a step: grows linearly from 0 to 1 over `warmup_steps` (Sonderby et al. 2016)."""
        if not self.warmup_steps:
            return 1.0
        return tf.minimum(1.0, tf.cast(step, tf.float32) / self.warmup_steps)

    def rate(self, posterior, latent):
        """KL(q(z|x) || p(z)) [B], nats, in closed form; a posterior that has none estimates it at latent [L, B, Z]."""
        return tfp.distributions.kl_divergence(posterior, self.prior)

    def elbo_terms(self, image, noise, **given):
        """Distortion and rate of images [B, 28, 28, 1] under noise [L, B, Z]; both [B], nats."""
        posterior = self.posterior(image, **given)
        latent = posterior.bijector.forward(noise)  # [L, B, Z]
        distortion = -tf.reduce_mean(self.likelihood(latent, **given).log_prob(image), 0)
        return distortion, self.rate(posterior, latent)

    def log_weights(self, image, noise, **given):
        """log p(x, z) - log q(z|x) of images [B, 28, 28, 1] under noise [K, B, Z]; [K, B], nats."""
        posterior = self.posterior(image, **given)
        latent = posterior.bijector.forward(noise)
        log_joint = self.likelihood(latent, **given).log_prob(image) + self.prior.log_prob(latent)
        return log_joint - posterior.log_prob(latent)

    def elbo(self, image, *, digit=None, seed=None):
        """The evidence lower bound with one sample of z an image.

        Args:
            image: [B, 28, 28, 1]; its pixels are taken as the data, so binary images give the likelihood of DESIGN's
                protocol and grey ones the grey-level cross-entropy.
            digit: for conditional models, an int in 0..9 or B of them.
            seed: an int, B row seeds, or None for fresh ones.

        Returns:
            float32 [B], nats.
        """
        image = checks.images(image)
        given, rows = self._given(digit, len(image)), seeds.row_seeds(seed, len(image))
        terms = lambda *row, **g: self._terms(*row, **g)["neg_elbo"]  # noqa: E731
        return -self._in_chunks(terms, image, rows, given, CHUNK_IMAGES)

    def log_likelihood(self, image, *, k: int = 1000, digit=None, seed=None):
        """The importance-weighted bound on log p(x) with k samples of z an image; arguments as in `elbo`.

        Returns:
            float32 [B], nats. Whatever B, one image's noise, k * Z floats, is held and less than 1 GB besides.
        """
        image, k = checks.images(image), checks.positive_int("k", k)
        given, rows = self._given(digit, len(image)), seeds.row_seeds(seed, len(image))
        chunk = max(1, min(CHUNK_ROWS, 2_000_000 // (k * self.latent_dim)))
        return self._in_chunks(lambda *row, **g: self._log_likelihood(*row, k, **g), image, rows, given, chunk)

    def streamed_bound(self, image, rows, k: int, **given):
        """The importance-weighted bound [B] with k samples an image, k noise vectors drawn from each row's seed."""
        chunk = tf.maximum(1, CHUNK_IMAGES // tf.maximum(1, tf.shape(image)[0]))
        noise = seeds.normal_rows([k, self.latent_dim], rows)  # [B, K, Z]
        weights = lambda part: self.log_weights(image, part, **given)  # noqa: E731
        return bounds.streamed_bound(weights, noise, chunk)

    def validation_terms(self, image, rows, **given) -> dict:
        """What validation and tests report: {"neg_elbo", "rate", "distortion"}, each [B], nats."""
        return self._terms(image, rows, **given)

    @graph
    def _terms(self, image, rows, **given):
        noise = seeds.normal_rows([self.latent_dim], rows)
        distortion, rate = self.elbo_terms(image, noise[None], **given)
        return {"neg_elbo": distortion + rate, "rate": rate, "distortion": distortion}

    @graph
    def _log_likelihood(self, image, rows, k, **given):
        return self.streamed_bound(image, rows, k, **given)

    def _in_chunks(self, function, image, rows, given, chunk: int):
        parts = [
            function(
                image[start : start + chunk],
                tf.constant(rows[start : start + chunk]),
                **{name: value[start : start + chunk] for name, value in given.items()},
            )
            for start in range(0, len(rows), chunk)
        ]
        return tf.concat(parts, 0) if parts else tf.zeros([0])
