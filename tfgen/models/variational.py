"""What every model with a density q(z|x) can do: bound log p(x), and be trained by the bound."""

import tensorflow as tf

from tfgen import checks, inputs, seeds
from tfgen.graphs import graph
from tfgen.models import bounds, importance, signatures
from tfgen.models.one_optimiser import OneOptimiser
from tfgen.models.signatures import Signature

CHUNK_ROWS = 250  # images whose noise is held at once
CHUNK_IMAGES = 1000  # images decoded at once: what keeps log_likelihood small whatever B and K


class Variational(OneOptimiser):
    """Mixed into a `tfgen.Model` that has `posterior(image)`, a bijector over standard normal noise with a density.

    The model defines `elbo_terms(image, noise)`, the distortion and the rate of

        -ELBO = distortion + rate = E_q[-log p(x|z)] + KL(q(z|x) || p(z)), nats per image

    (Kingma and Welling 2014, equation 3; the names are those of Alemi et al. 2018). How the two are weighted in
    training is the same for all models, and is set by `weigh`.
    """

    to_define = ("elbo_terms",)
    monitor = "val_neg_elbo"
    tracked = ("loss", "distortion", "rate")
    reported = ("loss", "neg_elbo", "rate", "distortion")
    settings = ("augment", "clip_norm", "warmup_steps", "importance_samples")
    beta, warmup_share, warmup_steps, samples, free_bits = 1.0, 0.0, 0, 1, 0.0
    importance_samples = 1

    def weigh(self, *, beta: float = 1.0, warmup: float = 0.0, samples: int = 1, free_bits: float = 0.0) -> None:
        """Sets how the bound is trained.

        Args:
            beta: weight of the rate; 1 is the ELBO (Higgins et al. 2017).
            warmup: share of the training over which that weight grows linearly from 0 (Sonderby et al. 2016).
            samples: Monte Carlo samples L of the distortion.
            free_bits: nats below which an image's rate is not pushed (Kingma, Salimans et al. 2016, appendix C.8).

        Raises:
            TypeError, ValueError: one of them is out of range; the message names it.
        """
        self.beta = checks.in_range("beta", beta, 0)
        self.warmup_share = checks.in_range("warmup", warmup, 0, 1)
        self.samples = checks.positive_int("samples", samples)
        self.free_bits = checks.in_range("free_bits", free_bits, 0)

    def train_by(self, *, ema: float | None = None, importance_samples: int | None = None) -> None:
        """Sets what a training may do besides; call it before `compile_recipe`.

        Args:
            ema: the share of the old average in an exponential moving average of the weights, which Keras's optimiser
                keeps; None for no average.
            importance_samples: K of the importance-weighted bound that is descended in place of -ELBO; None or 1 for
                the latter.

        Raises:
            TypeError, ValueError: one of them is out of range, or does not go with `weigh`'s; the message names it.
        """
        super().train_by(ema=ema)
        count = checks.positive_int("importance_samples", 1 if importance_samples is None else importance_samples)
        if count > 1 and self.samples > 1:
            raise ValueError(
                f"importance_samples take the place of samples: leave out one of {count} and {self.samples}"
            )
        if count > 1 and self.free_bits:
            raise ValueError(f"importance_samples leave no rate to free bits of: leave out free_bits {self.free_bits}")
        self.importance_samples = count
        self.monitor = "val_neg_bound" if count > 1 else "val_neg_elbo"

    def compile_recipe(self, *, learning_rate: float, steps: int | None) -> None:
        """Compiles the model with Adam, whose learning rate falls to zero along half a cosine over `steps`.

        Args:
            learning_rate: the first learning rate.
            steps: of the whole training; the rate is warmed up over a share of them. None: without an end, the
                learning rate stays and the rate has its full weight.
        """
        self.warmup_steps = round(self.warmup_share * (steps or 0))
        super().compile_recipe(learning_rate=learning_rate, steps=steps)

    def rate_weight(self, step):
        """The weight of the rate at a step: beta, once the warm-up is over."""
        if not self.warmup_steps:
            return self.beta
        return self.beta * tf.minimum(1.0, tf.cast(step, tf.float32) / self.warmup_steps)

    def training_loss(self, batch, seed, step):
        """-ELBO with L samples, or -L_K, the rate weighted: {"loss", "distortion", "rate"}, each [B], nats."""
        if self.importance_samples > 1:
            noise, weight = self.noise(batch, seed, self.importance_samples), self.rate_weight(step)
            return importance.loss_terms(self, batch["image"], noise, weight, **self.condition(batch))
        noise = self.noise(batch, seed, self.samples)  # [L, B, Z]
        distortion, rate = self.elbo_terms(batch["image"], noise, **self.condition(batch))
        free = tf.maximum(rate, self.free_bits) if self.free_bits else rate
        return {"loss": distortion + self.rate_weight(step) * free, "distortion": distortion, "rate": rate}

    def joint(self, image, **condition):
        """q(z|x), p(z), and p(x|z) as a function of z, of images [B, H, W, C]: what a bound is made of."""
        return (
            self.posterior(image, **condition),
            self.prior,
            lambda latent: self.likelihood(latent, **condition),
        )

    def reparameterised(self, posterior, noise):
        """z ~ q(z|x) as a function of standard normal noise [..., B, Z], by the posterior's bijector."""
        return posterior.bijector.forward(noise)

    def log_weights(self, image, noise, **condition):
        """log p(x, z) - log q(z|x) of images [B, H, W, C] under noise [K, B, Z]; [K, B], nats."""
        posterior, prior, likelihood = self.joint(image, **condition)
        latent = self.reparameterised(posterior, noise)
        return likelihood(latent).log_prob(image) + prior.log_prob(latent) - posterior.log_prob(latent)

    def elbo(self, image, *, label=None, digit=None, seed=None):
        """The evidence lower bound with one sample of z per image.

        Args:
            image: [B, H, W, C]; its pixels are taken as the data, so binary images give the likelihood of the protocol
                and grey ones the grey-level cross-entropy.
            label, digit: for conditional models, the number or name of a class, or B of them.
            seed: an int, B row seeds, or None for fresh ones.

        Returns:
            float32 [B], nats.
        """
        image = self.images(image)
        condition, rows = self._condition(len(image), label, digit), inputs.row_seeds(seed, len(image))
        terms = lambda *row, **c: self._terms(*row, **c)["neg_elbo"]  # noqa: E731
        return -self._in_chunks(terms, image, rows, condition, CHUNK_IMAGES)

    def log_likelihood(self, image, *, k: int = 1000, label=None, digit=None, seed=None):
        """The importance-weighted bound on log p(x) with k samples of z per image; arguments as in `elbo`.

        Returns:
            float32 [B], nats. Whatever B, one image's noise, k * Z floats, is held and less than 1 GB besides.
        """
        image, k = self.images(image), checks.positive_int("k", k)
        condition, rows = self._condition(len(image), label, digit), inputs.row_seeds(seed, len(image))
        chunk = max(1, min(CHUNK_ROWS, 2_000_000 // (k * self.latent_dim)))
        return self._in_chunks(lambda *row, **c: self._log_likelihood(*row, k, **c), image, rows, condition, chunk)

    def streamed_bound(self, image, rows, k: int, **condition):
        """The importance-weighted bound [B] with k samples per image, k noise vectors drawn from each row's seed."""
        chunk = tf.maximum(1, CHUNK_IMAGES // tf.maximum(1, tf.shape(image)[0]))
        noise = seeds.normal_rows([k, self.latent_dim], rows)  # [B, K, Z]
        weights = lambda part: self.log_weights(image, part, **condition)  # noqa: E731
        return bounds.streamed_bound(weights, noise, chunk)

    def validation_terms(self, image, rows, **condition) -> dict:
        """What validation and tests report: {"neg_elbo", "rate", "distortion"}, each [B], nats.

        In a training by the importance-weighted bound also "neg_bound", which it descends.
        """
        terms = self._terms(image, rows, **condition)
        if self.importance_samples > 1 and self.uses_loop():
            terms |= {"neg_bound": -self.streamed_bound(image, rows, self.importance_samples, **condition)}
        return terms

    def evaluation_terms(self, image, rows, **condition) -> dict:
        """As `validation_terms`, with "loss": the rate weighted as it is once the warm-up is over."""
        terms = self.validation_terms(image, rows, **condition)
        return {"loss": terms["distortion"] + self.beta * terms["rate"], **terms}

    def signatures(self, score_samples: int = 64) -> dict[str, Signature]:
        """As `Model.signatures`, with `score`: the ELBO, and the bound on log p(x) with `score_samples` samples."""

        def score(image, seed, **condition):
            distortion, rate = self.elbo_terms(image, self._one_sample(seed), **condition)
            bound = self.streamed_bound(image, seed, score_samples, **condition)
            return {"elbo": -(distortion + rate), "log_likelihood": bound}

        asked = {"image": signatures.images(self.image_shape), "seed": signatures.SEED, **self.label_input()}
        answers = {"elbo": signatures.NUMBER, "log_likelihood": signatures.NUMBER}
        return super().signatures(score_samples) | {"score": Signature(score, asked, answers)}

    def _one_sample(self, rows):
        """The noise of one sample of z, [1, B, Z], from row seeds."""
        return seeds.normal_rows([self.latent_dim], rows)[None]

    @graph
    def _terms(self, image, rows, **condition):
        distortion, rate = self.elbo_terms(image, self._one_sample(rows), **condition)
        return {"neg_elbo": distortion + rate, "rate": rate, "distortion": distortion}

    @graph
    def _log_likelihood(self, image, rows, k, **condition):
        return self.streamed_bound(image, rows, k, **condition)

    def _in_chunks(self, function, image, rows, condition, chunk: int):
        parts = [
            function(
                image[start : start + chunk],
                tf.constant(rows[start : start + chunk]),
                **{name: value[start : start + chunk] for name, value in condition.items()},
            )
            for start in range(0, len(rows), chunk)
        ]
        return tf.concat(parts, 0) if parts else tf.zeros([0])
