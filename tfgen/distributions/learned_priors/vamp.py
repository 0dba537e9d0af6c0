"""The average posterior of K learned pseudo-inputs u_k, p(z) = 1/K sum_k q(z|u_k).

Tomczak and Welling 2018, "VAE with a VampPrior" (arXiv 1705.07120), equation 9.
"""

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from tfgen import checks, seeds

tfd = tfp.distributions

OPTIONS = ("components",)


class VampPrior(keras.layers.Layer):
    """p(z) = 1/K sum_k q(z|u_k), with pseudo-inputs u in (0, 1) learned; of a conditional model q(z|u_k, y_k).

    The classes y of the pseudo-inputs are dealt out in turns.
    """

    def __init__(self, dim: int, components: int, image_shape, classes: int):
        """Takes Z, K, the shape of the images, and the number of classes, 0 for a model without."""
        super().__init__(name="vamp_prior", dtype="float32")
        self.dim, self.components = dim, checks.positive_int("prior_components", components)
        shape, start = (components, *image_shape), keras.initializers.RandomNormal(stddev=1.0)
        self.raw_images = self.add_weight(shape=shape, initializer=start, name="raw_images")
        self.classes, self.built = classes, True

    def pseudo_inputs(self):
        """The images u, [K, H, W, C] in (0, 1), and of a conditional model their classes, {"label": int64 [K]}."""
        label = {"label": tf.range(self.components, dtype=tf.int64) % self.classes} if self.classes else {}
        return tf.sigmoid(self.raw_images), label

    def distribution(self, posterior):
        """p(z), event [Z]."""
        image, label = self.pseudo_inputs()
        return tfd.MixtureSameFamily(tfd.Categorical(logits=tf.zeros([self.components])), posterior(image, **label))

    def draws(self, rows, posterior):
        """Codes [B, Z], each of the posterior of a pseudo-input, both from its row seed (int64 [B]) alone."""
        image, label = self.pseudo_inputs()

        def draw(seed):
            first, second = seeds.split(seed, 2)
            chosen = tf.cast(tf.floor(self.components * seeds.uniform([1], first)), tf.int32)
            chosen = tf.minimum(chosen, self.components - 1)  # the product may round up
            own = posterior(
                tf.gather(image, chosen), **{name: tf.gather(value, chosen) for name, value in label.items()}
            )
            return own.bijector.forward(seeds.normal([1, self.dim], second))[0]

        return seeds.map_rows(draw, rows, tf.TensorSpec([self.dim]))


def build(model, components: int) -> VampPrior:
    """The prior of a model's codes, of pseudo-inputs like its images."""
    classes = len(model.class_names) if model.conditional else 0
    return VampPrior(model.latent_dim, components, model.image_shape, classes)
