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

from export.client import Client, ServingError

TIMEOUT = 0.5  # seconds
LATE, MOST = 1.0, 200.0  # seconds after the timeout, MB beyond what the process had
WAITING = ("trickle", "silence", "without end", "sleeps", "bomb", "push", "window", "two messages")  # for the timeout
QUICK = 5  # of these in the smaller form


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
    tensors = {"sample": {"seed": label, "label": label}, "encode": {"image": image, "label": label}}
    return client.predict(signature, tensors.get(signature, {"image": image}))


def attack(url: str, case: str, signature: str) -> Outcome:
    """Sends a request to a hostile server, and measures what becomes of it."""
    before, began = _memory("VmRSS", reset=True), time.perf_counter()
    with Client(url, case, timeout=TIMEOUT) as client:
        try:
            said, right = f"answered {ask(client, case, signature)!r}"[:200], False
        except Exception as error:
            said = f"{type(error).__name__}: {error}"
            right = type(error) is ServingError and error.__suppress_context__ and error.__cause__ is None
            right = right and len(said) < 1000 and said.isprintable() and "secret" not in said
    return Outcome(case, said, right, time.perf_counter() - began, _memory("VmHWM") - before)


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
        found = [attack(*each) for each in cases]
        server.stdin.close()
    return found


def main(quick: bool = False) -> int:
    """Prints a line for each transport, and one for each answer that is not refused as it should. 1 if there is any."""
    failed = 0
    for kind, name in (("rest", "REST"), ("grpc", "gRPC")):
        found = outcomes(kind, quick)
        wrong = [each for each in found if not each.kept]
        failed += len(wrong)
        print(
            f"{len(found)} hostile answers over {name}: {len(found) - len(wrong)} end in ServingError, "
            f"after {max(each.seconds for each in found):.2f} s at most (timeout {TIMEOUT:g} s), "
            f"with {max(each.megabytes for each in found):.0f} MB at most"
        )
        for each in wrong:
            print(f"  {each.case}: {each.said} ({each.seconds:.2f} s, {each.megabytes:.0f} MB)")
    return int(failed > 0)


def _memory(field: str, reset: bool = False) -> float:
    """MB of this process: VmRSS, what it has, or VmHWM, the most that it had since it was reset."""
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    sys.exit(main("--quick" in sys.argv))
