"""Semi-supervised M2 and M1+M2 of Kingma, Rezende, Mohamed and Welling 2014 (arXiv 1406.5298). A label of -1 is none.

    p(y) = 1 / K,  p(z) = N(0, I),  p(u|z,y)                class and style of u, likelihood
    q(y|u) = Cat(pi(u)),  q(z|u,y) = N(mu, diag(sigma^2))   classifier and posterior

    J(u,y) = E_q[-log p(u|z,y)] + KL(q(z|u,y) || p(z)) - log p(y)       >= -log p(u,y)  (equation 6)
    U(u)   = sum_y q(y|u) (J(u,y) + log q(y|u))                         >= -log p(u)    (equation 7)
    loss   = J(u,y) - alpha log q(y|u)  with a label,  U(u)  without                    (equations 8, 9)

In M2 u is the image. In M1+M2 it is a code of M1, a VAE q(u|x), p(x|u) that sees no label, and p(u|z,y) is normal. A
code is then (z, e), where u = mu(z,y) + sigma(z,y) e: both are N(0, I) by the prior.

    python -m zoo.train ssvae --labels 100 --dataset mnist
"""

from typing import Literal

import tensorflow as tf
import tensorflow_probability as tfp

from tfgen import checks
from tfgen.distributions import posteriors, priors
from tfgen.distributions.likelihoods import Likelihood
from tfgen.models import Autoencoding, Classifying, Model, Variational, bounds
from tfgen.networks import dense
from tfgen.networks.common import apply, one_hot

ABOUT = "semi-supervised VAE: classifies after a few labels, and samples by class"
PAPERS = {"Kingma et al. 2014": "https://arxiv.org/abs/1406.5298"}
OTHERS = {}

STEPS = 11_000  # 40 epochs of MNIST
BATCH_SIZE = 200
LEARNING_RATE = 1e-3
SMALL = {"latent_dim": 3, "features": 4, "hidden_units": (32,), "class_units": (16,)}
VARIANTS = ({"network": "M2"},)
SMALLEST_STDDEV = 0.05  # of p(u|z,y), which would otherwise close in on single codes


class SSVAE(Classifying, Autoencoding, Variational, Model):
    """p(u|z,y) p(z) p(y) with the classifier q(y|u) and the posterior q(z|u,y)."""

    entry = "ssvae"
    conditional = True
    tracked = ("loss", "bound")
    reported = ("loss", "error", "neg_elbo", "rate", "distortion")

    def __init__(
        self,
        *,
        image_shape: tuple[int, int, int] = (28, 28, 1),
        classes: int | tuple[str, ...] = 10,
        likelihood: Likelihood = "bernoulli",
        network: Literal["M1+M2", "M2"] = "M1+M2",
        latent_dim: int = 10,
        features: int = 32,
        hidden_units: tuple[int, ...] = (),
        class_units: tuple[int, ...] = (100,),
        classification_weight: float = 1.0,
    ):
        """Builds the model with fresh weights.

        Args:
            image_shape: height, width and channels of the images.
            classes: the number of classes, or their names.
            likelihood: the distribution of pixels: bernoulli on binarised images; normal with stddev 0.3, one learned
                stddev, or one for each pixel; logistic on the levels of 8 bits. By default bernoulli for grey images,
                logistic for colour.
            network: M1+M2, which classifies the codes of a VAE, or M2, which classifies images.
            latent_dim: dimensions of the style z.
            features: dimensions of the code u of M1.
            hidden_units: widths of the hidden layers of M1, or of M2 on images, 500 500 by default.
            class_units: widths of the hidden layers of the classifier, and of M2 on codes.
            classification_weight: alpha, the weight of -log q(y|u) of a labelled image.

        Raises:
            TypeError, ValueError: a hyperparameter out of range; the message names it.
        """
        checks.one_of("network", network, ("M1+M2", "M2"))
        self.style_dim, self.stacked = checks.positive_int("latent_dim", latent_dim), network == "M1+M2"
        features = checks.positive_int("features", features) if self.stacked else 0
        dims = latent_dim + features
        super().__init__(latent_dim=dims, image_shape=image_shape, classes=classes, likelihood=likelihood)
        self.alpha = checks.in_range("classification_weight", classification_weight, 0)
        widths, narrow = dense.widths(hidden_units), checks.positive_ints("class_units", tuple(class_units))
        count, shape, outputs = len(self.class_names), self.image_shape, self.pixels.parameter_shape
        if self.stacked:
            self.first_encoder = dense.encoder(shape, 2 * features, widths)
            self.first_decoder = self.pixels.complete(dense.decoder(features, outputs, widths[::-1]))
            shape, outputs, widths = (features,), (2 * features,), narrow
        self.classifier = dense.encoder(shape, count, narrow)
        self.encoder = dense.encoder(shape, 2 * latent_dim, widths, count)
        decoder = dense.decoder(latent_dim, outputs, widths[::-1], count)
        self.decoder = decoder if self.stacked else self.pixels.complete(decoder)

    def features_of(self, image):
        """q(u|x) of images [B, H, W, C]: event [features]; of M1+M2."""
        return posteriors.diagonal_normal(self.first_encoder(image))

    def style(self, u, label):
        """q(z|u,y) of codes u [..., B, features], or images in M2, and labels [B]: event [latent_dim]."""
        vectors = one_hot(label, tf.shape(u)[:-1] if self.stacked else tf.shape(u)[:1], len(self.class_names))
        raw = apply(self.encoder, u, vectors) if self.stacked else self.encoder([u, vectors])
        return posteriors.diagonal_normal(raw)

    def explained(self, z, label):
        """p(u|z,y) of styles [..., B, latent_dim] and labels [B]: event [features], or [H, W, C] in M2."""
        raw = apply(self.decoder, z, one_hot(label, tf.shape(z)[:-1], len(self.class_names)))
        return posteriors.diagonal_normal(raw, SMALLEST_STDDEV) if self.stacked else self.pixels(raw)

    def likelihood(self, latent, label):
        """p(x|z,e,y) of codes [..., B, Z] and labels [B]: event [H, W, C]."""
        if not self.stacked:
            return self.explained(latent, label)
        z, e = latent[..., : self.style_dim], latent[..., self.style_dim :]
        return self.pixels(apply(self.first_decoder, self.explained(z, label).bijector.forward(e)))

    def posterior(self, image, label):
        """q(z|x,y), and in M1+M2 of e besides, each at the mean of the other: event [Z]."""
        if not self.stacked:
            return self.style(image, label)
        first = self.features_of(image)
        style = self.style(first.mean(), label)
        explained = self.explained(style.mean(), label)
        noise = (first.mean() - explained.mean()) / explained.stddev(), first.stddev() / explained.stddev()
        joined = (tf.concat(parts, -1) for parts in zip((style.mean(), style.stddev()), noise, strict=True))
        return tfp.distributions.MultivariateNormalDiag(*joined)

    def logits(self, image):
        """log q(y|x) but for a constant, of images [B, H, W, C], in M1+M2 at the mean of q(u|x): [B, classes]."""
        return self.classifier(self.features_of(image).mean() if self.stacked else image)

    def bound(self, u, noise, label):
        """J(u,y) of u [B, ...] and labels [B] under noise [B, latent_dim]: [B], nats."""
        style = self.style(u, label)
        z = style.bijector.forward(noise)
        rate = style.kl_divergence(priors.standard_normal(self.style_dim))
        return -self.explained(z, label).log_prob(u) + rate + tf.math.log(float(len(self.class_names)))

    def second_loss(self, u, noise, label):
        """Equation 9 of u [B, ...] under noise [B, latent_dim]: [B], nats. A label of -1 is none."""
        log_q = tf.nn.log_softmax(self.classifier(u))  # log q(y|u), [B, classes]
        each = self.of_every_class(self.bound, u, noise)  # J(u,y)
        labelled = tf.gather(each - self.alpha * log_q, tf.maximum(label, 0), batch_dims=1)
        return tf.where(label < 0, bounds.marginal_bound(each, log_q), labelled)

    def training_loss(self, batch, seed, step):
        """Equation 9, in M1+M2 with -ELBO of M1 besides: {"loss", "bound"}, each [B], nats."""
        image, label, noise = batch["image"], batch["label"], self.noise(batch, seed)  # [B, Z]
        if not self.stacked:
            return dict.fromkeys(("loss", "bound"), self.second_loss(image, noise, label))
        posterior = self.features_of(image)
        u = posterior.bijector.forward(noise[:, self.style_dim :])
        distortion = -self.pixels(self.first_decoder(u)).log_prob(image)
        rate = posterior.kl_divergence(priors.standard_normal(u.shape[-1]))
        second = self.second_loss(tf.stop_gradient(u), noise[:, : self.style_dim], label)
        return {"loss": distortion + rate + second, "bound": second}

    def elbo_terms(self, image, noise, label):
        """Distortion and rate of -ELBO, a bound on -log p(x|y), under noise [L, B, Z]; both [B], nats."""
        return tuple(-tf.reduce_mean(part, 0) for part in self.parts(image, noise, label))

    def log_weights(self, image, noise, label):
        """log p(x, z, u|y) - log q(z, u|x, y) under noise [K, B, Z]; [K, B], nats."""
        return tf.add_n(self.parts(image, noise, label))

    def parts(self, image, noise, label):
        """log p(x|z,u,y) at draws of the posterior, and log p(z,u|y) - log q(z,u|x,y) there, [L, B] both."""
        first = self.features_of(image) if self.stacked else None
        u = first.bijector.forward(noise[..., self.style_dim :]) if self.stacked else image
        style = self.style(u, label)
        z = style.bijector.forward(noise[..., : self.style_dim])
        log_ratio = priors.standard_normal(self.style_dim).log_prob(z) - style.log_prob(z)
        explained = self.explained(z, label).log_prob(u)
        if not self.stacked:
            return explained, log_ratio
        return self.pixels(apply(self.first_decoder, u)).log_prob(image), log_ratio + explained - first.log_prob(u)


build = SSVAE
