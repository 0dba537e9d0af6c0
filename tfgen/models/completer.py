"""What every model of whole images given damaged ones can do: complete them, and be trained on damage of its own."""

import numpy as np
import tensorflow as tf

from tfgen import inputs, seeds
from tfgen.distributions import damage as damages
from tfgen.graphs import graph
from tfgen.models import signatures
from tfgen.models.abilities import Lacking
from tfgen.models.signatures import Signature
from tfgen.training import replicas

ROWS = 1000  # images completed at once


class Completing:
    """Mixed into a `Variational` model of p(x|c), named before it: x the whole image, c the damaged one.

    The model defines `posterior(image, damaged)`, `restored(latent, damaged)` and `elbo_terms(image, noise, damaged)`.
    Whoever trains or measures it brings whole images: they are damaged in every step anew, and measured with a damage
    drawn from each row seed.

    Attributes:
        damage: the `tfgen.distributions.damage.Damage` that it undoes.
    """

    to_define = ("posterior", "restored")
    answer = "restore"
    sample = decode = image_mean = Lacking("prior over whole images")

    def choose_damage(self, words: str) -> None:
        """Sets the damage. Raises TypeError, ValueError for one that there is not; the message names the choices."""
        self.damage = damages.Damage(words, self.image_shape)

    # --- training and measuring -------------------------------------------------------------------------------------

    def training_loss(self, batch, seed, step):
        """As `Variational.training_loss`, of images damaged under a part of the seed."""
        damage_seed, seed = seeds.split(seed, 2)
        shape = [tf.shape(batch["image"])[0], self.damage.numbers]
        damaged = self.damage(batch["image"], replicas.noise(seeds.uniform, shape, damage_seed))
        return super().training_loss(batch | {"damaged": damaged}, seed, step)

    def seen_by(self, network, image):
        """Of the context network what is left of images [B, H, W, C], of the encoder the images and what is left."""
        noise = seeds.uniform([len(image), self.damage.numbers], tf.constant([0, 0]))
        view = self.damage.view(self.damage(image, noise))
        return view if network is self.context else tf.concat([image, view], -1)

    def condition(self, batch) -> dict:
        """{"damaged": [B, *damage.shape]} of a batch that is damaged already, else {}."""
        return {"damaged": batch["damaged"]} if "damaged" in batch else {}

    def damaged_rows(self, image, rows):
        """Images [B, H, W, C] damaged each under its own row seed, int64 [B]: [B, *damage.shape]."""
        return self.damage(image, self.damage.noise(rows))

    def streamed_bound(self, image, rows, k: int, damaged=None):
        """As `Variational.streamed_bound`, on log p(x|c); c is drawn from the rows if it is not given."""
        damaged = self.damaged_rows(image, rows) if damaged is None else damaged
        return super().streamed_bound(image, rows, k, damaged=damaged)

    def elbo(self, image, *, damaged=None, label=None, digit=None, seed=None):
        """The bound on log p(x|c) with one sample of z per image, nats; arguments as in `log_likelihood`."""
        image, rows, condition = self._asked(image, damaged, seed, label, digit)
        terms = lambda *row, **c: self._terms(*row, **c)["neg_elbo"]  # noqa: E731
        return -self._in_chunks(terms, image, rows, condition, ROWS)

    def log_likelihood(self, image, *, k: int = 1000, damaged=None, label=None, digit=None, seed=None):
        """The importance-weighted bound on log p(x|c) with k samples of z per image.

        Args:
            image: whole images [B, H, W, C].
            k: samples.
            damaged: what is left of them, as `complete` takes it; by default the damage is drawn from the seed.
            label, digit: of conditional models alone.
            seed: an int, B row seeds, or None for fresh ones.

        Returns:
            float32 [B], nats. Pixels that are known for certain have the probability 1.
        """
        image, rows, condition = self._asked(image, damaged, seed, label, digit)
        chunk = max(1, min(250, 2_000_000 // (k * self.latent_dim)))
        return self._in_chunks(lambda *row, **c: self._log_likelihood(*row, k, **c), image, rows, condition, chunk)

    @graph
    def _terms(self, image, rows, damaged=None):
        damaged = self.damaged_rows(image, rows) if damaged is None else damaged
        return super()._terms(image, rows, damaged=damaged)

    def _asked(self, image, damaged, seed, label, digit):
        image = self.images(image)
        condition = self._condition(len(image), label, digit)
        if damaged is not None:
            condition |= {"damaged": tf.constant(self._damaged_images(damaged, None))}
        if damaged is not None and len(condition["damaged"]) != len(image):
            raise ValueError(f"there must be as many damaged images as whole ones, {len(image)}; got {len(damaged)}")
        return image, inputs.row_seeds(seed, len(image)), condition

    # --- completing -------------------------------------------------------------------------------------------------

    def damaged(self, image, *, seed=None) -> np.ndarray:
        """Whole images, damaged as in training: float32 [B, *damage.shape]; missing pixels are -1.

        Args:
            image: [B, H, W, C].
            seed: an int, B row seeds, or None for fresh ones.
        """
        image = self.images(image)
        return self._damage(image, tf.constant(inputs.row_seeds(seed, len(image)))).numpy()

    def complete(self, damaged, *, missing=None, seed=None):
        """Draws whole images given damaged ones: z ~ p(z|c), then the mean of p(x|z, c).

        Args:
            damaged: [B, *damage.shape], uint8 in 0..255, bool, or float in [0, 1]; where the damage hides pixels, a
                float of -1 is a missing one.
            missing: bool [H, W] or [B, H, W], True where a pixel is missing, whatever `damaged` holds there.
            seed: an int, B row seeds, or None for fresh ones; another one gives another image.

        Returns:
            float32 [B, H, W, C] in [0, 1], with what is known of the damaged image as it is.

        Raises:
            TypeError, ValueError: damaged, missing or seed is not as above; the message names it.
        """
        array = self._damaged_images(damaged, missing)
        rows = inputs.row_seeds(seed, len(array))
        parts = [
            self._complete(tf.constant(array[start : start + ROWS]), tf.constant(rows[start : start + ROWS]))
            for start in range(0, len(array), ROWS)
        ]
        return tf.concat(parts, 0) if parts else tf.zeros([0, *self.image_shape])

    def restore(self, image):
        """Damages whole images, each under the seed 0, and restores them at the mean of p(z|c).

        Args:
            image: [B, H, W, C].

        Returns:
            float32 [B, H, W, C] in [0, 1], what `model(image)` answers.
        """
        image = self.images(image)
        parts = [self._restore(image[start : start + ROWS]) for start in range(0, len(image), ROWS)]
        return tf.concat(parts, 0) if parts else tf.zeros([0, *self.image_shape])

    def signatures(self, score_samples: int = 64) -> dict[str, Signature]:
        """`complete`, and the `score` of whole images given what a damage from the row seed leaves of them."""

        def score(image, seed):
            bound = self.streamed_bound(image, seed, score_samples)
            return {"elbo": -self._terms(image, seed)["neg_elbo"], "log_likelihood": bound}

        asked = {"damaged": signatures.images(self.damage.shape), "seed": signatures.SEED}
        complete = Signature(self.serve_complete, asked, {"image": signatures.images(self.image_shape)})
        served = super().signatures(score_samples)["score"]
        return {
            signatures.DEFAULT: complete,
            "complete": complete,
            "score": Signature(score, served.inputs, served.outputs),
        }

    def seedless_signatures(self) -> dict[str, Signature]:
        """As `Model.seedless_signatures`: `complete` of damaged images and codes of the prior."""
        asked = {"damaged": signatures.images(self.damage.shape), "latent": signatures.vectors(self.latent_dim)}
        answered = {"image": signatures.images(self.image_shape)}
        return {"complete": Signature(self.serve_complete_code, asked, answered)}

    def serve_complete(self, damaged, seed):
        """The signature `complete`: damaged images and row seeds -> images.

        Where the damage hides pixels, a value below 0 is a missing one; values beyond [0, 1] are moved to its ends.
        """
        return self.serve_complete_code(damaged, self.draw_prior(seed))

    def serve_complete_code(self, damaged, latent):
        """The same from the codes [B, Z] of the prior that seeds draw."""
        least = damages.MISSING if self.damage.hides else 0.0
        damaged = tf.clip_by_value(tf.where(damaged < 0, least, damaged), least, 1.0)
        return {"image": self.damage.consistent(self.restored(latent, damaged), damaged)}

    def serve_restore(self, image):
        """What `model(x)` answers: whole images, damaged under one seed, and restored at the mean of p(z|c)."""
        count = tf.shape(image)[0]
        damaged = self.damaged_rows(image, tf.zeros([count], tf.int64))
        return {"image": self.damage.consistent(self.restored(tf.zeros([count, self.latent_dim]), damaged), damaged)}

    @graph
    def _complete(self, damaged, rows):
        return self.serve_complete(damaged, rows)["image"]

    @graph
    def _restore(self, image):
        return self.serve_restore(image)["image"]

    @graph
    def _damage(self, image, rows):
        return self.damaged_rows(image, rows)

    def _damaged_images(self, damaged, missing) -> np.ndarray:
        """A user's damaged images, checked: float32 [B, *damage.shape], -1 where a pixel is missing."""
        height, width, _ = self.damage.shape
        array = np.asarray(damaged)
        if missing is not None and not self.damage.hides:
            raise ValueError(f"damage {self.damage.words} hides no pixels: leave out missing")
        if not self.damage.hides or array.dtype.kind != "f":
            array = inputs.images(damaged, self.damage.shape)
        else:  # -1 is not a value of an image
            hidden = array == damages.MISSING
            shown = inputs.images(np.where(hidden, 0, array), self.damage.shape)
            array = np.where(hidden.reshape(shown.shape), np.float32(damages.MISSING), shown)
        if missing is not None:
            mask = np.asarray(missing)
            if mask.dtype != np.bool_ or mask.shape not in ((height, width), (len(array), height, width)):
                raise ValueError(
                    f"missing must be bool [{height}, {width}] or [{len(array)}, {height}, {width}], got dtype "
                    f"{mask.dtype} and shape {list(mask.shape)}"
                )
            array = np.where(mask[..., None], np.float32(damages.MISSING), array)
        return array
