"""The size of a model, counted before any memory is taken for its variables."""

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
    # Each thread of Keras's keeps a list of variables to initialise later; a thread of our own takes its list with it.
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
