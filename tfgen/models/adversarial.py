"""What adversarial models share: training in phases, each with its own optimiser and networks; judging images."""

import keras

from tfgen.graphs import graph
from tfgen.models import signatures
from tfgen.training import replicas


class Adversarial:
    """Mixed into a `tfgen.Model` whose `update` goes through phases, each of which moves some of its networks."""

    to_define = ("update",)

    def compile_phases(self, **phases) -> None:
        """Compiles the model: for each of its phases, by name, an optimiser and the networks that it moves.

        Like Keras for a model's one optimiser, has each scale its loss where the networks run in float16.
        """
        self.compile_steps(optimizer=None)
        scaled = (
            keras.optimizers.LossScaleOptimizer if self.dtype_policy.name == "mixed_float16" else lambda plain: plain
        )
        self.optimizers = {phase: scaled(optimizer) for phase, (optimizer, *_) in phases.items()}
        self._moved = {phase: networks for phase, (_, *networks) in phases.items()}

    def descend(self, phase: str, tape, loss, when=True) -> None:
        """One optimiser step of a phase on its networks' variables; none where the tensor `when` is false."""
        optimizer, variables = self.optimizers[phase], self.variables_of(phase)
        replicas.descend(optimizer, tape, loss, variables, clip_norm=self.clip_norm, when=when)

    def variables_of(self, phase: str) -> list:
        """The trainable variables that a phase moves."""
        return [variable for network in self._moved[phase] for variable in network.trainable_variables]


class Discriminating:
    """Mixed into a `tfgen.Model` whose discriminator judges images: it defines `logit(image)`, [B, H, W, C] -> [B]."""

    to_define = ("logit",)

    def discriminate(self, image):
        """The discriminator's logit of images [B, H, W, C]: float32 [B], above 0 where it takes them for real.

        The better the generator, the less it knows: after a good training it tells few samples from real images.
        """
        return self.by_row(self._logit, self.images(image))

    def signatures(self, score_samples: int = 64):
        """As `Model.signatures`, with `discriminate`."""
        asked, answers = {"image": signatures.images(self.image_shape)}, {"logit": signatures.NUMBER}
        served = signatures.Signature(lambda image: {"logit": self.logit(image)}, asked, answers)
        return super().signatures(score_samples) | {"discriminate": served}

    @graph
    def _logit(self, image):
        return self.logit(image)
