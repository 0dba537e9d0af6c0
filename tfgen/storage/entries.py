"""The entries: models by name, the zoo's own and those of a user's packages.

An entry is a module with a `build` function, the constants of a recipe, and a name. A user's is found once it is
registered, by `tfgen.register("my_pkg.gmvae")`, by `--register my_pkg.gmvae` on the command line, or by an installed
package that has the entry point group `tfgen.models`. What a file names never causes an import.

Importing this imports no TensorFlow; the module of an entry does.
"""

import dataclasses
import functools
import importlib
import importlib.metadata
import inspect
import re
from types import ModuleType

from tfgen import quiet, source, spelling

GROUP = "tfgen.models"  # of entry points
SHIPPED = "zoo"  # the package whose entries ship with tfgen
_registered: dict[str, str] = {}  # name -> module


@functools.cache
def entries() -> tuple[str, ...]:
    """The names of the zoo's models, read from its source: asking for them imports nothing."""
    try:
        return source.read(SHIPPED).ENTRIES
    except source.SourceError:  # installed without its source
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
        TypeError, ValueError: no module's name, one that cannot be imported or lacks something that an entry must
            have, or a name that is taken.
    """
    from tfgen.storage import requirements

    name = _free_name(module)
    requirements.check_module(_imported(module), name)
    _registered[name] = module
    return name


def announce(module: str) -> str:
    """As `register`, but that a module whose source says enough is not imported before its model is asked for."""
    name = _free_name(module)
    try:
        _declared(module)
    except source.SourceError:
        return register(module)
    _registered[name] = module
    return name


def _free_name(module: str) -> str:
    """The name that a module's entry gets. Raises TypeError, ValueError as `register` does."""
    if not isinstance(module, str):
        raise TypeError(f"register takes the name of a module, such as 'my_pkg.gmvae', got {module!r}")
    if not all(part.isidentifier() for part in module.split(".")):
        dotted = re.sub(r"[/\\\\]+", ".", module.removesuffix(".py")).strip(".")
        hint = f"; did you mean {dotted!r}?" if dotted != module and dotted.replace(".", "").isidentifier() else ""
        raise ValueError(f"register takes the name of a module, such as 'my_pkg.gmvae', got {module!r}{hint}")
    name = module.rpartition(".")[2]
    if name in entries():
        raise ValueError(f"{module!r} cannot be registered: the zoo has a model {name!r} of its own")
    if _registered.get(name, module) != module:
        raise ValueError(f"{module!r} cannot be registered: {name!r} is {_registered[name]} already")
    return name


def module(name: str) -> ModuleType:
    """The module of an entry. Raises ValueError, naming the choices, if there is none."""
    if name in entries():
        return importlib.import_module(_place(name))
    from tfgen.storage import requirements

    return requirements.check_module(_imported(_place(name)), name)


def _place(name: str) -> str:
    """The full name of an entry's module. Raises ValueError, naming the choices, if there is none."""
    found = f"{SHIPPED}.models.{name}" if name in entries() else _registered.get(name) or _installed().get(name)
    if not found:
        raise ValueError(unknown(name))
    return found


def check_known(name: str) -> None:
    """Raises ValueError, naming the choices, unless there is an entry of that name."""
    _place(name)


def unknown(name: str) -> str:
    """What is said of a name that is not an entry's."""
    names = known()
    return f"unknown entry {name!r}; the zoo has {', '.join(names)}{spelling.meant(name, names)}"


@dataclasses.dataclass(frozen=True)
class Declaration:
    """What an entry's module says of it: hyperparameters and recipe.

    Attributes:
        parameters: of `build`, by name.
        documentation: its docstring.
        steps, batch_size, learning_rate: of the recipe.
        about: a phrase that says what it is, or "".
    """

    parameters: dict[str, inspect.Parameter]
    documentation: str
    steps: int
    batch_size: int
    learning_rate: float
    about: str


def declaration(name: str) -> Declaration:
    """What an entry's module says, from its source; it is imported only where that does not tell.

    Raises ValueError as `module` does.
    """
    try:
        return _declared(_place(name))
    except source.SourceError:
        made = module(name)
        documented = made.build.__init__ if inspect.isclass(made.build) else made.build
        recipe = made.STEPS, made.BATCH_SIZE, made.LEARNING_RATE
        return Declaration(parameters(name), inspect.getdoc(documented) or "", *recipe, getattr(made, "ABOUT", ""))


def _declared(module: str) -> Declaration:
    said = source.read(module)
    recipe = said.STEPS, said.BATCH_SIZE, said.LEARNING_RATE
    about = said.ABOUT if said.defines("ABOUT") else ""
    return Declaration(said.parameters("build"), said.documentation("build"), *recipe, about)


def module_name(name: str) -> str:
    """Where an entry comes from, to be recorded with a run: "my_pkg.gmvae"; "zoo.models.vae" for the zoo's own."""
    return module(name).__name__


def parameters(name: str) -> dict[str, inspect.Parameter]:
    """The hyperparameters of an entry's `build`, by name."""
    return dict(inspect.signature(module(name).build, eval_str=True).parameters)


def defaults(name: str) -> dict:
    """The hyperparameters of an entry at their default values."""
    return {key: parameter.default for key, parameter in parameters(name).items()}


def build(name: str, hyperparameters: dict):
    """Builds an entry's model with fresh weights.

    Raises:
        TypeError, ValueError: unknown entry, a hyperparameter that it does not have or that is out of range, or a
            module of another package that builds no model.
    """
    has = parameters(name)
    unknown = sorted(set(hyperparameters) - set(has))
    if unknown:
        raise ValueError(f"{name} has no hyperparameter {unknown[0]!r}; it has {', '.join(has)}")
    from tfgen.storage import requirements

    made = module(name)
    try:
        model = made.build(**hyperparameters)
    except (TypeError, ValueError):  # of a hyperparameter: it says what is wrong with it
        raise
    except Exception as error:
        if name in entries():
            raise
        raise ValueError(f"{made.__name__} builds no model: {requirements.in_words(error)}") from error
    requirements.check_model(made, model, name)
    return model


def _installed() -> dict[str, str]:
    """The entries of installed packages: name -> module."""
    return {point.name: point.value for point in importlib.metadata.entry_points(group=GROUP)}


def _imported(module: str) -> ModuleType:
    quiet.import_tensorflow()
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ValueError(f"{module!r} cannot be imported: {error}") from error
    except Exception as error:  # whatever its code raises
        from tfgen.storage import requirements

        raise ValueError(f"{module!r} cannot be imported: {requirements.in_words(error)}") from error
