"""What every model does whose prior may be learned with it."""

from tfgen import checks
from tfgen.distributions import learned_priors

OWNERS = {"prior_steps": ("flow",), "prior_width": ("flow",)}  # hyperparameter -> the priors that have it
DEFAULTS = {"prior_steps": learned_priors.COUPLING_STEPS, "prior_width": learned_priors.COUPLING_WIDTH}


class LearnedPrior:
    """Mixed into a `tfgen.Model` with a density q(z|x), named first: its prior is N(0, I) or one that is learned.

    The constructor calls `choose_prior` when encoder and decoder are made.

    Attributes:
        learned_prior: the layer of `tfgen.distributions.learned_priors`; None for N(0, I).
    """

    learned_prior = None

    def choose_prior(self, prior: learned_priors.Prior, *, steps: int, width: int) -> None:
        """Makes the prior.

        Args:
            prior: normal, N(0, I), or flow, a RealNVP flow over it.
            steps, width: coupling steps of the flow, and width of their networks' hidden layers.

        Raises:
            TypeError, ValueError: unknown prior, a number out of range, or one that differs from its default and
                belongs to another prior; the message names it.
        """
        checks.one_of("prior", prior, learned_priors.KINDS)
        numbers = {"prior_steps": steps, "prior_width": width}
        for name, value in numbers.items():
            if prior not in OWNERS[name] and value != DEFAULTS[name]:
                raise ValueError(f"{name} is for prior {' or '.join(OWNERS[name])}; got {value} with prior {prior}")
        if prior == "flow":
            self.learned_prior = learned_priors.FlowPrior(self.latent_dim, steps, width)

    @property
    def prior(self):
        """p(z), event [Z]."""
        return self.learned_prior.distribution() if self.learned_prior else super().prior

    def prior_draws(self, rows):
        """Codes [B, Z] of the prior, each from its row seed (int64 [B]) alone."""
        return self.learned_prior.draws(rows) if self.learned_prior else super().prior_draws(rows)
