"""The generative adversarial network of Goodfellow et al. 2014 (arXiv 1406.2661), of multilayer perceptrons.

    V(D, G) = E_x[log D(x)] + E_z[log (1 - D(G(z)))],  min_G max_D V      value function (equation 1)

trained by minibatches (their algorithm 1): k steps of the discriminator, each on fresh images and codes, then one of
the generator. Where no D tells samples from images, V = -log 4. With l the logit, D = sigmoid(l), the losses are

    loss             discriminator ascends V, on average over x and z      generator descends       V at the optimum
    minimax          log D(x) + log (1 - D(G(z)))                          log (1 - D(G(z)))        -log 4
    nonsaturating    the same                                              -log D(G(z))             -log 4
    least-squares    -(l(x) - 1)^2 / 2 - l(G(z))^2 / 2                     (l(G(z)) - 1)^2 / 2      -1/4
    wasserstein-gp   l(x) - l(G(z))                                        -l(G(z))                 0

(section 3; Mao et al. 2017; Gulrajani et al. 2017). The discriminator also pays for its slope: under wasserstein-gp
gamma E[(|grad l| - 1)^2] between images and samples, under the others gamma R_1 = gamma E_x[|grad l(x)|^2] / 2
(Mescheder et al. 2018), which the paper does not have. `docs/models/gan.md`: what else differs, and what was measured.

    python -m zoo.train gan
    python -m zoo.train gan --loss wasserstein-gp --discriminator-steps 5
"""

import math
from typing import ClassVar, Literal, get_args

import tensorflow as tf

from tfgen import checks, figures, seeds
from tfgen.graphs import graph
from tfgen.models import Adversarial, Discriminating, Model, losses
from tfgen.networks import dense
from tfgen.training import replicas, schedules

ABOUT = "the plain GAN, of multilayer perceptrons; four losses"
PAPERS = {"Goodfellow et al. 2014": "https://arxiv.org/abs/1406.2661"}
OTHERS = {"parzen": "225 ± 2 in the GAN paper (the same ten bandwidths)"}

STEPS = 33_000  # 60 epochs of MNIST
BATCH_SIZE = 100
LEARNING_RATE = 2e-4
SMALL = {"latent_dim": 5, "hidden_units": (16,)}
VARIANTS = ({"loss": "wasserstein-gp", "discriminator_steps": 2}, {"loss": "least-squares"}, {"loss": "minimax"})

Loss = Literal["minimax", "nonsaturating", "least-squares", "wasserstein-gp"]
OPTIMUM = {"minimax": -math.log(4), "nonsaturating": -math.log(4), "least-squares": -1 / 4, "wasserstein-gp": 0.0}


def value(loss: Loss, real, fake):
    """V of the logits of images and of samples, of their shape: what the discriminator ascends."""
    if loss == "least-squares":
        return -((real - 1) ** 2) / 2 - fake**2 / 2
    if loss == "wasserstein-gp":
        return real - fake
    return tf.math.log_sigmoid(real) + tf.math.log_sigmoid(-fake)


def generator_loss(loss: Loss, fake):
    """What the generator descends, of the logits of samples and of their shape."""
    if loss == "least-squares":
        return (fake - 1) ** 2 / 2
    if loss == "wasserstein-gp":
        return -fake
    return tf.math.log_sigmoid(-fake) if loss == "minimax" else -tf.math.log_sigmoid(fake)


class GAN(Discriminating, Adversarial, Model):
    """A generator of images from codes, and the discriminator that it was trained against."""

    entry = "gan"
    phases: ClassVar = {"discriminator": ("discriminator",), "generator": ("generator",)}
    tracked = ("value", "generator_loss", "accuracy")
    reported = ("discriminator_loss", "generator_loss")
    weighs_rows = True

    def __init__(
        self,
        *,
        image_shape: tuple[int, int, int] = (28, 28, 1),
        latent_dim: int = 100,
        hidden_units: tuple[int, ...] = (1200, 1200),
        loss: Loss = "nonsaturating",
        discriminator_steps: int = 1,
        gradient_penalty: float = 10.0,
    ):
        """Builds the model with fresh weights.

        Args:
            image_shape: height, width and channels of the images.
            latent_dim: dimensions Z of the code.
            hidden_units: widths of the generator's hidden layers, mirrored in the discriminator.
            loss: the losses of the game: minimax as in equation 1, nonsaturating as in the paper's training,
                least-squares, or wasserstein-gp.
            discriminator_steps: k, steps of the discriminator for one of the generator.
            gradient_penalty: gamma, the weight of the penalty on the discriminator's gradient; 0 gives the paper's
                game.

        Raises:
            TypeError, ValueError: a hyperparameter out of range; the message names it.
        """
        super().__init__(latent_dim=latent_dim, image_shape=image_shape)
        checks.one_of("loss", loss, get_args(Loss))
        self.game = loss
        self.discriminator_steps = checks.positive_int("discriminator_steps", discriminator_steps)
        self.gradient_penalty = checks.in_range("gradient_penalty", gradient_penalty, 0)
        widths = dense.widths(hidden_units)
        self.generator = dense.decoder(self.latent_dim, self.image_shape, widths)
        compared = loss == "wasserstein-gp"  # only differences of l count, in which a bias cancels
        self.discriminator = dense.image_discriminator(self.image_shape, widths[::-1], bias=not compared)

    def compile_recipe(self, *, learning_rate: float, steps: int | None) -> None:
        """Gives both networks their Adam with beta_1 = 0.5; over `steps` learning rates fall to zero."""
        self.compile(optimizer=self.adam(schedules.falling(learning_rate, steps), beta_1=0.5))

    def image_mean(self, latent):
        """G(z), images in [0, 1] from codes, [B, Z] -> [B, H, W, C]."""
        return tf.sigmoid(self.generator(latent))

    def logit(self, image):
        """l(x) of images in [0, 1]: [B]."""
        return self.discriminator(image)[:, 0]

    def update(self, batch, seed, step):
        """A step of the discriminator, and after each k-th one of the generator. Returns V, a loss and the accuracy."""
        real, weight = batch["image"], batch.get("weight")  # [B, H, W, C]
        code_seed, mixture_seed = seeds.split(seed, 2)
        with tf.GradientTape() as generator_tape:
            fake = self.image_mean(self.noise(batch, code_seed))
            with tf.GradientTape() as tape:
                fixed = tf.stop_gradient(fake)
                real_logit, fake_logit = self.logit(real), self.logit(fixed)
                mean_value = losses.mean(value(self.game, real_logit, fake_logit), weight)
                penalty = self.penalty(real, fixed, mixture_seed, weight) if self.gradient_penalty else 0.0
                discriminator_loss = self.gradient_penalty * penalty - mean_value
            self.descend("discriminator", tape, discriminator_loss)
            loss = losses.mean(generator_loss(self.game, self.logit(fake)), weight)
        self.descend("generator", generator_tape, loss, when=self.generator_is_due(step))
        return {"value": mean_value, "generator_loss": loss, "accuracy": losses.accuracy(real_logit, fake_logit)}

    def penalty(self, real, fake, seed, weight=None):
        """What the discriminator's slope costs at images and samples [B, H, W, C], a scalar."""
        if self.game != "wasserstein-gp":
            return losses.gradient_penalty(self.logit, real, weight)
        share = replicas.noise(seeds.uniform, [tf.shape(real)[0], 1, 1, 1], seed)
        return losses.unit_slope_penalty(self.logit, share * real + (1 - share) * fake, weight)

    @graph
    def evaluation_terms(self, image, rows):
        """{"discriminator_loss": [B], "generator_loss": [B]} at images and at samples of row seeds, no penalty."""
        real, fake = self.logit(image), self.logit(self.image_mean(self.prior_draws(rows)))
        return {
            "discriminator_loss": -value(self.game, real, fake),
            "generator_loss": generator_loss(self.game, fake),
        }


def draw_training(model, rows) -> dict:
    """The value function by epoch beside its value at the optimum, where the generator has the data's distribution."""
    optimum, words = OPTIMUM[model.game], "-log 4" if model.game in ("minimax", "nonsaturating") else "optimum"
    return {"value": figures.curve(rows, "value", f"{model.entry}: value function, {model.game}", {words: optimum})}


build = GAN
