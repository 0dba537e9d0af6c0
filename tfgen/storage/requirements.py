"""What a module must define to be an entry, and its model to be trained: each check names what is missing."""

import inspect
import numbers
import traceback
from types import ModuleType

REQUIRED = ("build", "STEPS", "BATCH_SIZE", "LEARNING_RATE")  # of a module
GUIDE = "docs/new-model.md"


class RequirementError(ValueError):
    """What a model's own methods return is not what training needs of them."""


def check_module(module: ModuleType, name: str) -> ModuleType:
    """Returns a module that has what an entry must have. Raises ValueError that says what it lacks."""
    if missing := [required for required in REQUIRED if not hasattr(module, required)]:
        raise refused(module, f"it does not define {', '.join(missing)}")
    for constant in ("STEPS", "BATCH_SIZE"):
        value = getattr(module, constant)
        if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value < 1:
            raise refused(module, f"{constant} must be an int of at least 1, is {value!r}")
    learning_rate = module.LEARNING_RATE
    if (
        isinstance(learning_rate, bool)
        or not isinstance(learning_rate, numbers.Real)
        or not 0 < learning_rate < float("inf")
    ):
        raise refused(module, f"LEARNING_RATE must be a number above 0, is {learning_rate!r}")
    if not callable(module.build):
        raise refused(module, f"build must be a class or a function, is {module.build!r}")
    if inspect.isclass(module.build):
        check_class(module, module.build, name)
    try:
        parameters = inspect.signature(module.build).parameters.values()
    except ValueError as error:  # a builtin has none
        raise refused(module, f"build must be a class or a function, is {module.build!r}") from error
    for parameter in parameters:
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
            raise refused(module, f"build must name its hyperparameters, has {parameter}")
        if parameter.default is parameter.empty:
            raise refused(module, f"the hyperparameter {parameter.name} of build needs a default")
        if parameter.annotation is parameter.empty:
            raise refused(
                module,
                f"the hyperparameter {parameter.name} of build needs a type, such as {_type_of(parameter.default)}",
            )
    return module


def check_class(module: ModuleType, kind: type, name: str) -> None:
    """Raises ValueError unless a class is a model that can be trained as the entry `name`.

    What its bases leave to it they say themselves, by `to_define`.
    """
    import keras  # with TensorFlow, which the module of the class has imported

    bases = [base for base in kind.__mro__ if "to_define" in vars(base)]
    model = next((base for base in bases if issubclass(base, keras.Model)), None)
    if model is None:
        raise refused(module, f"build makes a {kind.__name__}, which is no tfgen.models.Model")
    if kind.entry != name:
        raise refused(module, f"{kind.__name__}.entry is {kind.entry!r}, must be {name!r}")
    for base in bases[bases.index(model) + 1 :]:
        raise refused(module, f"{kind.__name__} must name {base.__name__} before {model.__name__}")
    for base in bases:
        for choice in base.to_define:
            if not any(_defines(kind, model, method) for method in choice.split(" or ")):
                raise refused(module, f"{kind.__name__} does not define {choice}, which {base.__name__} needs")


def check_model(module: ModuleType, model, name: str) -> None:
    """Raises ValueError unless what `build` has made is a model that can be trained as the entry `name`."""
    check_class(module, type(model), name)
    if not hasattr(model, "pixels"):
        raise refused(module, f"the constructor of {type(model).__name__} must call super().__init__ first")


def refused(module: ModuleType, reason: str) -> ValueError:
    """The error of a module that is not an entry."""
    return ValueError(f"{module.__name__} is not an entry: {reason} ({GUIDE})")


def in_words(error: BaseException) -> str:
    """What was raised, in one line, and the place in the file that raised it."""
    reason = next(iter(str(error).strip().splitlines()), "")
    if isinstance(error, SyntaxError):  # its words name the place
        return f"{type(error).__name__}: {reason}"
    *_, last = traceback.extract_tb(error.__traceback__)
    return f"{type(error).__name__}: {reason} ({last.filename}, line {last.lineno})"


def check_terms(entry: str, terms: dict) -> dict:
    """Returns the terms of a loss. Raises RequirementError unless there is a "loss", and each term is a [B]."""
    if not isinstance(terms, dict) or "loss" not in terms:
        returned = ", ".join(map(repr, terms)) if isinstance(terms, dict) else type(terms).__name__
        raise RequirementError(f"training_loss of {entry} must return a dictionary with 'loss', returns {returned}")
    for name, term in terms.items():
        shape = getattr(term, "shape", ())
        if getattr(shape, "rank", len(shape)) not in (None, 1):
            raise RequirementError(
                f"training_loss of {entry} must return {name!r} as [B], one number per row; its shape is {shape}"
            )
    return terms


def _type_of(default) -> str:
    """The name of a default's type, as an annotation has it."""
    return "int" if default is None else type(default).__name__


def _defines(kind: type, base: type, method: str) -> bool:
    """Whether a class has a method that is not the one of `base`, which only says what is to be defined."""
    return getattr(kind, method, None) is not getattr(base, method, None)
