"""The entries: models by name, the zoo's own and those of a user's packages.

An entry is a module with a `build` function, the constants of a recipe, and a name. A user's is found once it is
registered, by `tfgen.register("my_pkg.gmvae")`, by `--register my_pkg.gmvae` on the command line, or by an installed
package that has the entry point group `tfgen.models`. What a file names never causes an import.
"""

import importlib
import importlib.metadata
import inspect
from types import ModuleType

from tfgen import quiet

GROUP = "tfgen.models"  # of entry points
REQUIRED = ("build", "STEPS", "BATCH_SIZE", "LEARNING_RATE")  # what a module must define
SHIPPED = "zoo"  # the package whose entries ship with tfgen
_registered: dict[str, str] = {}  # name -> module


def entries() -> tuple[str, ...]:
    """The names of the zoo's models."""
    return importlib.import_module(SHIPPED).ENTRIES


def known() -> tuple[str, ...]:
    """The names of all models that can be built here: the zoo's, then those of other packages."""
    return (*entries(), *(name for name in {**_installed(), **_registered} if name not in entries()))


def register(module: str) -> str:
    """Makes a model of another package known under the last part of its module's name.

    Args:
        module: the full name of a module, such as "my_pkg.gmvae".

    Returns:
        The entry's name, "gmvae".

    Raises:
        ValueError: the module cannot be imported, lacks something that an entry must have, or its name is taken.
    """
    name = module.rpartition(".")[2]
    if name in entries():
        raise ValueError(f"{module!r} cannot be registered: the zoo has a model {name!r} of its own")
    if _registered.get(name, module) != module:
        raise ValueError(f"{module!r} cannot be registered: {name!r} is {_registered[name]} already")
    check(_imported(module))
    _registered[name] = module
    return name


def module(name: str) -> ModuleType:
    """The module of an entry. Raises ValueError, naming the choices, if there is none."""
    if name in entries():
        return importlib.import_module(f"{SHIPPED}.models.{name}")
    found = _registered.get(name) or _installed().get(name)
    if not found:
        raise ValueError(f"unknown entry {name!r}; the zoo has {', '.join(known())}")
    return check(_imported(found))


def module_name(name: str) -> str:
    """Where an entry comes from, to be recorded with a run: "my_pkg.gmvae"; "zoo.models.vae" for the zoo's own."""
    return module(name).__name__


def check(candidate: ModuleType) -> ModuleType:
    """Returns a module that has what an entry must have. Raises ValueError that names what is missing."""
    missing = [name for name in REQUIRED if not hasattr(candidate, name)]
    if missing:
        raise ValueError(
            f"{candidate.__name__} is no entry: it does not define {', '.join(missing)} (docs/new-model.md)"
        )
    return candidate


def parameters(name: str) -> dict[str, inspect.Parameter]:
    """The hyperparameters of an entry's `build`, by name."""
    return dict(inspect.signature(module(name).build, eval_str=True).parameters)


def defaults(name: str) -> dict:
    """The hyperparameters of an entry at their default values."""
    return {key: parameter.default for key, parameter in parameters(name).items()}


def build(name: str, hyperparameters: dict):
    """Builds an entry's model with fresh weights.

    Raises:
        ValueError: unknown entry, or a hyperparameter that it does not have or that is out of range.
    """
    has = parameters(name)
    unknown = sorted(set(hyperparameters) - set(has))
    if unknown:
        raise ValueError(f"{name} has no hyperparameter {unknown[0]!r}; it has {', '.join(has)}")
    return module(name).build(**hyperparameters)


def _installed() -> dict[str, str]:
    """The entries of installed packages: name -> module."""
    return {point.name: point.value for point in importlib.metadata.entry_points(group=GROUP)}


def _imported(module: str) -> ModuleType:
    quiet.import_tensorflow()
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ValueError(f"{module!r} cannot be imported: {error}") from error
