"""What every model does whose prior may be learned with it."""

from tfgen import checks
from tfgen.distributions import learned_priors

OWNERS = {"prior_steps": ("flow",), "prior_width": ("flow",), "prior_components": ("mixture", "vamp")}  # of options
DEFAULTS = {
    "prior_steps": learned_priors.COUPLING_STEPS,
    "prior_width": learned_priors.COUPLING_WIDTH,
    "prior_components": learned_priors.COMPONENTS,
}


class LearnedPrior:
    """Mixed into a `tfgen.Model` with a density q(z|x), named first: its prior is N(0, I) or one that is learned.

    The constructor calls `choose_prior` when encoder and decoder are made.

    Attributes:
        learned_prior: the layer of `tfgen.distributions.learned_priors`; None for N(0, I).
    """

    learned_prior = None

    def choose_prior(self, prior: learned_priors.Prior, *, steps: int, width: int, components: int) -> None:
        """Makes the prior.

        Args:
            prior: normal, N(0, I); mixture, of learned normals; vamp, of the posteriors of learned pseudo-inputs; or
                flow, RealNVP.
            steps, width: coupling steps of a flow, and width of their networks' hidden layers.
            components: normals of a mixture, or pseudo-inputs.

        Raises:
            TypeError, ValueError: unknown prior, a number out of range, or one that differs from its default and
                belongs to another prior; the message names it.
        """
        checks.one_of("prior", prior, learned_priors.KINDS)
        options = {"prior_steps": steps, "prior_width": width, "prior_components": components}
        for name, value in options.items():
            if prior not in OWNERS[name] and value != DEFAULTS[name]:
                raise ValueError(f"{name} is for prior {' or '.join(OWNERS[name])}; got {value} with prior {prior}")
        if prior == "mixture":
            self.learned_prior = learned_priors.MixturePrior(self.latent_dim, components)
        elif prior == "vamp":
            classes = len(self.class_names) if self.conditional else 0
            self.learned_prior = learned_priors.VampPrior(self.latent_dim, components, self.image_shape, classes)
        elif prior == "flow":
            self.learned_prior = learned_priors.FlowPrior(self.latent_dim, steps, width)

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
        if not isinstance(self.learned_prior, learned_priors.FlowPrior):
            return super().between(start, end, fraction)
        flow = self.prior.bijector
        return flow.forward(super().between(flow.inverse(start), flow.inverse(end), fraction))
