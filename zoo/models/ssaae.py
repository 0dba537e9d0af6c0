"""The semi-supervised AAE of Makhzani et al. 2015, section 5 (arXiv 1511.05644). A label of -1 is none.

    q(y|x) = Cat(pi(x)),  q(z|x) = N(mu(x), diag(sigma(x)^2))   class and style, of one encoder
    p(y)   = 1 / K,       p(z)   = N(0, I)                      what two discriminators hold them to

Each minibatch passes three phases, each with its own optimiser:

    reconstruction   decoder          min  E_q[-log p(x|z,pi)]
    discriminator    both             min  sum over c of z, y:  -E_p[log D(c)] - E_q[log (1 - D(c))] + gamma R(D)
    generator        encoder          min  E_q[-log p(x|z,pi)] - lambda sum over c E_q[log D(c)] - alpha log q(y|x)

where c is z, or pi compared with one-hot vectors; the last term is of images with a label; R(D) is that of `aae`.

    python -m zoo.train ssaae --labels 100 --dataset mnist --network conv --augment shift --epochs 15    error 7.64 %
"""

from typing import ClassVar

import tensorflow as tf

from tfgen import checks, seeds
from tfgen.distributions import posteriors
from tfgen.distributions.likelihoods import Likelihood
from tfgen.graphs import graph
from tfgen.models import Autoencoding, Classifying, Matching, Model, losses
from tfgen.networks import autoencoder, convolutional, dense
from tfgen.networks.common import Network, apply, one_hot
from tfgen.training import replicas

ABOUT = "semi-supervised adversarial autoencoder: classifies after a few labels, and samples by class"
PAPERS = {"Makhzani et al. 2015": "https://arxiv.org/abs/1511.05644"}
OTHERS = {}

STEPS = 11_000  # 40 epochs of MNIST
BATCH_SIZE = 200
LEARNING_RATE = 1e-3
SMALL = {"latent_dim": 3, "hidden_units": (32,), "discriminator_units": (16,)}
VARIANTS = ({"network": "conv", "channels": (4, 8)},)


class SSAAE(Classifying, Matching, Autoencoding, Model):
    """An autoencoder whose codes are a class and a style, each held to its prior by an adversary."""

    entry = "ssaae"
    conditional = True
    phases: ClassVar = {
        "reconstruction": ("decoder",),
        "discriminator": ("style_discriminator", "class_discriminator"),
        "generator": ("encoder",),
    }
    tracked = ("distortion", "discriminator_loss", "generator_loss", "classification_loss")
    reported = ("loss", "error", "distortion")

    def __init__(
        self,
        *,
        image_shape: tuple[int, int, int] = (28, 28, 1),
        classes: int | tuple[str, ...] = 10,
        likelihood: Likelihood = "bernoulli",
        latent_dim: int = 5,
        network: Network = "dense",
        channels: tuple[int, ...] = (8, 16),
        hidden_units: tuple[int, ...] = (),
        discriminator_units: tuple[int, ...] = (200, 200),
        smallest_stddev: float = 0.1,
        noise: float = 0.3,
        adversarial_weight: float = 40.0,
        gradient_penalty: float = 0.01,
        classification_weight: float = 40.0,
    ):
        """Builds the model with fresh weights.

        Args:
            image_shape: height, width and channels of the images.
            classes: the number of classes, or their names.
            likelihood: the distribution of pixels: bernoulli on binarised images; normal with stddev 0.3, one learned
                stddev, or one for each pixel; logistic on the levels of 8 bits. By default bernoulli for grey images,
                logistic for colour.
            latent_dim: dimensions Z of the style.
            network: the encoder: fully connected, or residual and convolutional.
            channels: of the stages of a convolutional encoder; further stages have the last number.
            hidden_units: widths of the decoder, mirrored in a fully connected encoder; 500 500 by default.
            discriminator_units: widths of both discriminators.
            smallest_stddev: lower bound on the stddev of the style's posterior.
            noise: the stddev of the normal noise that is added to the pixels that the encoder sees in training.
            adversarial_weight: lambda, the weight of the generator's losses against the distortion.
            gradient_penalty: gamma, the weight of R(D) in the discriminators' losses.
            classification_weight: alpha, the weight of -log q(y|x) of a labelled image.

        Raises:
            TypeError, ValueError: a hyperparameter out of range; the message names it.
        """
        super().__init__(latent_dim=latent_dim, image_shape=image_shape, classes=classes, likelihood=likelihood)
        self.match(smallest_stddev, adversarial_weight, gradient_penalty)
        self.pixel_noise = checks.in_range("noise", noise, 0)
        self.alpha = checks.in_range("classification_weight", classification_weight, 0)
        checks.one_of("network", network, autoencoder.KINDS)
        self.convolutional, count, shape = network == "conv", len(self.class_names), self.image_shape
        stages = convolutional.stage_channels("channels", channels, shape)
        widths, judging = dense.widths(hidden_units), checks.positive_ints("discriminator_units", discriminator_units)
        make, layers = (convolutional.encoder, stages) if self.convolutional else (dense.encoder, widths)
        self.encoder = make(shape, count + 2 * latent_dim, layers)
        decoder = dense.decoder(latent_dim, self.pixels.parameter_shape, widths[::-1], count)
        self.decoder = self.pixels.complete(decoder)
        self.style_discriminator = dense.code_discriminator(latent_dim, judging)
        self.class_discriminator = dense.code_discriminator(count, judging)

    def encoded(self, image):
        """Logits of q(y|x), [B, classes], and q(z|x), event [Z], of images [B, H, W, C]."""
        raw, count = self.encoder(image), len(self.class_names)
        return raw[:, :count], posteriors.diagonal_normal(raw[:, count:], self.smallest_stddev)

    def logits(self, image):
        """log q(y|x) but for a constant, of images [B, H, W, C]: [B, classes]."""
        return self.encoded(image)[0]

    def posterior(self, image, label):
        """q(z|x) of images [B, H, W, C], whatever their labels: batch [B], event [Z]."""
        return self.encoded(image)[1]

    def likelihood(self, latent, label):
        """p(x|z,y) of styles [..., B, Z] and labels [B]: batch [..., B], event [H, W, C]."""
        return self.explained(latent, one_hot(label, tf.shape(latent)[:-1], len(self.class_names)))

    def explained(self, style, classes):
        """p(x|z,pi) of styles [..., B, Z] and probabilities of the classes [..., B, classes]: event [H, W, C]."""
        return self.pixels(apply(self.decoder, style, classes))

    def update(self, batch, seed, step):
        """The three phases on one batch. Returns the means of their losses."""
        image, label, weight = batch["image"], batch["label"], batch.get("weight")
        pixel_seed, class_seed, *style_seeds = seeds.split(seed, 4)
        noise, prior_styles = (self.noise(batch, part) for part in style_seeds)  # [B, Z] each; z ~ p(z)
        prior_classes = self.prior_classes(tf.shape(image)[0], class_seed)  # y ~ p(y)
        noisy = image + self.pixel_noise * replicas.noise(seeds.normal, tf.shape(image), pixel_seed)

        with tf.GradientTape() as encoder_tape:
            logits, posterior = self.encoded(noisy)
            classes, styles = tf.nn.softmax(logits), posterior.bijector.forward(noise)  # pi, and z ~ q(z|x)
            with tf.GradientTape() as tape:  # reconstruction
                distortion = -losses.mean(self.explained(styles, classes).log_prob(image), weight)
            self.descend("reconstruction", tape, distortion)

            discriminators = self.style_discriminator, self.class_discriminator
            games = tuple(zip(discriminators, (prior_styles, prior_classes), (styles, classes), strict=True))
            with tf.GradientTape() as tape:  # discriminators
                discriminator_loss = penalised_loss = 0.0
                for discriminator, real, fake in games:
                    fake = tf.stop_gradient(fake)
                    loss = losses.discriminator_loss(discriminator(real), discriminator(fake), weight=weight)
                    penalised_loss += self.smooth(loss, discriminator, real, fake, weight)
                    discriminator_loss += loss
            self.descend("discriminator", tape, penalised_loss)

            generator_loss = sum(losses.generator_loss(judge(codes), weight) for judge, _, codes in games)
            classification_loss = losses.mean(self.minus_log_q(logits, label), weight)
            encoder_loss = distortion + self.adversarial_weight * generator_loss + self.alpha * classification_loss
        self.descend("generator", encoder_tape, encoder_loss)
        found = distortion, discriminator_loss, generator_loss, classification_loss
        return dict(zip(self.tracked, found, strict=True))

    def prior_classes(self, rows, seed):
        """One-hot vectors [B, classes] of classes that are equally likely."""
        drawn, count = replicas.noise(seeds.uniform, [rows], seed), len(self.class_names)  # the former in [0, 1)
        return tf.one_hot(tf.cast(count * drawn, tf.int32), count)

    def validation_terms(self, image, rows, label) -> dict:
        """{"error", "distortion"}, [B] each: the latter at the mean of q(z|x) and under q(y|x), nats."""
        return super().validation_terms(image, rows, label=label) | {"distortion": self._distortion(image)}

    @graph
    def _distortion(self, image):
        logits, posterior = self.encoded(image)
        return -self.explained(posterior.mean(), tf.nn.softmax(logits)).log_prob(image)


build = SSAAE
