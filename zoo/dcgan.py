"""The deep convolutional GAN of Radford, Metz and Chintala 2016 (arXiv 1511.06434), for 28 x 28 grey images.

    min_G max_D  E_x[log D(x)] + E_z[log (1 - D(G(z)))]         value function (Goodfellow et al. 2014, equation 1)

    R_1(D) = E_x[|grad l(x)|^2] / 2,  D = sigmoid(l)            its smoothness (Mescheder et al. 2018)

trained by minibatches (their algorithm 1): k steps of the discriminator, then one of the generator, which descends the
non-saturating -E_z[log D(G(z))]. Strided and transposed convolutions, batch normalisation in both networks but for the
generator's output and the discriminator's input, LeakyReLU in the discriminator, weights from N(0, 0.02), Adam with
beta_1 = 0.5 (section 4).

One thing is younger than the paper: the discriminator also pays gamma R_1(D) (`adversarial.gradient_penalty`). It stays
smooth instead of winning, bears a step size of 5e-4 where the paper has 2e-4, and no digit is left out. The paper's own
training is `--gradient-penalty 0 --learning-rate 2e-4 --batch-size 128 --prior uniform`.

    python -m zoo.train dcgan --precision mixed_bfloat16                917 s; Frechet distance 4.73, kernel distance
                                                                        0.205, each digit 7.9 to 11.6 % of samples
    python -m zoo.train dcgan --precision mixed_bfloat16 --epochs 20    2,128 s; 3.99, 0.175, 8.9 to 11.7 %; these
                                                                        weights ship

on MNIST, one CPU core that did other work meanwhile; last lines of the command and of `python -m zoo.evaluate RUN`.
Without the penalty, with 2e-4 and batches of 128, ten epochs lead to 10.22, 0.401 and 3.5 to 15.4 %; the same layers so
trained in PyTorch, with its own initial weights and running averages, have 13.67 and 0.530
(tests/benchmarks/dcgan_quality.py).
"""

import functools
from typing import Literal

import keras
import tensorflow as tf

from tfgen import Model, adversarial, checks, distributions, figures, networks, seeds
from tfgen.graphs import graph

layers = keras.layers

EPOCHS = 10
BATCH_SIZE = 64
LEARNING_RATE = 5e-4
INITIAL_STDDEV = 0.02
SETTLING_BATCHES, SETTLING_CODES = 20, 128  # over which the generator's statistics are averaged


class DCGAN(Model):
    """A generator of images from codes, and the discriminator that it was trained against."""

    entry = "dcgan"
    convolutional = True
    binary = False

    def __init__(self, *, latent_dim, filters, discriminator_steps, real_label, gradient_penalty, prior_kind):
        super().__init__(latent_dim)
        self.discriminator_steps, self.real_label, self.prior_kind = discriminator_steps, real_label, prior_kind
        self.gradient_penalty = gradient_penalty
        self.generator = generator(latent_dim, filters)
        self.discriminator = discriminator(filters)

    def compile(self, discriminator, generator):
        """Takes an optimiser for each network."""
        self.compile_phases(discriminator=(discriminator, self.discriminator), generator=(generator, self.generator))

    @property
    def prior(self):
        """p(z), event [Z]: N(0, I), or uniform in [-1, 1]^Z as in the paper."""
        return super().prior if self.prior_kind == "normal" else distributions.uniform_cube(self.latent_dim)

    def image_mean(self, latent):
        """Images in [0, 1] from codes, [B, Z] -> [B, 28, 28, 1], with the statistics of inference."""
        return (1 + self.generator(latent, training=False)) / 2

    def discriminate(self, image):
        """The discriminator's logit of images [B, 28, 28, 1]: float32 [B], above 0 where it takes them for real.

        The better the generator, the less it knows: of the weights that ship it tells few samples from real images.
        """
        return self._by_row(self._logit, checks.images(image))

    def logit(self, image):
        """The discriminator's logit [B] of images in [0, 1], with the statistics of inference."""
        return self.discriminator(2 * image - 1, training=False)[:, 0]

    def update(self, batch, seed, step):
        """A step of the discriminator, and after each k-th one of the generator. Returns losses and accuracy."""
        real = 2 * batch["image"] - 1  # [B, 28, 28, 1] in [-1, 1], as tanh gives them
        noise = self.noise(batch, seed)  # [B, Z]
        with tf.GradientTape() as generator_tape:
            fake = self.generator(self.prior.bijector.forward(noise), training=True)
            with tf.GradientTape() as tape:
                real_logit = self.discriminator(real, training=True)
                fake_logit = self.discriminator(tf.stop_gradient(fake), training=True)
                discriminator_loss = adversarial.discriminator_loss(real_logit, fake_logit, self.real_label)
                penalised_loss = discriminator_loss
                if self.gradient_penalty:  # a second derivative, which takes a fifth of the time
                    logit = functools.partial(self.discriminator, training=True)
                    penalised_loss += self.gradient_penalty * adversarial.gradient_penalty(logit, real)
            self.descend("discriminator", tape, penalised_loss)
            generator_loss = adversarial.generator_loss(self.discriminator(fake, training=True))
        due = (step + 1) % self.discriminator_steps == 0 if self.discriminator_steps > 1 else True
        self.descend("generator", generator_tape, generator_loss, when=due)
        return {
            "discriminator_loss": discriminator_loss,
            "generator_loss": generator_loss,
            "accuracy": adversarial.accuracy(real_logit, fake_logit),
        }

    def settle(self):
        """Averages the generator's batch statistics anew over many batches of codes.

        The running averages of training lag behind the weights, and after a short run they are hardly off their start;
        training itself never reads them.
        """
        normalisations = [layer for layer in self.generator.layers if isinstance(layer, layers.BatchNormalization)]
        momenta = [layer.momentum for layer in normalisations]
        for batch in range(SETTLING_BATCHES):
            for layer in normalisations:
                layer.momentum = batch / (batch + 1)  # the mean of all batches so far
            noise = seeds.normal([SETTLING_CODES, self.latent_dim], [0, batch])
            self.generator(self.prior.bijector.forward(noise), training=True)
        for layer, momentum in zip(normalisations, momenta, strict=True):
            layer.momentum = momentum

    @graph
    def _logit(self, image):
        return self.logit(image)


def generator(latent_dim: int, filters: int):
    """Codes [B, Z] to images [B, 28, 28, 1] in [-1, 1]: 7 x 7 -> 14 x 14 -> 28 x 28."""
    code = keras.Input((latent_dim,))
    maps = layers.Dense(7 * 7 * 2 * filters, use_bias=False, kernel_initializer=initial())(code)
    maps = layers.ReLU()(normalisation()(maps))
    maps = layers.Reshape((7, 7, 2 * filters))(maps)
    maps = layers.Conv2DTranspose(filters, 4, 2, "same", use_bias=False, kernel_initializer=initial())(maps)
    maps = layers.ReLU()(normalisation()(maps))
    image = layers.Conv2DTranspose(1, 4, 2, "same", activation="tanh", kernel_initializer=initial())(maps)
    return networks.functional(code, image, name="generator")


def discriminator(filters: int):
    """Images [B, 28, 28, 1] in [-1, 1] to logits [B, 1]: 28 x 28 -> 14 x 14 -> 7 x 7."""
    image = keras.Input((28, 28, 1))
    maps = layers.LeakyReLU(0.2)(layers.Conv2D(filters, 4, 2, "same", kernel_initializer=initial())(image))
    maps = layers.Conv2D(2 * filters, 4, 2, "same", use_bias=False, kernel_initializer=initial())(maps)
    maps = layers.LeakyReLU(0.2)(normalisation()(maps))
    logit = layers.Dense(1, kernel_initializer=initial())(layers.Flatten()(maps))
    return networks.functional(image, logit, name="discriminator")


def initial():
    """N(0, 0.02). Keras seeds an initialiser when it makes it: one made on import would not follow the run's seed."""
    return keras.initializers.RandomNormal(stddev=INITIAL_STDDEV)


def normalisation():
    """Batch normalisation, over the batches of all devices where several train the model."""
    return layers.BatchNormalization(momentum=0.9, epsilon=1e-5, synchronized=tf.distribute.has_strategy())


def build(
    *,
    latent_dim: int = 100,
    filters: int = 64,
    discriminator_steps: int = 1,
    label_smoothing: float = 0.0,
    gradient_penalty: float = 1.0,
    prior: Literal["normal", "uniform"] = "normal",
) -> DCGAN:
    """Builds the model with fresh weights.

    Args:
        latent_dim: dimensions Z of the code.
        filters: base filters; the inner layers have twice as many.
        discriminator_steps: k, steps of the discriminator for one of the generator.
        label_smoothing: one-sided: the target of real images is 1 minus this.
        gradient_penalty: gamma, the weight of R_1(D) in the discriminator's loss; the paper has none.
        prior: of the code: standard normal, or uniform in [-1, 1].

    Raises:
        TypeError, ValueError: a hyperparameter out of range; the message names it.
    """
    checks.positive_int("latent_dim", latent_dim)
    checks.positive_int("filters", filters)
    checks.positive_int("discriminator_steps", discriminator_steps)
    checks.in_range("label_smoothing", label_smoothing, 0, 0.5)
    checks.in_range("gradient_penalty", gradient_penalty, 0)
    checks.one_of("prior", prior, ("normal", "uniform"))
    return DCGAN(
        latent_dim=latent_dim,
        filters=filters,
        discriminator_steps=discriminator_steps,
        real_label=1 - label_smoothing,
        gradient_penalty=gradient_penalty,
        prior_kind=prior,
    )


def compile_model(model: DCGAN, *, learning_rate: float, steps: int | None) -> None:
    """Gives both networks their Adam with beta_1 = 0.5; the step size is constant, as in the paper."""
    model.compile(*(keras.optimizers.Adam(learning_rate, beta_1=0.5) for _ in range(2)))


def draw(model: DCGAN, dataset) -> dict:
    """The figures of a trained model, by name."""
    return {
        "samples": figures.samples(model),
        "interpolation": figures.interpolation(model),
        "arithmetic": figures.arithmetic(model),
    }
