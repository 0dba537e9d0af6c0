"""What adversarial models share: training in phases, each with its own optimiser and networks; judging images."""

from tfgen.graphs import graph
from tfgen.models import signatures
from tfgen.training import replicas


class Adversarial:
    """Mixed into a `tfgen.Model` whose `update` goes through phases, each of which moves some of its networks.

    The model names them by `phases`, phase -> the attributes of its networks, for example
    {"discriminator": ("discriminator",), "generator": ("encoder",)}. Its `compile` takes an optimiser for all phases,
    or one for each by its name. If its `update` weighs rows by `batch["weight"]`, it says so by `weighs_rows = True`.

    Attributes:
        discriminator_steps: k, steps of the discriminator for one of the generator (algorithm 1 of Goodfellow et al.).
    """

    to_define = ("phases", "update")
    weighs_rows = False
    discriminator_steps = 1

    def descend(self, phase: str, tape, loss, when=True) -> None:
        """One optimiser step of a phase on its networks' variables; none where the tensor `when` is false."""
        optimizer, variables = self.optimizers[phase], self.variables_of(phase)
        replicas.descend(optimizer, tape, loss, variables, clip_norm=self.clip_norm, when=when)

    def generator_is_due(self, step):
        """Whether the generator moves in a step, as it does in each k-th; a tensor unless k is 1."""
        return (step + 1) % self.discriminator_steps == 0 if self.discriminator_steps > 1 else True


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
