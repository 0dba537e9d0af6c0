"""What every model does whose prior may be learned with it."""

from tfgen import checks
from tfgen.distributions import learned_priors


class LearnedPrior:
    """Mixed into a `tfgen.Model` with a density q(z|x), named first: its prior is N(0, I) or one that is learned.

    The constructor calls `choose_prior` when encoder and decoder are made, or assigns a layer to `learned_prior`.

    Attributes:
        learned_prior: a layer as in `tfgen.distributions.learned_priors`; None for N(0, I).
        told_flow: whether a flow is told the class; then the model's code is the noise that enters it, as in `cvae`.
    """

    learned_prior = None
    told_flow = False

    def choose_prior(self, prior: learned_priors.Prior, *, steps: int, width: int, components: int) -> None:
        """Makes the prior.

        Args:
            prior: normal, N(0, I), or one of `tfgen.distributions.learned_priors`.
            steps, width: coupling steps of a flow, and width of their networks' hidden layers.
            components: normals of a mixture, or pseudo-inputs.

        Raises:
            TypeError, ValueError: unknown prior, a number out of range, or one that differs from its default and
                belongs to another prior; the message names it.
        """
        checks.one_of("prior", prior, learned_priors.KINDS)
        options = {"steps": steps, "width": width, "components": components}
        for name, value in options.items():
            owners = [kind for kind in learned_priors.LEARNED if name in learned_priors.module(kind).OPTIONS]
            if prior not in owners and value != learned_priors.DEFAULTS[name]:
                raise ValueError(f"prior_{name} is for prior {' or '.join(owners)}; got {value} with prior {prior}")
        if prior in learned_priors.LEARNED:
            self.learned_prior = learned_priors.make(prior, self, **options)

    @property
    def prior(self):
        """p(z), event [Z]."""
        return self.learned_prior.distribution(self.posterior) if self.learned_prior else super().prior

    def prior_draws(self, rows):
        """Codes [B, Z] of the prior, each from its row seed (int64 [B]) alone."""
        return self.learned_prior.draws(rows, self.posterior) if self.learned_prior else super().prior_draws(rows)

    def between(self, start, end, fraction):
        """As `Autoencoding.between`; under a flow the image of the straight line between the noise of both codes.

        It does not leave the region where the prior has its mass, as a straight line between codes may.
        """
        flow = getattr(self.prior, "bijector", None) if self.learned_prior else None
        if flow is None:
            return super().between(start, end, fraction)
        return flow.forward(super().between(flow.inverse(start), flow.inverse(end), fraction))
