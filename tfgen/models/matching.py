"""What adversarial autoencoders share: codes that a discriminator holds to a prior (Makhzani et al. 2015)."""

from tfgen import checks
from tfgen.distributions import posteriors
from tfgen.models import losses
from tfgen.models.adversarial import Adversarial
from tfgen.training import schedules


class Matching(Adversarial):
    """Mixed into a `tfgen.Model` with the phases "reconstruction", "discriminator" and "generator".

    Attributes:
        smallest_stddev, adversarial_weight, gradient_penalty: as `match` takes them.
    """

    weighs_rows = True
    loss_term = "distortion"

    def match(self, smallest_stddev: float, adversarial_weight: float, gradient_penalty: float) -> None:
        """How codes are matched to the prior.

        Args:
            smallest_stddev: lower bound on the stddev of a normal posterior.
            adversarial_weight: lambda, the weight of the generator's loss against the distortion.
            gradient_penalty: gamma, the weight of R(D) in the discriminator's loss.

        Raises:
            TypeError, ValueError: a number out of range; the message names it.
        """
        self.smallest_stddev = checks.in_range("smallest_stddev", smallest_stddev, posteriors.SMALLEST_STDDEV, 1)
        self.adversarial_weight = checks.in_range("adversarial_weight", adversarial_weight, 0)
        self.gradient_penalty = checks.in_range("gradient_penalty", gradient_penalty, 0)

    def compile_recipe(self, *, learning_rate: float, steps: int | None) -> None:
        """Gives each phase its Adam; over `steps` learning rates fall to zero along half a cosine."""
        rate, adam = schedules.falling(learning_rate, steps), self.adam
        self.compile(reconstruction=adam(rate), discriminator=adam(rate, beta_1=0.5), generator=adam(rate))

    def smooth(self, loss, discriminator, real, fake, weight=None):
        """A discriminator's loss with gamma R(D), of the function from codes to logits and of codes, [B, Z] each."""
        if not self.gradient_penalty:
            return loss
        penalty = sum(losses.gradient_penalty(discriminator, codes, weight) for codes in (real, fake))
        return loss + self.gradient_penalty * penalty
