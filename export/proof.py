"""The process that verifies one version: it inspects all of it, then loads it as a server does, and asks it.

`export.verify` starts it by `export.child`, within the bounds of `export.confinement`.
"""

import sys
import time
from pathlib import Path

import numpy as np

from export import confinement, contract, golden, limits
from export.inspection import Inspection
from export.session import Session, as_the_server

ROUNDING = 1e-5  # matrix products of other heights round otherwise, by a share of the largest number of a row


class CheckError(Exception):
    """A version does not hold what it promises; says what."""


def main() -> None:
    """Verifies what the command line names: a private folder, seconds a check, VERSION, and the pin or ''."""
    folder, timeout, version, pin = sys.argv[1:]
    confinement.run(Path(folder), results(Path(folder), float(timeout), Path(version), pin))


def results(folder: Path, timeout: float, version: Path, pin: str):
    """Yields each check's name, then (passed, detail). Raises what a check that fails raises."""
    session, inspection, _ = yield from loaded(folder, timeout, version, pin)
    for name, check in checks(inspection.facts, inspection.requests).items():
        yield name
        confinement.allow(timeout)
        yield True, check(session)


def loaded(folder: Path, timeout: float, version: Path, pin: str = ""):
    """Inspects a version and loads its private copy; yields as `results`.

    Returns:
        The session, the `Inspection`, and the seconds that loading took.
    """
    inspection = Inspection(version, folder, pin)
    for name in Inspection.CHECKS:
        yield name
        confinement.allow(timeout)
        yield True, inspection.run(name)
    yield "load"
    confinement.allow(timeout)
    as_the_server()
    confinement.confine(inspection.snapshot.sizes[limits.DATA])
    start = time.perf_counter()
    session = Session(folder)
    seconds = time.perf_counter() - start
    yield True, f"C++ session in {seconds:.2f} s, XLA disabled"
    return session, inspection, seconds


def checks(facts: dict, requests: dict) -> dict:
    """The checks of a version: name -> function of a session."""
    found = {
        "answers": lambda session: check_answers(session, requests),
        "rows": lambda session: check_rows(session, requests),
        "seeds": lambda session: check_seeds(session, requests),
    }
    if facts["classes"]:
        found["labels"] = lambda session: check_labels(session, requests, len(facts["classes"]))
    if any("image" in sides["inputs"] for sides in requests.values()):
        found["pixels"] = lambda session: check_pixels(session, requests)
    return found


def check_answers(session: Session, requests: dict) -> str:
    """The golden requests get the golden answers."""
    worst = 0.0
    for name, sides in requests.items():
        for key, answer in session.run(name, sides["inputs"]).items():
            expected = sides["outputs"][key]
            worst = max(worst, golden.distance(answer, expected) if answer.shape == expected.shape else np.inf)
            if not golden.agree(answer, expected):
                raise CheckError(f"{key} of {name} is off by {worst:.2g}")
    return f"as in Python, off by {worst:.1g} at most"


def check_rows(session: Session, requests: dict) -> str:
    """A row's answer does not depend on the rows it is batched with, nor on their number."""
    for name, sides in requests.items():
        inputs = sides["inputs"]
        whole = session.run(name, inputs)
        order = np.random.default_rng(0).permutation(golden.ROWS)
        mixed = session.run(name, {key: np.concatenate([value[order]] * 5) for key, value in inputs.items()})
        for row in range(golden.ROWS):
            alone = session.run(name, {key: value[row : row + 1] for key, value in inputs.items()})
            place = int(np.flatnonzero(order == row)[0])
            for key, value in whole.items():
                for other in (alone[key][0], mixed[key][place]):
                    if not np.allclose(other, value[row], ROUNDING, ROUNDING * np.max(np.abs(value[row]), initial=1)):
                        raise CheckError(f"{key} of {name} depends on the batch: {golden.distance(other, value[row])}")
    return "the same alone and in any batch"


def check_seeds(session: Session, requests: dict) -> str:
    """The same seeds repeat to the bit, and others give something else."""
    seeded = [name for name, sides in requests.items() if "seed" in sides["inputs"]]
    for name in seeded:
        inputs = requests[name]["inputs"]
        first, again = session.run(name, inputs), session.run(name, inputs)
        other = session.run(name, inputs | {"seed": inputs["seed"] ^ 1})
        if any(not np.array_equal(first[key], again[key]) for key in first):
            raise CheckError(f"{name} does not repeat under the same seeds")
        same = [np.array_equal(first[key], other[key]) for key in first]
        # which outputs of a signature outside the contract depend on the seed is not known: one must
        if any(same) if name in contract.SIGNATURES else all(same):
            raise CheckError(f"{name} answers other seeds with the same numbers")
    return f"repeat and differ in {', '.join(seeded)}" if seeded else "no signature takes any"


def check_labels(session: Session, requests: dict, classes: int) -> str:
    """A label of no class gives a row of NaN (of -1 in integers), and leaves the other rows alone."""
    _check_refused(session, requests, "label", [-1, classes])
    return f"outside 0..{classes - 1} a row of NaN, the others as before"


def check_pixels(session: Session, requests: dict) -> str:
    """An image with a pixel outside [0, 1] gives a row of NaN (of -1 in integers), and leaves the other rows alone."""
    _check_refused(session, requests, "image", [255, np.nan])
    return "outside [0, 1] a row of NaN, the others as before"


def _check_refused(session: Session, requests: dict, key: str, wrong: list) -> None:
    """Raises CheckError unless the first rows of an input, with one wrong value each, are refused, and only these."""
    for name, sides in requests.items():
        if key not in sides["inputs"]:
            continue
        damaged = sides["inputs"][key].copy()
        damaged.reshape(len(damaged), -1)[: len(wrong), 0] = wrong
        for output, value in session.run(name, sides["inputs"] | {key: damaged}).items():
            refused, rest = value[: len(wrong)], value[len(wrong) :]
            blank = np.isnan(refused) if value.dtype.kind == "f" else refused == -1
            if not blank.all() or not golden.agree(rest, sides["outputs"][output][len(wrong) :]):
                values = " and ".join(map(str, wrong))
                raise CheckError(f"{output} of {name} with {key}s {values} is not two rows of NaN")


if __name__ == "__main__":
    main()
