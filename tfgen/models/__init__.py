"""What a model of the zoo is: a Keras model that trains, samples by row seed, and says what it can do.

Model            the base: data, training step, sampling
OneOptimiser     training by one optimiser, whose learning rate falls to zero
Autoencoding     encode, reconstruct, interpolate: models with a posterior q(z|x)
Variational      the bound on log p(x), and training by it
LearnedPrior     a prior that is learned with the model
Adversarial      training in phases, each with its own optimiser
Matching         codes that an adversary holds to a prior: adversarial autoencoders
Discriminating   discriminate: models whose discriminator judges images
Autoregressive   exact log p(x), draws and completions pixel by pixel
Completing       complete: whole images given damaged ones
Classifying      classify: models that learn from few labels

The last ten are mixed into `Model`, and are named before it.
"""

from tfgen import quiet

quiet.import_tensorflow()

from tfgen.models.adversarial import Adversarial, Discriminating  # noqa: E402
from tfgen.models.autoencoding import Autoencoding  # noqa: E402
from tfgen.models.autoregressive import Autoregressive  # noqa: E402
from tfgen.models.classifying import Classifying  # noqa: E402
from tfgen.models.completer import Completing  # noqa: E402
from tfgen.models.learned_prior import LearnedPrior  # noqa: E402
from tfgen.models.matching import Matching  # noqa: E402
from tfgen.models.model import Model  # noqa: E402
from tfgen.models.one_optimiser import OneOptimiser  # noqa: E402
from tfgen.models.variational import Variational  # noqa: E402

__all__ = [
    "Adversarial",
    "Autoencoding",
    "Autoregressive",
    "Classifying",
    "Completing",
    "Discriminating",
    "LearnedPrior",
    "Matching",
    "Model",
    "OneOptimiser",
    "Variational",
]
