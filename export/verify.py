"""`python -m export.verify DIR/NAME/1`: proves a version through TensorFlow's C++ loader, as a stock server runs it.

The process that verifies has no Keras, no TensorFlow Probability and none of TensorFlow's Python, and XLA is disabled.
The exit code is 0, or 1 for a version that fails a check, or 2 for a path that is no version.
"""

import json
import time
from pathlib import Path

import numpy as np

from export import contract, golden, graph, manifest, versions
from export.session import DTYPES, Session, SessionError, as_the_server, operations
from tfgen import commandline

NAME = "python -m export.verify"
ROUNDING = 1e-5  # matrix products of other heights round otherwise


class CheckError(Exception):
    """A version does not hold what it promises; says what."""


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    commandline.run(verify, arguments, NAME)


def verify(version: Path, /) -> None:
    """Proves a version through TensorFlow's C++ loader, with XLA disabled, as a stock server runs it.

    Args:
        version: the directory of a version, such as served/vae/1.
    """
    with commandline.bad_input():
        versions.check(version)
    try:
        as_the_server()
    except SessionError as error:
        commandline.fail(error)
    results = check(version)
    print(commandline.table([(name, "ok" if passed else "FAILED", detail) for name, passed, detail in results]))
    failed = [name for name, passed, _ in results if not passed]
    if failed:
        commandline.fail(f"{version} fails {', '.join(failed)}", commandline.FAILED)
    print(f"{version} holds what it promises")


def check(version: Path) -> list[tuple[str, bool, str]]:
    """Runs every check. Returns (name, passed, detail) each; what needs a session is left out if none can be loaded."""
    results = []

    def attempt(name, function, *arguments):
        try:
            detail, value = function(*arguments), None
            if isinstance(detail, tuple):
                detail, value = detail
        except Exception as error:  # a damaged version may fail in any way: each is a failed check, not a crash
            results.append((name, False, " ".join(str(error).split()) or type(error).__name__))
            return None
        results.append((name, True, detail))
        return value

    attempt("manifest", check_manifest, version)
    facts = attempt("contract", check_description, version)
    requests = attempt("golden requests", read_golden, version, facts)
    session = attempt("load", load, version)
    if session is not None:
        with session:
            attempt("signatures", check_signatures, session, facts)
            attempt("operations", check_operations, session)
            attempt("answers", check_answers, session, requests)
            attempt("rows", check_rows, session, requests)
            attempt("seeds", check_seeds, session, requests)
            if facts and facts["classes"]:
                attempt("labels", check_labels, session, requests, len(facts["classes"]))
            if requests and any("image" in sides["inputs"] for sides in requests.values()):
                attempt("pixels", check_pixels, session, requests)
    return results


def check_manifest(version: Path) -> str:
    """Every file is there, unchanged, and no other."""
    differences = manifest.differences(version)
    if differences:
        raise CheckError("; ".join(differences[:3]) + (f"; {len(differences) - 3} more" if differences[3:] else ""))
    paths = [path for path in version.rglob("*") if path.is_file()]
    return f"{len(paths)} files, {sum(path.stat().st_size for path in paths) / 1e6:.1f} MB, SHA-256"


def check_description(version: Path):
    """`signatures.json` keeps the contract. Returns its content as well."""
    facts = json.loads((version / contract.FILE).read_text(encoding="utf-8"))
    if broken := contract.violations(facts):
        raise CheckError(f"{contract.FILE} breaks the contract: {'; '.join(broken)}")
    return ", ".join(facts["signatures"]), facts


def read_golden(version: Path, facts: dict):
    """There is a finite golden answer for every signature. Returns the requests as well."""
    requests = golden.read(version / golden.NAME)
    if set(requests) != set(facts["signatures"]):
        raise CheckError(f"{golden.NAME} has other signatures than {contract.FILE}")
    for name, sides in requests.items():
        if not all(np.isfinite(array).all() for array in sides["outputs"].values()):
            raise CheckError(f"the model answers {name} with NaN or infinity")
    return f"{len(requests)} requests of {golden.ROWS} rows", requests


def load(version: Path):
    """The C++ loader takes it. Returns the session as well."""
    start = time.perf_counter()
    session = Session(version)
    return f"C++ session in {time.perf_counter() - start:.2f} s, XLA disabled", session


def check_signatures(session: Session, facts: dict) -> str:
    """Names, dtypes and shapes of the graph are those that `signatures.json` states, to the letter."""
    served = {name: definition for name, definition in session.signatures.items() if not name.startswith("__")}
    if set(served) != set(facts["signatures"]):
        raise CheckError(f"the graph has {sorted(served)}, {contract.FILE} {sorted(facts['signatures'])}")
    for name, expected in facts["signatures"].items():
        for side in ("inputs", "outputs"):
            found = {key: _spec(info) for key, info in getattr(served[name], side).items()}
            if found != expected[side]:
                raise CheckError(f"{side} of {name} are {found}, {contract.FILE} has {expected[side]}")
    return f"{len(served)} with the names, dtypes and shapes of {contract.FILE}"


def check_operations(session: Session) -> str:
    """Nothing stateful but reads of variables, no assertion, table, Python or XLA, and random numbers from philox."""
    known, used = operations(), set()
    for name in session.signatures:
        if name.startswith("__"):
            continue
        faults = graph.faults(session.graph, known, name)
        if faults:
            raise CheckError(f"{name}: {'; '.join(faults)}")
        used |= graph.operations(session.graph, name)
    return f"{len(used)} kinds, all of which a stock server runs"


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
                    if not np.allclose(other, value[row], ROUNDING, ROUNDING):
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
        given = sides["inputs"][key].copy()
        given.reshape(len(given), -1)[: len(wrong), 0] = wrong
        for output, value in session.run(name, sides["inputs"] | {key: given}).items():
            refused, rest = value[: len(wrong)], value[len(wrong) :]
            blank = np.isnan(refused) if value.dtype.kind == "f" else refused == -1
            if not blank.all() or not golden.agree(rest, sides["outputs"][output][len(wrong) :]):
                values = " and ".join(map(str, wrong))
                raise CheckError(f"{output} of {name} with {key}s {values} is not two rows of NaN")


def _spec(info) -> dict:
    dtype = DTYPES.get(info.dtype)
    return {"dtype": str(dtype or info.dtype), "shape": [dim.size for dim in info.tensor_shape.dim]}


if __name__ == "__main__":
    main()
