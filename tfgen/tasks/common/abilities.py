"""What a task asks a model for, read from `Model.signatures()`: which methods a model can do, and which models one."""

from tfgen import checks, spelling
from tfgen.storage import entries

DENSITY = "the density of any code"


def has(model, ask: str) -> bool:
    """Whether a model has a signature, "score", or a part of one, "encode.latent_stddev", or has `DENSITY`."""
    if ask == DENSITY:
        return getattr(model, "posterior_density", False)
    signature, _, part = ask.partition(".")
    found = model.signatures().get(signature)
    return found is not None and (not part or part in found.outputs or part in found.inputs)


def methods(model, asks: dict[str, tuple[str, ...]]) -> list[str]:
    """The methods of a task that a model can do, in the task's order.

    Args:
        model: a `tfgen.Model`.
        asks: method -> what it asks for.
    """
    return [method for method, needed in asks.items() if all(has(model, ask) for ask in needed)]


def chosen(model, asks: dict[str, tuple[str, ...]], method: str | None, task: str) -> str:
    """The method that is asked for, or the first that the model can do.

    Raises:
        ValueError: no such method, or none that the model can do; the message says what it lacks and who has it.
    """
    if method is not None:
        checks.one_of("method", method, asks)
    able = methods(model, asks)
    if method in able or (method is None and able):
        return method or able[0]
    raise ValueError(refusal(model, asks if method is None else {method: asks[method]}, task))


def refusal(model, asks: dict[str, tuple[str, ...]], task: str) -> str:
    """Why a model can do none of these methods, and which entries of the zoo can."""
    who = spelling.had_by([entry for entry, small in entries_of_the_zoo().items() if methods(small, asks)])
    return f"{task} asks a model for {in_words(asks)}{who}; {model.entry} has {', '.join(sorted(model.signatures()))}"


def in_words(asks: dict[str, tuple[str, ...]]) -> str:
    """score and encode, or decode."""
    ways = dict.fromkeys(" and ".join(ask.replace(".", " with ") for ask in needed) for needed in asks.values())
    return ", or ".join(ways)


def entries_of_the_zoo() -> dict:
    """A small model of each entry with fresh weights, which is asked for its signatures alone."""
    return {name: entries.build(name, entries.module(name).SMALL) for name in entries.entries()}
