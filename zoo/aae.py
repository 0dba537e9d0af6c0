"""The adversarial autoencoder of Makhzani, Shlens, Jaitly, Goodfellow and Frey 2015 (arXiv 1511.05644).

    q(z) = E_x[q(z|x)]                       aggregated posterior, to be matched to any prior p(z)

Each minibatch passes three phases, each with its own optimiser (section 2):

    reconstruction   decoder          min  E_q[-log p(x|z)]
    discriminator    discriminator    min -E_p[log D(z)] - E_q[log (1 - D(z))] + gamma R(D)
    generator        encoder          min  E_q[-log p(x|z)] - lambda E_q[log D(z)]

    R(D) = (E_p[|grad l(z)|^2] + E_q[|grad l(z)|^2]) / 2,  D = sigmoid(l)           `adversarial.gradient_penalty`

In the paper the encoder takes a step for the reconstruction and then another one against the discriminator. Under Adam
both are as long however small their gradients, and the code does not come to rest; here it takes one step, down the sum
of both losses. R(D) keeps the discriminator smooth.

The posterior is normal or deterministic (its only noise is the data's); the prior is N(0, I) or a mixture of ten 2-D
normals, one a digit, whose label the discriminator is given (section 2.3, figure 4).

    python -m zoo.train aae
        1,411 s; distortion 89.82 nats at test codes; mean and covariance of the aggregated posterior within 0.10 and
        0.15 of the prior's; Parzen-window score 336.4 +- 1.9, Frechet distance 5.07, recall 0.13
    python -m zoo.train aae --latent-dim 6 --epochs 60 --cycles 3 --gradient-penalty 0.03
        5,946 s; distortion 90.25 nats, moments within 0.08 and 0.14, score 343.1 +- 2.1, Frechet distance 3.52,
        recall 0.16; these weights ship

on MNIST, on one of two CPU cores beside other work; last lines of the command and of `python -m zoo.evaluate RUN`. The
first leaves two of its eight dimensions to the posterior's noise. Variants of the second:

    score    Frechet    recall
    338.9    5.41       0.05      --cycles 1
    343.4    3.80       0.14      --cycles 2
    338.1    4.93       0.13      --cycles 1 --gradient-penalty 0.1
    339.9    4.19       0.16      --cycles 2 --gradient-penalty 0.1
    332.3    6.69       0.05      --cycles 1 --gradient-penalty 0.1 --adversarial-weight 100: codes too blurred
    332.4    5.16       0.16      --cycles 1 --gradient-penalty 0.1 --adversarial-weight 20: codes off the prior
    339.3    5.62       0.06      --cycles 1 --gradient-penalty 0.1 --latent-dim 5
    343.3    5.28       0.06      --cycles 1 --gradient-penalty 0.1 --hidden-units 800 800 800

The score favours ten thousand samples that lie close together, so that it can rise where recall falls.
"""

import functools
from typing import Literal

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from tfgen import Autoencoding, Model, adversarial, checks, distributions, figures, networks, schedules, seeds
from tfgen.graphs import graph

tfd = tfp.distributions

EPOCHS = 40
BATCH_SIZE = 200
LEARNING_RATE = 2e-3


class AAE(Autoencoding, Model):
    """An autoencoder whose codes an adversary holds to the prior."""

    entry = "aae"

    def __init__(
        self,
        *,
        latent_dim,
        hidden_units,
        posterior_kind,
        smallest_stddev,
        prior_kind,
        likelihood_kind,
        adversarial_weight,
        gradient_penalty,
    ):
        super().__init__(latent_dim)
        self.posterior_kind, self.prior_kind, self.likelihood_kind = posterior_kind, prior_kind, likelihood_kind
        self.smallest_stddev = smallest_stddev
        self.adversarial_weight, self.gradient_penalty = adversarial_weight, gradient_penalty
        self.binary = likelihood_kind == "bernoulli"
        self.encoder = networks.dense_encoder(latent_dim * (2 if posterior_kind == "normal" else 1), hidden_units)
        self.decoder = networks.dense_decoder(latent_dim, hidden_units[::-1])
        classes = checks.CLASSES if prior_kind == "mixture" else 0
        self.discriminator = networks.code_discriminator(latent_dim, hidden_units, classes)

    def compile(self, reconstruction, discriminator, generator):
        """Takes an optimiser for each phase."""
        self.compile_phases(
            reconstruction=(reconstruction, self.decoder),
            discriminator=(discriminator, self.discriminator),
            generator=(generator, self.encoder),
        )

    @property
    def prior(self):
        """p(z), event [Z]: standard normal, or the mixture of ten normals."""
        if self.prior_kind == "mixture":
            weights = tfd.Categorical(probs=tf.fill([checks.CLASSES], 1 / checks.CLASSES))
            return tfd.MixtureSameFamily(weights, distributions.digit_petals(tf.range(checks.CLASSES)))
        return super().prior

    def posterior(self, image):
        """q(z|x) of images [B, 28, 28, 1]: batch [B], event [Z]."""
        if self.posterior_kind == "normal":
            return distributions.diagonal_normal(self.encoder(image), self.smallest_stddev)
        return tfd.VectorDeterministic(self.encoder(image))

    def likelihood(self, latent):
        """p(x|z) of codes [..., Z]: batch [...], event [28, 28, 1]."""
        logits = networks.apply(self.decoder, latent)
        if self.likelihood_kind == "bernoulli":
            return distributions.bernoulli_image(logits)
        return distributions.normal_image(logits)

    def codes(self, image, noise):
        """z ~ q(z|x) of images [B, 28, 28, 1], reparameterised by noise [B, Z]."""
        posterior = self.posterior(image)
        return posterior.bijector.forward(noise) if self.posterior_kind == "normal" else posterior.mean()

    def centre(self, image):
        """The code that stands for an image, [B, Z]: the posterior's mean."""
        return self.posterior(image).mean()

    def _draw_prior(self, rows):
        if self.prior_kind == "normal":
            return super()._draw_prior(rows)
        draws = seeds.map_rows(distributions.draw_petal, rows)  # [B, 1 + Z]: the digit, the noise
        return distributions.digit_petals(tf.cast(draws[:, 0], tf.int64)).bijector.forward(draws[:, 1:])

    def logit(self, latent, label):
        """The discriminator's logit of codes [B, Z], given their digits [B] where the prior is a mixture: [B, 1]."""
        if self.prior_kind == "normal":
            return self.discriminator(latent)
        return self.discriminator([latent, tf.one_hot(label, checks.CLASSES)])

    def update(self, batch, seed, step):
        """The three phases on one batch. Returns their losses and the discriminator's accuracy."""
        image, label = batch["image"], batch.get("label")
        if label is None and self.prior_kind == "mixture":
            raise ValueError("the prior is a mixture by digit: call fit(images, digits)")
        noise, prior_noise = (self.noise(batch, part) for part in seeds.split(seed, 2))  # [B, Z] each
        wanted = self.prior_given(label).bijector.forward(prior_noise)  # z ~ p(z), of the batch's digits

        with tf.GradientTape() as encoder_tape:
            codes = self.codes(image, noise)
            with tf.GradientTape() as tape:  # reconstruction
                distortion = -tf.reduce_mean(self.likelihood(codes).log_prob(image))
            self.descend("reconstruction", tape, distortion)

            with tf.GradientTape() as tape:  # discriminator
                logit = functools.partial(self.logit, label=label)
                found = tf.stop_gradient(codes)
                real, fake = logit(wanted), logit(found)
                discriminator_loss = adversarial.discriminator_loss(real, fake)
                penalised_loss = discriminator_loss
                if self.gradient_penalty:
                    penalty = sum(adversarial.gradient_penalty(logit, points) for points in (wanted, found))
                    penalised_loss += self.gradient_penalty * penalty
            self.descend("discriminator", tape, penalised_loss)

            generator_loss = adversarial.generator_loss(logit(codes))  # encoder as generator
            encoder_loss = distortion + self.adversarial_weight * generator_loss
        self.descend("generator", encoder_tape, encoder_loss)
        return {
            "distortion": distortion,
            "discriminator_loss": discriminator_loss,
            "generator_loss": generator_loss,
            "accuracy": adversarial.accuracy(real, fake),
        }

    def prior_given(self, label):
        """p(z|y) of digits [B]: the digit's own component of a mixture, or N(0, I) whatever the digit."""
        return distributions.digit_petals(label) if self.prior_kind == "mixture" else self.prior

    def validation_terms(self, image, rows):
        """{"distortion": [B]} at the posterior's mean, nats; there is no bound on log p(x) here."""
        return {"distortion": self._distortion(image)}

    @graph
    def _distortion(self, image):
        return -self.likelihood(self.centre(image)).log_prob(image)


def build(
    *,
    latent_dim: int = 8,
    hidden_units: tuple[int, ...] = (1000, 1000),
    posterior: Literal["normal", "deterministic"] = "normal",
    smallest_stddev: float = 0.1,
    prior: Literal["normal", "mixture"] = "normal",
    likelihood: Literal["bernoulli", "normal"] = "bernoulli",
    adversarial_weight: float = 40.0,
    gradient_penalty: float = 0.1,
) -> AAE:
    """Builds the model with fresh weights.

    Args:
        latent_dim: dimensions Z of the code; 2 for the mixture prior.
        hidden_units: widths of the encoder's and the discriminator's hidden layers, mirrored in the decoder.
        posterior: a diagonal normal, or deterministic: one code an image.
        smallest_stddev: below which a normal posterior's do not fall: it would shrink to a point and leave holes in the
            code. A deterministic one has none.
        prior: standard normal, or a 2-D mixture of ten normals, one a digit.
        likelihood: of pixels: Bernoulli on binarised images, or normal with a fixed stddev on grey ones.
        adversarial_weight: lambda, nats of distortion that a nat of the generator's loss is worth to the encoder.
        gradient_penalty: gamma, the weight of R(D) in the discriminator's loss.

    Raises:
        TypeError, ValueError: a hyperparameter out of range; the message names it.
    """
    checks.positive_int("latent_dim", latent_dim)
    hidden_units = networks.check("dense", hidden_units)
    checks.one_of("posterior", posterior, ("deterministic", "normal"))
    checks.in_range("smallest_stddev", smallest_stddev, distributions.SMALLEST_STDDEV, 1)
    checks.one_of("prior", prior, ("normal", "mixture"))
    checks.one_of("likelihood", likelihood, ("bernoulli", "normal"))
    checks.in_range("adversarial_weight", adversarial_weight, 0)
    checks.in_range("gradient_penalty", gradient_penalty, 0)
    if prior == "mixture" and latent_dim != 2:
        raise ValueError(f"prior mixture lies in a plane and needs latent_dim 2, got {latent_dim}")
    return AAE(
        latent_dim=latent_dim,
        hidden_units=hidden_units,
        posterior_kind=posterior,
        smallest_stddev=smallest_stddev,
        prior_kind=prior,
        likelihood_kind=likelihood,
        adversarial_weight=adversarial_weight,
        gradient_penalty=gradient_penalty,
    )


def compile_model(model: AAE, *, learning_rate: float, steps: int | None) -> None:
    """Gives each phase its Adam; over `steps` step sizes fall to zero along half a cosine."""
    step_size = schedules.falling(learning_rate, steps)
    model.compile(
        reconstruction=keras.optimizers.Adam(step_size),
        discriminator=keras.optimizers.Adam(step_size, beta_1=0.5),
        generator=keras.optimizers.Adam(step_size),
    )


def draw(model: AAE, dataset) -> dict:
    """The figures of a trained model, by name; `latent` shows test codes beside samples of the prior."""
    wanted = model.draw_prior(seeds.row_seeds(1, len(dataset.test.images)))
    beside = figures.latent(model, dataset.test, prior_samples=wanted)
    return figures.of_autoencoder(model, dataset.test) | {"latent": beside}
