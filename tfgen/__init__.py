"""The parts that every model of the zoo is made of, and `load`, which finds a trained one.

import tfgen
model = tfgen.load("runs/my-vae")
images = model.sample(4, seed=0)  # float32 [4, 28, 28, 1] in [0, 1]
"""

from tfgen import _quiet

_quiet.import_tensorflow()

from tfgen.autoencoding import Autoencoding  # noqa: E402
from tfgen.loading import entries, load  # noqa: E402
from tfgen.model import Model  # noqa: E402
from tfgen.seeds import row_seeds  # noqa: E402
from tfgen.variational import Variational  # noqa: E402

__all__ = ["Autoencoding", "Model", "Variational", "entries", "load", "row_seeds"]
