"""A running server under load: clients that each ask row after row of the golden requests, and compare the answers."""

import threading
import time
from pathlib import Path

import numpy as np

from export import golden, replay
from export.client import Client, ServingError

CLIENTS = (1, 4, 16)


def measure(version: Path, url: str, clients, seconds: float, timeout: float) -> list[dict]:
    """Latency and throughput of each signature of a running server, one row a request, by the number of clients.

    Args:
        version: whose golden requests are asked.
        url: of the server.
        clients: numbers of clients that ask at once, each in a thread and over a connection of its own.
        seconds: how long each signature is asked by each number of clients.
        timeout: seconds that a request may take.

    Returns:
        {"signature", "clients", "p50_ms", "p99_ms", "requests_per_s", "requests", "wrong"} each; `wrong` counts
        answers that are not the golden ones.

    Raises:
        ValueError: the version is damaged. ServingError: what the server says, or that there is none.
    """
    facts, requests = replay.read(version)
    number = int(version.resolve().name) if version.resolve().name.isdecimal() else None
    made = []
    try:
        for _ in range(max(clients)):
            made.append(Client(url, facts["model"], version=number, timeout=timeout))
            _ = made[-1].signatures
        return [
            {"signature": name, "clients": count} | _asked(made[:count], name, sides, seconds)
            for name, sides in requests.items()
            if name != "serving_default"
            for count in clients
        ]
    finally:
        for each in made:
            each.close()


def _asked(clients: list, signature: str, sides: dict, seconds: float) -> dict:
    """One signature, asked by all clients at once."""
    times: list[float] = []
    wrong: list[int] = []
    failed: list[ServingError] = []
    began, barrier = [], threading.Barrier(len(clients))
    rows = len(next(iter(sides["inputs"].values())))

    def ask(client, row: int) -> None:
        request, expected = (
            {key: value[[row]] for key, value in sides[side].items()} for side in ("inputs", "outputs")
        )
        try:
            client.predict(signature, request)  # the first answer of a signature, and of a connection, is slow
            barrier.wait()
            began.append(time.perf_counter())
            while (start := time.perf_counter()) < began[0] + seconds:
                answer = client.predict(signature, request)
                times.append(time.perf_counter() - start)
                wrong.append(not all(golden.agree(answer[key], value) for key, value in expected.items()))
        except ServingError as error:
            failed.append(error)
            barrier.abort()
        except threading.BrokenBarrierError:
            pass

    threads = [threading.Thread(target=ask, args=(client, i % rows)) for i, client in enumerate(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]
    median, slow = np.percentile(times, [50, 99])
    return {
        "p50_ms": round(1e3 * median, 2),
        "p99_ms": round(1e3 * slow, 2),
        "requests_per_s": round(len(times) / (time.perf_counter() - began[0]), 1),
        "requests": len(times),
        "wrong": int(sum(wrong)),
    }
