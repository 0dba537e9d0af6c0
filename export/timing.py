"""The process that measures one version: it inspects all of it, loads it as a server does, and takes the time.

`export.benchmark` starts it by `export.child`, within the bounds of `export.confinement`.
"""

import sys
import time
from pathlib import Path

import numpy as np

from export import confinement, contract, proof
from export.session import Session

BATCHES = (1, 16, 256)
FEWEST, MOST = 5, 1000  # requests of one size


def main() -> None:
    """Measures what the command line names: a private folder, seconds a request, VERSION, and seconds a signature."""
    folder, timeout, version, seconds = sys.argv[1:]
    confinement.run(Path(folder), results(Path(folder), float(timeout), Path(version), float(seconds)))


def results(folder: Path, timeout: float, version: Path, seconds: float):
    """Yields the steps of `export.proof.loaded`, then "load_s", and "requests": signature -> batch -> numbers."""
    session, inspection, loading = yield from proof.loaded(folder, timeout, version)
    yield "load_s"
    yield True, loading
    asked = {name: sides["inputs"] for name, sides in inspection.requests.items() if name != contract.DEFAULT}
    yield "requests"
    by_batch = {str(batch): measure(session, asked, batch, seconds, timeout) for batch in BATCHES}
    yield True, {name: {batch: by_batch[batch][name] for batch in by_batch} for name in asked}


def measure(session: Session, requests: dict, batch: int, seconds: float, timeout: float) -> dict:
    """Latency and throughput of signatures, one request at a time; they take turns, so that noise falls on all alike.

    Args:
        session: the loaded version.
        requests: signature -> named inputs, which are repeated to fill a batch.
        batch: rows a request.
        seconds: how long each signature runs in all.
        timeout: seconds that one request may take.

    Returns:
        Signature -> {"p50_ms", "p99_ms", "images_per_s", "requests"}; images/s at the median latency.
    """
    fed = {
        signature: {name: np.resize(value, [batch, *value.shape[1:]]) for name, value in inputs.items()}
        for signature, inputs in requests.items()
    }
    for signature in [*fed, *fed]:
        confinement.allow(timeout)
        session.run(signature, fed[signature])
    times: dict = {signature: [] for signature in fed}
    waiting = list(fed)
    while waiting:
        for signature in waiting:
            confinement.allow(timeout)
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


if __name__ == "__main__":
    main()
