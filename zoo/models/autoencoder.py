"""The autoencoder, and ways to keep it from copying (Bengio, Courville and Vincent 2013, arXiv 1206.5538, section 7).

    h = f(x),  J = E_x[L(x, g(h))] + penalty            L = -log p(x|h): cross-entropy, or squared error of a normal

    kind            penalty, or what else is done
    undercomplete   none: h has fewer dimensions than x
    sparse          w KL(rho || mean_x h_j) summed over units j (Ng 2011), or w |h|_1 with `--sparsity l1`
    denoising       none: f is given a corrupted image and g is to restore the whole one (Vincent et al. 2008)
    contractive     w |df/dx|^2, the squared Frobenius norm of the Jacobian (Rifai et al. 2011)

f ends in sigmoid units. Of one layer, h = sigmoid(W x + b), |df/dx|^2 = sum_j (h_j (1 - h_j))^2 |W_j|^2; of deeper ones
it is estimated without bias by |d(v h)/dx|^2, v ~ N(0, I) (Hutchinson 1990). There is no prior over h, so no samples.

    python -m zoo.train autoencoder --kind denoising --latent-dim 1000
    python -m zoo.train autoencoder --kind contractive --latent-dim 1000
"""

from typing import Literal, get_args

import tensorflow as tf
import tensorflow_probability as tfp

from tfgen import checks, seeds
from tfgen.distributions.likelihoods import Likelihood
from tfgen.evaluation import jacobians, pictures
from tfgen.graphs import graph
from tfgen.models import Autoencoding, Model, OneOptimiser
from tfgen.models.abilities import Lacking
from tfgen.networks import autoencoder
from tfgen.networks.common import Network, apply
from tfgen.training import replicas

tfd = tfp.distributions

ABOUT = "autoencoder: undercomplete, sparse, denoising or contractive"
PAPERS = {"Bengio et al. 2013": "https://arxiv.org/abs/1206.5538"}

STEPS = 5_500  # 20 epochs of MNIST
BATCH_SIZE = 200
LEARNING_RATE = 1e-3
SMALL = {"latent_dim": 7}
VARIANTS = ({"kind": "contractive", "hidden_units": (16,)}, {"network": "conv", "hidden_units": (4, 8)})
Kind = Literal["undercomplete", "sparse", "denoising", "contractive"]


class Autoencoder(Autoencoding, OneOptimiser, Model):
    """An encoder f to codes in (0, 1), and a decoder g of images from codes."""

    entry = "autoencoder"
    encoding = ("latent",)
    tracked = ("loss", "distortion", "penalty", "activity")
    reported = ("loss", "distortion", "activity")
    loss_term = "distortion"
    sample = draw_prior = prior = Lacking("prior")

    def __init__(
        self,
        *,
        image_shape: tuple[int, int, int] = (28, 28, 1),
        likelihood: Likelihood = "bernoulli",
        kind: Kind = "undercomplete",
        latent_dim: int = 64,
        network: Network = "dense",
        hidden_units: tuple[int, ...] = (),
        weight: float = 0.1,
        sparsity: Literal["kl", "l1"] = "kl",
        activity: float = 0.05,
        corruption: float = 0.3,
    ):
        """Builds the model with fresh weights.

        Args:
            image_shape: height, width and channels of the images.
            likelihood: the distribution of pixels: bernoulli on binarised images; normal with stddev 0.3, one learned
                stddev, or one for each pixel; logistic on the levels of 8 bits. By default bernoulli for grey images,
                logistic for colour.
            kind: undercomplete, sparse, denoising or contractive.
            latent_dim: units Z of the code.
            network: fully connected, or residual and convolutional.
            hidden_units: widths of the hidden layers between image and code, by default none, or channels of the
                convolutional stages, 32 64 by default; mirrored in the decoder.
            weight: w, the weight of the penalty of sparse and contractive.
            sparsity: the penalty of sparse: the KL from the wanted activity, or the sum of activities.
            activity: rho, the wanted mean activity of each unit in the KL.
            corruption: for denoising: the share of pixels that are set to 0.

        Raises:
            TypeError, ValueError: a hyperparameter out of range; the message names it.
        """
        super().__init__(latent_dim=latent_dim, image_shape=image_shape, likelihood=likelihood)
        checks.one_of("kind", kind, get_args(Kind))
        checks.one_of("sparsity", sparsity, ("kl", "l1"))
        self.kind, self.sparsity = kind, sparsity
        self.weight = checks.in_range("weight", weight, 0)
        self.activity = checks.in_range("activity", activity, 1e-6, 1 - 1e-6)
        self.corruption = checks.in_range("corruption", corruption, 0, 1)
        self.convolutional, self.is_one_layer = network == "conv", network == "dense" and not hidden_units
        self.encoder, self.decoder = autoencoder.make(network, hidden_units, self, self.latent_dim, default=())

    def code(self, image):
        """h = f(x) of images [B, H, W, C]: [B, Z] in (0, 1)."""
        return tf.sigmoid(self.encoder(image))

    def posterior(self, image):
        """q(h|x): all of it at f(x)."""
        return tfd.VectorDeterministic(self.code(image))

    def likelihood(self, latent):
        """p(x|h) of codes [..., Z]: batch [...], event [H, W, C]."""
        return self.pixels(apply(self.decoder, latent))

    def training_loss(self, batch, seed, step):
        """{"loss", "distortion", "penalty", "activity"}, each [B]; the first three in nats."""
        image = batch["image"]
        code = self.code(self.corrupted(image, seed) if self.kind == "denoising" else image)
        distortion, penalty = -self.likelihood(code).log_prob(image), self.penalty(image, code, seed)
        terms = {"distortion": distortion, "penalty": penalty, "activity": tf.reduce_mean(code, -1)}
        return {"loss": distortion + penalty, **terms}

    def penalty(self, image, code, seed):
        """What the kind adds to the loss of images [B, H, W, C] with codes [B, Z]: [B]."""
        if self.kind == "contractive":
            return self.weight * self.contraction(image, code, seed)
        if self.kind == "sparse" and self.sparsity == "l1":
            return self.weight * tf.reduce_sum(code, -1)
        if self.kind == "sparse":  # of the batch, the same for each of its rows
            mean = tf.clip_by_value(tf.reduce_mean(code, 0), 1e-6, 1 - 1e-6)  # [Z]
            rho = self.activity
            divergence = rho * tf.math.log(rho / mean) + (1 - rho) * tf.math.log((1 - rho) / (1 - mean))
            return tf.fill(tf.shape(code)[:1], self.weight * tf.reduce_sum(divergence))
        return tf.zeros(tf.shape(code)[:1])

    def contraction(self, image, code, seed):
        """|df/dx|^2 at images [B, H, W, C] with codes [B, Z]: [B], exact for one layer, else an unbiased estimate."""
        if self.is_one_layer:
            kernel = tf.convert_to_tensor(self.encoder.trainable_variables[0])  # W^T, [D, Z]
            return tf.linalg.matvec((code * (1 - code)) ** 2, tf.reduce_sum(kernel**2, 0))
        direction = replicas.noise(seeds.normal, tf.unstack(tf.shape(code)), seed)
        with tf.GradientTape() as tape:
            tape.watch(image)
            projected = tf.reduce_sum(self.code(image) * direction)  # v h, a row by itself
        return tf.reduce_sum(tape.gradient(projected, image) ** 2, [1, 2, 3])

    def corrupted(self, image, seed):
        """Images with a share of their pixels, drawn from a seed, set to 0."""
        noise = replicas.noise(seeds.uniform, [*tf.unstack(tf.shape(image)[:3]), 1], seed)
        return tf.where(noise < self.corruption, 0.0, image)

    def serve_encode(self, image):
        """The signature `encode`: images -> codes."""
        return {"latent": self.code(image)}

    @graph
    def validation_terms(self, image, rows):
        """{"distortion": [B], nats, "activity": [B], the mean of an image's code}, of images that are not corrupted."""
        code = self.code(image)
        return {"distortion": -self.likelihood(code).log_prob(image), "activity": tf.reduce_mean(code, -1)}


def draw(model, dataset) -> dict:
    """The Jacobian's spectrum and main directions, the filters of one layer, corrupted images restored."""
    name, images = pictures.title(model, dataset), pictures.shown(model, dataset)
    drawn = jacobians.figures_of(model.code, images, name) if len(images) else {}
    if model.is_one_layer:
        drawn["filters"] = pictures.filters(model.encoder.trainable_variables[0].numpy().T, model.image_shape, name)
    if model.kind == "denoising" and len(images):
        corrupted = model.corrupted(images, tf.constant([0, 0]))
        drawn["restored"] = pictures.columns([images, corrupted, model.reconstruct(corrupted)], f"{name}: restored")
    return drawn


build = Autoencoder
