"""The process that runs converted files as an application does, and compares their answers with the golden ones.

`python -m export.formats.comparing FOLDER`, which `export.formats.converting` starts: it imports the format's runtime
and NumPy, and neither TensorFlow nor Keras. It prints a line of JSON: signature -> {"difference", "p50_ms", "wrong"}.
"""

import json
import math
import sys
import time
from pathlib import Path

import numpy as np

from export import golden
from export.formats import litert, onnx

FORMATS = {"litert": litert, "onnx": onnx}
FACTS = "signatures.json"
ABSOLUTE, RELATIVE = 1e-5, 1e-5  # of float32 weights; the relative part is for hundreds of nats
COARSE = 0.25  # of the golden answers' standard deviation: the mean error beyond which rounded weights are refused
CALLS, LONGEST = 200, 1.0  # calls that are timed, and seconds that they may take


def main() -> None:
    """Prints what is found of the folder that the command line names."""
    folder = Path(sys.argv[1])
    facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
    requests = golden.parse((folder / golden.NAME).read_bytes(), facts["signatures"])
    chosen = FORMATS[facts["format"]]
    print(json.dumps({name: compared(chosen, folder, name, sides, facts) for name, sides in requests.items()}))


def compared(chosen, folder: Path, name: str, sides: dict, facts: dict) -> dict:
    """How one file answers: the largest difference, the median latency of one row, and what is wrong, "" if nothing."""
    run = chosen.Runner(folder / f"{name}{chosen.SUFFIX}")
    inputs, expected = sides["inputs"], sides["outputs"]
    answers = run(**inputs)
    difference = max(golden.distance(answers[key], expected[key]) for key in expected)
    wrong = [key for key in expected if not _agree(answers[key], expected[key], facts["weights"])]
    words = f"{', '.join(wrong)} off by {difference:.2g}" if wrong else _of_rows(run, inputs, answers, facts)
    return {"difference": difference, "p50_ms": latency(run, inputs), "wrong": words}


def _agree(answer, expected, weights: str) -> bool:
    if answer.shape != expected.shape or answer.dtype != expected.dtype or not np.isfinite(answer).all():
        return False
    if weights == "float32":
        return np.allclose(answer, expected, RELATIVE, ABSOLUTE)
    return bool(np.abs(answer - expected).mean() <= COARSE * max(expected.std(), ABSOLUTE))


def _of_rows(run, inputs: dict, answers: dict, facts: dict) -> str:
    """Whether a row is answered alone as in a batch, and one that no model can answer by NaN; "" if both."""
    alone = run(**{key: value[:1] for key, value in inputs.items()})
    if any(not _agree(alone[key], answers[key][:1], facts["weights"]) for key in alone):
        return "a row alone has another answer than in a batch"
    for key, value in (("label", len(facts["classes"])), ("image", 1.5), ("latent", math.nan)):
        if key in inputs:
            asked = {name: array.copy() for name, array in inputs.items()}
            asked[key][-1] = value
            found = run(**asked).values()
            if not all(np.isnan(array[-1]).all() and np.isfinite(array[:-1]).all() for array in found):
                return f"{key} {value} is answered by numbers"
    return ""


def latency(run, inputs: dict) -> float:
    """The median milliseconds of a call with one row."""
    row, times = {key: value[:1] for key, value in inputs.items()}, []
    while len(times) < CALLS and sum(times) < LONGEST:
        began = time.perf_counter()
        run(**row)
        times.append(time.perf_counter() - began)
    return round(1e3 * float(np.median(times)), 3)


if __name__ == "__main__":
    main()
