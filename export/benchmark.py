"""`python -m export.benchmark DIR/NAME/1`: what a version costs to load and to run, through the C++ session."""

import json
import os
import time
from pathlib import Path

import numpy as np

from export import contract, versions
from export.inspection import Inspection, inspected
from export.session import Session, SessionError, as_the_server
from tfgen import commandline

NAME = "python -m export.benchmark"
FILE = "benchmark.json"
BATCHES = (1, 16, 256)
FEWEST, MOST = 5, 1000  # requests of one size


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    commandline.run(benchmark, arguments, NAME)


def benchmark(version: Path, /, *, seconds: float = 2.0) -> None:
    """Measures a version through TensorFlow's C++ session: time to load, size, latency and images/s a signature.

    Args:
        version: the directory of a version, such as served/vae/1; benchmark.json is written beside it.
        seconds: how long each signature runs at each batch size.
    """
    with commandline.bad_input():
        versions.check(version)
    try:
        as_the_server()
        with inspected(version) as inspection:  # a SavedModel is a program
            for check in Inspection.CHECKS:
                inspection.run(check)
            requests = inspection.requests
            start = time.perf_counter()
            session = Session(inspection.snapshot.folder)
            loaded = time.perf_counter() - start
    except (OSError, ValueError) as error:
        commandline.fail(f"{str(version)!r} is no version of a served model: {error}")
    except SessionError as error:
        commandline.fail(error)
    size = sum(path.stat().st_size for path in version.rglob("*") if path.is_file())
    weights = sum(path.stat().st_size for path in (version / "variables").glob("variables.data-*"))
    report = {
        "version": version.resolve().name,
        "load_s": round(loaded, 3),
        "bytes": size,
        "variables_bytes": weights,
        "cores": os.cpu_count(),
    }
    print(f"{version}: loads in {loaded:.2f} s, {size / 1e6:.1f} MB, {weights / 1e6:.1f} MB of it variables\n")
    asked = {name: sides["inputs"] for name, sides in requests.items() if name != contract.DEFAULT}
    by_batch = {batch: measure(session, asked, batch, seconds) for batch in BATCHES}
    report["signatures"] = {name: {str(batch): by_batch[batch][name] for batch in BATCHES} for name in asked}
    rows = [("signature", "batch", "p50 ms", "p99 ms", "images/s", "requests")]
    rows += [(name, batch, *by_batch[batch][name].values()) for name in asked for batch in BATCHES]
    print(commandline.table(rows))
    if {"sample", "decode"} <= set(asked):
        print(draw_cost(report["signatures"]))
    target = version.resolve().parent / FILE
    try:
        target.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        commandline.fail(f"{str(target)!r} cannot be written: {error.strerror}")
    print(f"\nwritten to {target}")


def measure(session: Session, requests: dict, batch: int, seconds: float) -> dict:
    """Latency and throughput of signatures, one request at a time; they take turns, so that noise falls on all alike.

    Args:
        session: the loaded version.
        requests: signature -> named inputs, which are repeated to fill a batch.
        batch: rows a request.
        seconds: how long each signature runs in all.

    Returns:
        Signature -> {"p50_ms", "p99_ms", "images_per_s", "requests"}; images/s at the median latency.
    """
    fed = {
        signature: {name: np.resize(value, [batch, *value.shape[1:]]) for name, value in inputs.items()}
        for signature, inputs in requests.items()
    }
    for signature in [*fed, *fed]:
        session.run(signature, fed[signature])
    times: dict = {signature: [] for signature in fed}
    waiting = list(fed)
    while waiting:
        for signature in waiting:
            start = time.perf_counter()
            session.run(signature, fed[signature])
            times[signature].append(time.perf_counter() - start)
        waiting = [name for name in waiting if not (len(times[name]) >= FEWEST and _enough(times[name], seconds))]
    return {signature: _summary(values, batch) for signature, values in times.items()}


def _enough(times: list[float], seconds: float) -> bool:
    return sum(times) >= seconds or len(times) >= MOST


def _summary(times: list[float], batch: int) -> dict:
    median, slow = np.percentile(times, [50, 99])
    return {
        "p50_ms": round(1e3 * median, 3),
        "p99_ms": round(1e3 * slow, 3),
        "images_per_s": round(batch / median, 1),
        "requests": len(times),
    }


def draw_cost(measured: dict) -> str:
    """What drawing each row from its own seed costs: `sample` beside `decode` of the same batch."""
    lines = ["\nDrawing a code for each row from its own seed, sample beside decode:"]
    for batch in map(str, BATCHES):
        sample, decode = measured["sample"][batch], measured["decode"][batch]
        extra, share = sample["p50_ms"] - decode["p50_ms"], sample["images_per_s"] / decode["images_per_s"]
        lines.append(f"  batch {batch:>3}  {extra:+.2f} ms, {share:.0%} of the images/s")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
