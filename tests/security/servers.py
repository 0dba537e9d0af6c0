"""Hostile servers: whatever they answer ends in ServingError, in time and in little memory. Prints the counts.

python tests/security/servers.py            # every hostile answer over REST and over gRPC
python tests/security/servers.py --quick    # without most of those that wait for the timeout
"""

import dataclasses
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from memory import megabytes

from export.client import Client, ServingError

TIMEOUT = 0.5  # seconds
LATE, MOST = 1.0, 200.0  # seconds after the timeout, MB beyond what the process had
WAITING = ("trickle", "silence", "without end", "sleeps", "bomb", "push", "window", "two messages")  # for the timeout
QUICK = 3  # of these in the smaller form


@dataclasses.dataclass
class Outcome:
    """What came of one hostile answer."""

    case: str
    said: str  # the error's class and message
    right: bool  # it is a ServingError of one short line
    seconds: float
    megabytes: float

    @property
    def kept(self) -> bool:
        return self.right and self.seconds < TIMEOUT + LATE and self.megabytes < MOST


def ask(client: Client, case: str, signature: str):
    """The request that a case answers."""
    if case.startswith("listing"):
        return client.signatures
    image, label = np.zeros((4, 16, 16, 1), np.float32), np.arange(4)
    takes = client.signatures[signature]["inputs"]
    tensors = {"seed": label, "label": label, "image": image}
    return client.predict(signature, {name: tensors[name] for name in takes})


def attack(url: str, case: str, signature: str) -> Outcome:
    """Sends a request to a hostile server, and measures what becomes of it."""
    before, began = megabytes("VmRSS", reset=True), time.perf_counter()
    with Client(url, case, timeout=TIMEOUT) as client:
        try:
            said, right = f"answered {ask(client, case, signature)!r}"[:200], False
        except Exception as error:
            said = f"{type(error).__name__}: {error}"
            right = type(error) is ServingError and error.__suppress_context__ and error.__cause__ is None
            right = right and len(said) < 1000 and said.isprintable() and "secret" not in said
    return Outcome(case, said, right, time.perf_counter() - began, megabytes("VmHWM") - before)


def attempt(url: str, case: str, signature: str) -> Outcome:
    """An attack, made again where it took too long: a busy machine may have been the cause, but not thrice."""
    tries = []
    while not (tries and tries[-1].seconds < TIMEOUT + LATE) and len(tries) < 3:
        tries.append(attack(url, case, signature))
    return tries[-1]


def outcomes(kind: str, quick: bool = False) -> list[Outcome]:
    """Every case over REST or gRPC, from a server in another process."""
    folder = Path(__file__).resolve().parent
    code = f"import sys; sys.path[:0] = [{str(folder)!r}]; import {kind}_server; {kind}_server.serve()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        told = json.loads(server.stdout.readline())
        cases = [(url, case, signature) for case, (url, signature) in told.items()]
        if quick:
            waiting = [each for each in cases if any(word in each[1] for word in WAITING)]
            cases = [each for each in cases if each not in waiting][::2] + waiting[:: len(waiting) // QUICK]
        attack(*cases[0])  # imports what the first request imports
        found = [attempt(*each) for each in cases]
        server.stdin.close()
    return found


def main(quick: bool = False) -> list[str]:
    """Prints a line for each transport, and returns the answers that are not refused as they should be, a line each."""
    failed = []
    for kind, name in (("rest", "REST"), ("grpc", "gRPC")):
        found = outcomes(kind, quick)
        wrong = [each for each in found if not each.kept]
        print(
            f"{len(found)} hostile answers over {name}: {len(found) - len(wrong)} end in ServingError, "
            f"after {max(each.seconds for each in found):.2f} s at most (timeout {TIMEOUT:g} s), "
            f"with {max(each.megabytes for each in found):.0f} MB at most",
            flush=True,
        )
        failed += [f"{name} {each.case}: {each.said} ({each.seconds:.2f} s, {each.megabytes:.0f} MB)" for each in wrong]
    return failed


if __name__ == "__main__":
    failures = main("--quick" in sys.argv)
    print("\n".join(failures), end="\n" * bool(failures))
    raise SystemExit(bool(failures))
