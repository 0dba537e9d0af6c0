"""The deep convolutional GAN of Radford, Metz and Chintala 2016 (arXiv 1511.06434).

    min_G max_D  E_x[log D(x)] + E_z[log (1 - D(G(z)))]         value function (Goodfellow et al. 2014, equation 1)
    R_1(D) = E_x[|grad l(x)|^2] / 2,  D = sigmoid(l)            its smoothness (Mescheder et al. 2018)

trained by minibatches (their algorithm 1): k steps of the discriminator, which also pays gamma R_1(D), then one of the
generator, which descends the non-saturating -E_z[log D(G(z))]. Networks, weights from N(0, 0.02) and Adam with beta_1 =
0.5 are those of section 4; only the penalty is younger (docs/models/dcgan.md: why, and the paper's own training).

    python -m zoo.train dcgan --precision mixed_bfloat16                821 s; Frechet distance 4.58
    python -m zoo.train dcgan --precision mixed_bfloat16 --epochs 40    4,297 s; 2.20; these weights ship

on MNIST, one CPU core that did other work meanwhile; last lines of the command and of `python -m zoo.evaluate RUN`.
"""

from typing import ClassVar, Literal

import keras
import tensorflow as tf

from tfgen import checks, seeds
from tfgen.distributions import priors
from tfgen.graphs import graph
from tfgen.models import Adversarial, Discriminating, Model, losses
from tfgen.networks.common import average_statistics, functional
from tfgen.networks.convolutional import cropped, sizes

layers = keras.layers

ABOUT = "deep convolutional GAN"
PAPERS = {"Radford et al. 2016": "https://arxiv.org/abs/1511.06434"}
OTHERS = {
    "frechet": "after 10 epochs, three seeds: 4.42 ± 0.12 for the same layers and recipe in PyTorch, 4.23 ± 0.15 there "
    "in bfloat16, 4.53 ± 0.08 for this, which ships after 40; 13.67 in PyTorch by the paper's recipe "
    "(tests/benchmarks/dcgan_quality.py)",
    "kid": "after 10 epochs: 0.193 in PyTorch, 0.182 there in bfloat16, 0.203 for this",
}

STEPS = 8_590  # 10 epochs of MNIST
BATCH_SIZE = 64
LEARNING_RATE = 5e-4
INITIAL_STDDEV = 0.02
STATISTICS_BATCHES, STATISTICS_CODES = 20, 128  # over which the generator's statistics are averaged at the end
SMALL = {"latent_dim": 8, "filters": 4}
VARIANTS = ({"prior": "uniform", "discriminator_steps": 2},)


def generator(latent_dim: int, image_shape, filters: int):
    """Codes [B, Z] to images [B, H, W, C] in [-1, 1], for example 7 x 7 -> 14 x 14 -> 28 x 28."""
    *larger, (height, width) = sizes(image_shape)
    channels = filters * 2 ** (len(larger) - 1)
    code = keras.Input((latent_dim,))
    maps = layers.Dense(height * width * channels, use_bias=False, kernel_initializer=initial())(code)
    maps = layers.ReLU()(normalisation()(maps))
    maps = layers.Reshape((height, width, channels))(maps)
    for size in larger[:0:-1]:
        channels //= 2
        maps = layers.Conv2DTranspose(channels, 4, 2, "same", use_bias=False, kernel_initializer=initial())(maps)
        maps = layers.ReLU()(normalisation()(cropped(maps, size)))
    last = layers.Conv2DTranspose(image_shape[-1], 4, 2, "same", activation="tanh", kernel_initializer=initial())
    return functional(code, cropped(last(maps), larger[0]), name="generator")


def discriminator(image_shape, filters: int):
    """Images [B, H, W, C] in [-1, 1] to logits [B, 1], for example 28 x 28 -> 14 x 14 -> 7 x 7."""
    image = keras.Input(image_shape)
    maps = layers.LeakyReLU(0.2)(layers.Conv2D(filters, 4, 2, "same", kernel_initializer=initial())(image))
    for _ in sizes(image_shape)[2:]:
        filters *= 2
        maps = layers.Conv2D(filters, 4, 2, "same", use_bias=False, kernel_initializer=initial())(maps)
        maps = layers.LeakyReLU(0.2)(normalisation()(maps))
    logit = layers.Dense(1, kernel_initializer=initial())(layers.Flatten()(maps))
    return functional(image, logit, name="discriminator")


def initial():
    """N(0, 0.02). Keras seeds an initialiser when it makes it: one made on import would not follow the run's seed."""
    return keras.initializers.RandomNormal(stddev=INITIAL_STDDEV)


def normalisation():
    """Batch normalisation, over the batches of all devices that train the model.

    It is synchronised on one device too: the other way, `tf.nn.moments` takes the mean for a constant within the
    variance. That leaves the gradient as it is, but makes the penalty's wrong, which differentiates twice.
    """
    return layers.BatchNormalization(momentum=0.9, epsilon=1e-5, synchronized=True)


class DCGAN(Discriminating, Adversarial, Model):
    """A generator of images from codes, and the discriminator that it was trained against."""

    entry = "dcgan"
    convolutional = True
    phases: ClassVar = {"discriminator": ("discriminator",), "generator": ("generator",)}
    tracked = ("discriminator_loss", "generator_loss", "accuracy")
    reported = ("discriminator_loss", "generator_loss")
    weighs_rows = True

    def __init__(
        self,
        *,
        image_shape: tuple[int, int, int] = (28, 28, 1),
        latent_dim: int = 100,
        filters: int = 64,
        discriminator_steps: int = 1,
        label_smoothing: float = 0.0,
        gradient_penalty: float = 1.0,
        prior: Literal["normal", "uniform"] = "normal",
    ):
        """Builds the model with fresh weights.

        Args:
            image_shape: height, width and channels of the images.
            latent_dim: dimensions Z of the code.
            filters: channels of the layers next to the image; they double with every layer further from it.
            discriminator_steps: k, steps of the discriminator for one of the generator.
            label_smoothing: one-sided label smoothing: the target of real images is 1 minus this.
            gradient_penalty: gamma, the weight of R_1(D) in the discriminator's loss; the paper has none.
            prior: of the code: standard normal, or uniform in [-1, 1].

        Raises:
            TypeError, ValueError: a hyperparameter out of range; the message names it.
        """
        super().__init__(latent_dim=latent_dim, image_shape=image_shape)
        checks.positive_int("filters", filters)
        checks.one_of("prior", prior, ("normal", "uniform"))
        self.discriminator_steps = checks.positive_int("discriminator_steps", discriminator_steps)
        self.real_label = 1 - checks.in_range("label_smoothing", label_smoothing, 0, 0.5)
        self.gradient_penalty = checks.in_range("gradient_penalty", gradient_penalty, 0)
        self.is_normal = prior == "normal"
        self.generator = generator(self.latent_dim, self.image_shape, filters)
        self.discriminator = discriminator(self.image_shape, filters)

    def compile_recipe(self, *, learning_rate: float, steps: int | None) -> None:
        """Gives both networks their Adam with beta_1 = 0.5; the learning rate is constant, as in the paper."""
        self.compile(optimizer=self.adam(learning_rate, beta_1=0.5))

    @property
    def prior(self):
        """p(z), event [Z]: N(0, I), or uniform in [-1, 1]^Z as in the paper."""
        return super().prior if self.is_normal else priors.uniform_cube(self.latent_dim)

    def image_mean(self, latent):
        """Images in [0, 1] from codes, [B, Z] -> [B, H, W, C], with the statistics of inference."""
        return (1 + self.generator(latent, training=False)) / 2

    def logit(self, image):
        """The discriminator's logit [B] of images in [0, 1], with the statistics of inference."""
        return self.discriminator(2 * image - 1, training=False)[:, 0]

    def update(self, batch, seed, step):
        """A step of the discriminator, and after each k-th one of the generator. Returns losses and accuracy."""
        real, weight = 2 * batch["image"] - 1, batch.get("weight")  # [B, H, W, C] in [-1, 1], as tanh gives them
        noise = self.noise(batch, seed)  # [B, Z]
        with tf.GradientTape() as generator_tape:
            fake = self.generator(self.prior.bijector.forward(noise), training=True)
            with tf.GradientTape() as tape:
                real_logit = self.discriminator(real, training=True)
                fake_logit = self.discriminator(tf.stop_gradient(fake), training=True)
                discriminator_loss = losses.discriminator_loss(real_logit, fake_logit, self.real_label, weight)
                penalised_loss = discriminator_loss
                if self.gradient_penalty:  # a second derivative, which takes a fifth of the time
                    slope = losses.gradient_penalty(lambda x: self.discriminator(x, training=True), real, weight)
                    penalised_loss += self.gradient_penalty * slope
            self.descend("discriminator", tape, penalised_loss)
            generator_loss = losses.generator_loss(self.discriminator(fake, training=True), weight)
        self.descend("generator", generator_tape, generator_loss, when=self.generator_is_due(step))
        accuracy = losses.accuracy(real_logit, fake_logit)
        return {"discriminator_loss": discriminator_loss, "generator_loss": generator_loss, "accuracy": accuracy}

    @graph
    def evaluation_terms(self, image, rows):
        """{"discriminator_loss": [B], "generator_loss": [B]} at images and at samples of row seeds, as in inference."""
        real, fake = self.logit(image), self.logit(self.image_mean(self.prior_draws(rows)))
        judged = losses.of_logits(real, self.real_label) + losses.of_logits(fake, 0.0)
        return {"discriminator_loss": judged, "generator_loss": losses.of_logits(fake, 1.0)}

    def finalize(self):
        """Averages the generator's batch statistics anew: those of training lag behind its weights."""
        noise = (seeds.normal([STATISTICS_CODES, self.latent_dim], [0, batch]) for batch in range(STATISTICS_BATCHES))
        average_statistics(self.generator, map(self.prior.bijector.forward, noise))


build = DCGAN
