"""The fresh process that proves converted signatures: `python -m export.formats.checking FOLDER`. No TensorFlow in it.

It asks each the golden requests, whole, a row at a time and in a larger batch, sends rows that must be refused, and
takes the time of one row. It prints a line of JSON for each signature.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np

from export import golden
from export.formats import running

ROUNDING = 1e-5  # of float32, absolute and relative
AGAIN = 1e-4  # between the rows of one batch and of another
SECONDS, MOST = 1.0, 200  # of timing a signature, and runs


class WrongError(Exception):
    """A converted signature does not answer what it must; says what."""


def main() -> None:
    """Checks the folder that the command line names."""
    folder = Path(sys.argv[1])
    facts = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    requests = golden.parse((folder / golden.NAME).read_bytes(), facts["signatures"])
    for name, sides in requests.items():
        try:
            found = measured(folder / facts["files"][name]["file"], sides, facts)
        except Exception as error:  # a runtime may fail in any way: each is a failed check, not a crash
            found = {"wrong": f"{name}: {' '.join(str(error).split())[:300]}"}
        print(json.dumps({name: found | {"tensorflow": "tensorflow" in sys.modules}}), flush=True)


def measured(path: Path, sides: dict, facts: dict) -> dict:
    """How a converted signature answers its golden request.

    Args:
        path: its file.
        sides: the request and Python's answer, {"inputs", "outputs"}: name -> array.
        facts: what model.json holds.

    Returns:
        {"difference": the largest, absolute; "loss", of the output where it is largest; "p50_ms" of one row}.

    Raises:
        WrongError: it answers other rows alone than in a batch, or does not refuse what it must; with float32 weights
            also where it is off by more than rounding.
    """
    run = running.opened(path)
    inputs, expected = sides["inputs"], sides["outputs"]
    answers = run(inputs)
    if set(answers) != set(expected):
        raise WrongError(f"it answers {', '.join(sorted(answers))}, not {', '.join(sorted(expected))}")
    for key, value in expected.items():
        if answers[key].shape != value.shape:
            raise WrongError(f"{key} has the shape {list(answers[key].shape)}, not {list(value.shape)}")
        if facts["weights"] == "float32" and not np.allclose(answers[key], value, ROUNDING, ROUNDING):
            raise WrongError(f"{key} is off by {golden.distance(answers[key], value):.2g}")
    check_rows(run, inputs, answers)
    check_refused(run, inputs, answers, len(facts["classes"]))
    return {
        "difference": max(golden.distance(answers[key], value) for key, value in expected.items()),
        "loss": max(loss(answers[key], value) for key, value in expected.items()),
        "p50_ms": median_ms(run, {key: value[:1] for key, value in inputs.items()}),
    }


def loss(answer: np.ndarray, expected: np.ndarray) -> float:
    """The root mean square of a difference as a share of the scale of what is expected.

    The scale is its standard deviation; of numbers that are all nearly the same, a tenth of their root mean square.
    """
    off = np.sqrt(np.mean(np.square(answer.astype(np.float64) - expected)))
    scale = max(np.std(expected), 0.1 * np.sqrt(np.mean(np.square(expected, dtype=np.float64))))
    return float(off / max(scale, 1e-12))


def check_rows(run, inputs: dict, answers: dict) -> None:
    """Raises WrongError unless rows are answered alike alone and in a larger batch."""
    large = run({key: np.concatenate([value] * 5) for key, value in inputs.items()})
    for row in range(golden.ROWS):
        alone = run({key: value[row : row + 1] for key, value in inputs.items()})
        for key, value in answers.items():
            for other in (alone[key][0], large[key][row], large[key][row - golden.ROWS]):
                if not np.allclose(other, value[row], AGAIN, AGAIN):
                    raise WrongError(f"{key} depends on the batch: {golden.distance(other, value[row]):.2g}")


def check_refused(run, inputs: dict, answers: dict, classes: int) -> None:
    """Raises WrongError unless rows with a label of no class, or a pixel outside [0, 1], are NaN, and only these."""
    for key, wrong in {"label": [-1, classes], "image": [2, np.nan]}.items():
        if key not in inputs:
            continue
        damaged = inputs[key].copy()
        damaged.reshape(len(damaged), -1)[: len(wrong), 0] = wrong
        for name, value in run(inputs | {key: damaged}).items():
            refused, rest = value[: len(wrong)], value[len(wrong) :]
            if not np.isnan(refused).all() or not np.allclose(rest, answers[name][len(wrong) :], AGAIN, AGAIN):
                raise WrongError(f"{name} with {key}s {' and '.join(map(str, wrong))} is not two rows of NaN")


def median_ms(run, inputs: dict) -> float:
    """The median time of a request in milliseconds."""
    run(inputs)
    times: list[float] = []
    while len(times) < 5 or (sum(times) < SECONDS and len(times) < MOST):
        start = time.perf_counter()
        run(inputs)
        times.append(time.perf_counter() - start)
    return round(1e3 * float(np.median(times)), 3)


if __name__ == "__main__":
    main()
