"""What verification costs: `python tests/benchmarks/verify_speed.py OTHER_CHECKOUT VERSION ...`

Verifies each version by this checkout and by another one in turns, and prints the least seconds of processor time and
of the clock of each, and their ratio. The least, because a busy machine only adds.
"""

import os
import resource
import subprocess
import sys
import time
from pathlib import Path

TURNS = 5


def cost(checkout: Path, version: str) -> tuple[float, float]:
    """Seconds of processor time and of the clock that one verification takes."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    environment = os.environ | {"PYTHONPATH": str(checkout)}
    words = [sys.executable, "-m", "export.verify", str(Path(version).resolve())]
    subprocess.run(words, check=True, capture_output=True, cwd=checkout, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return used, time.perf_counter() - start


def main() -> None:
    ours, other, *versions = Path(__file__).resolve().parents[2], Path(sys.argv[1]).resolve(), *sys.argv[2:]
    for version in versions:
        costs = [[cost(checkout, version) for checkout in (ours, other)] for _ in range(TURNS)]
        for unit, place in (("processor time", 0), ("clock", 1)):
            here, there = (min(turn[side][place] for turn in costs) for side in (0, 1))
            print(f"{version}: {here:.2f} s, other {there:.2f} s of {unit}: {here / there:.2f}", flush=True)


if __name__ == "__main__":
    main()
