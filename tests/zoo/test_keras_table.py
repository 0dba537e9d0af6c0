"""The table of docs/keras.md: every public method and argument of `keras.Model` with every entry, by calling it.

    KERAS_TABLE=write python -m pytest -n 0 -m slow tests/zoo/test_keras_table.py

writes the table anew.
"""

import importlib.util
import inspect
import os
import re
import sys
from pathlib import Path

import keras
import pytest

import tfgen
from tfgen.storage import entries

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
DOCUMENT = Path(__file__).parents[2] / "docs" / "keras.md"
BEGIN, END = "<!-- tests/zoo/test_keras_table.py -->", "<!-- end of tests/zoo/test_keras_table.py -->"
WORKS = "works"


def _beside(name: str):
    """A module beside this one, which pytest does not find by its name."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


keras_calls = _beside("keras_calls")
CALLS, NO_USE, Case = keras_calls.CALLS, keras_calls.NO_USE, keras_calls.Case


def public(name: str) -> bool:
    return not name.startswith("_") and callable(getattr(keras.Model, name))


METHODS = [name for name in dir(keras.Model) if public(name)]


def arguments(method: str) -> list[str]:
    """The named arguments of a method of Keras's."""
    kinds = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    parameters = inspect.signature(getattr(keras.Model, method)).parameters.values()
    return [parameter.name for parameter in parameters if parameter.kind not in kinds and parameter.name != "self"]


def built(entry: str):
    """A small compiled model of an entry, its first weights and its optimiser."""
    keras.utils.set_random_seed(0)
    model = entries.build(entry, entries.module(entry).SMALL)
    model.compile("adam", jit_compile=False)
    return model, model.get_weights(), model.optimizer


def outcome(entry: str, method: str, call, digits, folder, models: dict) -> str:
    """What comes of a call on a small model: "works", or the words it is refused with.

    `models` are kept from call to call, entry -> what `built` made, but for those that a call has changed for good.
    """
    model, weights, optimizer = models[entry] = models.get(entry) or built(entry)
    model.set_weights(weights)
    case = Case(model, digits.train.images[:8], digits.train.labels[:8], folder)
    try:
        call(case)
    except (ValueError, TypeError) as error:
        words = str(error).strip()
        assert len(words.splitlines()) == 1, words
        return f"refused: {words}"
    finally:
        if model.optimizer is not optimizer or method == "quantize":
            del models[entry]
    return WORKS


def test_every_method_of_keras_is_in_the_table():
    unknown = [name for name in METHODS if name not in CALLS and name not in NO_USE]
    assert not unknown
    for method in CALLS:
        assert set(arguments(method)) <= set(CALLS[method]), method


@pytest.fixture(scope="module")
def outcomes(digits, tmp_path_factory):
    """(method, argument) -> what comes of it, entry by entry."""
    found, models = {}, {}
    for method in CALLS:
        for argument, call in CALLS[method].items():
            found[method, argument] = [
                outcome(entry, method, call, digits, tmp_path_factory.mktemp("case"), models)
                for entry in tfgen.entries()
            ]
    return found


def table(outcomes: dict) -> str:
    """The outcomes as Markdown, a row for each method and argument, with the words of what is refused below."""
    lines = [f"| method | argument | {' | '.join(tfgen.entries())} |", "|---|---|" + "---|" * len(tfgen.entries())]
    refused = {}
    for (method, argument), cells in outcomes.items():
        shown = []
        for cell in cells:
            word, _, reason = cell.partition(": ")
            if reason:
                reason = re.sub(rf"\b({'|'.join(sorted(tfgen.entries(), key=len, reverse=True))})\b", "ENTRY", reason)
                number = refused.setdefault(reason, len(refused) + 1)
                word = f"{word} [{number}]"
            shown.append(word)
        lines.append(f"| `{method}` | {f'`{argument}`' if argument else ''} | {' | '.join(shown)} |")
    lines += ["", *(f"{number}. {reason}" for reason, number in refused.items())]
    hooks = ", ".join(f"`{name}`" for name in METHODS if name in NO_USE)
    return "\n".join([*lines, "", f"Not for users to call: {hooks}."])


def test_table_in_the_guide_is_what_comes_of_the_calls(outcomes):
    made = f"{BEGIN}\n{table(outcomes)}\n{END}"
    text = DOCUMENT.read_text()
    if os.environ.get("KERAS_TABLE") == "write":
        DOCUMENT.write_text(re.sub(rf"{BEGIN}.*{END}", lambda _: made, text, flags=re.DOTALL))
    assert made in DOCUMENT.read_text()
