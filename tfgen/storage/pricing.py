"""The price of a model: how many numbers its variables hold, known before any memory is taken for them."""

import concurrent.futures
import math

import keras

from tfgen import checks
from tfgen.data import budget
from tfgen.storage import entries

BYTES = 4  # of a float32


def numbers(entry: str, hyperparameters: dict, copies: int = 1) -> int:
    """How many numbers the variables of an entry's model hold, counted on a model whose variables get no values.

    Args:
        entry: the name of the entry.
        hyperparameters: of its `build`.
        copies: of the variables that must fit into memory.

    Raises:
        TypeError, ValueError: as `entries.build`, or more numbers than fit into the memory that is free.
    """
    # Keras lists the variables that it has yet to initialise, thread by thread: the list must go with them.
    with concurrent.futures.ThreadPoolExecutor(1) as thread:
        count = thread.submit(_count, entry, hyperparameters).result()
    if (size := copies * count * BYTES) > (free := budget.free()):
        raise ValueError(
            f"this {entry} has {count:,} numbers in its variables and needs {checks.size_words(size)} of memory; "
            f"{checks.size_words(free)} is free"
        )
    return count


def _count(entry: str, hyperparameters: dict) -> int:
    with keras.StatelessScope(initialize_variables=False):
        model = entries.build(entry, hyperparameters)
        return sum(math.prod(variable.shape) for variable in model.variables)
