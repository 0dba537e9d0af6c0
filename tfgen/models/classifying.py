"""What a model that learns from few labels can do: classify images."""

import tensorflow as tf

from tfgen.graphs import graph
from tfgen.models import signatures


class Classifying:
    """Mixed into a `tfgen.Model` that defines `logits(image)`, [B, H, W, C] -> [B, classes].

    Its `training_loss` or `update` takes the label -1 for none: `zoo.train --labels` hides all but so many. The weights
    of the last epoch are kept: to choose an epoch by held-out labels, one would need more of them than training has.
    """

    to_define = ("logits",)
    monitor = None

    def train_by(self, *, ema: float | None = None, labels: int | None = None) -> None:
        """As `Model.train_by`; labels are hidden by the data set, and are no matter of the model's."""
        super().train_by(ema=ema)

    def classify(self, image):
        """q(y|x) of images [B, H, W, C]: probabilities, float32 [B, classes]."""
        return self.by_row(self._classify, self.images(image))

    def of_every_class(self, function, *values):
        """function(*values, label) [B] of values [B, ...] for every class: [B, classes]."""
        count, classes = tf.shape(values[0])[0], len(self.class_names)
        labels = tf.repeat(tf.range(classes), count)
        each = function(*(tf.concat([rows] * classes, 0) for rows in values), labels)
        return tf.transpose(tf.reshape(each, [classes, count]))

    def minus_log_q(self, logits, label):
        """-log q(y|x) of logits [B, classes] and labels [B], 0 where there is none: [B], nats."""
        each = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=tf.maximum(label, 0), logits=logits)
        return tf.where(label < 0, 0.0, each)

    def signatures(self, score_samples: int = 64):
        """As `Model.signatures`, with `classify`."""
        asked, answers = signatures.images(self.image_shape), signatures.vectors(len(self.class_names))
        classify = signatures.Signature(self.serve_classify, {"image": asked}, {"probabilities": answers})
        return super().signatures(score_samples) | {"classify": classify}

    def serve_classify(self, image):
        """The signature `classify`: images -> probabilities of the classes."""
        return {"probabilities": tf.nn.softmax(self.logits(image))}

    def validation_terms(self, image, rows, label) -> dict:
        """As the model's, with "error", 100 where an image is not classified as its label, else 0."""
        wrong = tf.argmax(self._classify(image), -1) != tf.cast(label, tf.int64)
        return super().validation_terms(image, rows, label=label) | {"error": 100 * tf.cast(wrong, tf.float32)}

    @graph
    def _classify(self, image):
        return self.serve_classify(image)["probabilities"]
