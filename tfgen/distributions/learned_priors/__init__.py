"""Priors p(z) that are learned with the model, as Keras layers: their variables are the model's. A module each.

mixture   sum_k w_k N(mu_k, diag(sigma_k^2))          K learned normals
vamp      1/K sum_k q(z|u_k)                          the posteriors of K learned pseudo-inputs u_k (Tomczak and Welling
                                                      2018, arXiv 1705.07120, equation 9)
flow      z = f(eps), eps ~ N(0, I)                   RealNVP: f of affine coupling steps (Dinh et al. 2017)

Each has `distribution(posterior)`, p(z) with event [Z], and `draws(rows, posterior)`, codes [B, Z] from row seeds;
`posterior` is the model's q(z|x). A row is drawn in a turn of its own, because a product of matrices rounds differently
at another height: a seed gives the same code, bit for bit, whatever it is drawn beside.

A module is found by its name in `Prior`. It defines `build(model, **options)`, which makes the layer, and `OPTIONS`,
the names of the options that it takes (docs/new-prior.md).
"""

import importlib
from types import ModuleType
from typing import Literal, get_args

Prior = Literal["normal", "mixture", "vamp", "flow"]
KINDS = get_args(Prior)
LEARNED = KINDS[1:]
COUPLING_STEPS, COUPLING_WIDTH, COMPONENTS = 10, 256, 100  # by default
DEFAULTS = {"steps": COUPLING_STEPS, "width": COUPLING_WIDTH, "components": COMPONENTS}


def module(prior: str) -> ModuleType:
    """The module of a learned prior."""
    return importlib.import_module(f"{__name__}.{prior}")


def make(prior: str, model, **options):
    """The layer of a learned prior.

    Args:
        prior: one of `LEARNED`.
        model: the model whose codes it is of, with encoder and decoder.
        options: values of `DEFAULTS`; those of other priors are left out.
    """
    kind = module(prior)
    return kind.build(model, **{name: options[name] for name in kind.OPTIONS})
