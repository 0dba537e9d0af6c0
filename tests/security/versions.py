"""Hostile and damaged versions: `python -m export.verify` refuses each before anything in it runs. Prints the counts.

python tests/security/versions.py                 # every attack and every kind of damage, through the command
python tests/security/versions.py --quick         # through the inspection alone, where that refuses them
python tests/security/versions.py --unprotected   # the same graphs through TensorFlow's loader alone, to see them work
"""

import collections
import functools
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import editing
import savedmodels

from export import limits, manifest

TIMEOUT = 20  # seconds of a check
UNPROTECTED = """
import sys
from pathlib import Path
from export import golden, library, metagraph
from export.session import Session
parse = library.protocol("core.protobuf.saved_model_pb2").SavedModel.FromString
metagraph.read = lambda content: next(each for each in parse(content).meta_graphs if "serve" in each.meta_info_def.tags)
with Session(sys.argv[1]) as session:
    for name, sides in golden.read(Path(sys.argv[1])).items():
        session.run(name, sides["inputs"])
"""


def ended(words: list, seconds: float) -> str:
    """How a process ends: by one line that refuses a version, or otherwise."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        return "hangs"
    lines = done.stderr.strip().splitlines()
    one_line = len(lines) == 1 and lines[0].startswith("error: ")
    return "refused" if done.returncode == 1 and one_line else f"exit code {done.returncode}, {len(lines)} lines"


def commanded(version: Path, name: str = "verify", timeout: float = TIMEOUT) -> str:
    """What `python -m export.verify`, or `export.benchmark`, makes of a version."""
    return ended([sys.executable, "-m", f"export.{name}", str(version), "--timeout", str(timeout)], 20 * timeout)


def inspected(version: Path) -> str:
    """What the inspection, the part that runs nothing, makes of a version."""
    return "refused" if editing.refusal(version) else "taken"


def unprotected(version: Path) -> str:
    """What TensorFlow's loader makes of a version."""
    return ended([sys.executable, "-c", UNPROTECTED, str(version)], TIMEOUT)


def hostile(honest: Path, folder: Path, look, runs: dict) -> list[str]:
    """Gives every attack of `savedmodels` to `look`, and those that only running shows to each of `runs`.

    Returns what was wrong, a line each.
    """
    trap, found, slowest = Path(editing.TRAP), {}, 0.0
    for number, (name, attack) in enumerate(savedmodels.INSPECTED.items()):
        trap.unlink(missing_ok=True)
        version = editing.hostile(attack, honest, folder / str(number))
        began = time.perf_counter()
        found[name] = look(version) + (", wrote a file" if trap.exists() else "")
        slowest = max(slowest, time.perf_counter() - began)
    trap.unlink(missing_ok=True)
    for name in list(editing.RUN)[: 1 if look is inspected else None]:
        version = editing.running(name, honest, folder / name)
        found |= {f"{name}, {command}": run(version) for command, run in runs.items()}
    counts = collections.Counter(found.values())
    print(f"{len(found)} hostile versions: {_listed(counts)}; the slowest inspection took {slowest:.1f} s", flush=True)
    return [f"{name}: {how}" for name, how in found.items() if how != "refused"]


def damaged(honest: Path, folder: Path, places: int, of_manifest: int) -> list[str]:
    """Bits flipped, bytes removed and added in every file, at places spread over it, in the manifest at more.

    Returns what was wrong, a line each.
    """
    version, found = Path(shutil.copytree(honest, folder / "damaged")), []
    for name in limits.FILES:
        content = (version / name).read_bytes()
        for changed in editing.damages(content, of_manifest if name == manifest.NAME else places):
            (version / name).write_bytes(changed)
            found.append(f"damaged {name}: taken" if editing.taken(version, name) else "refused")
        (version / name).write_bytes(content)
    print(f"{len(found)} damaged versions: {_listed(collections.Counter(found))}", flush=True)
    return [how for how in found if how != "refused"]


def main(quick: bool = False) -> list[str]:
    """Prints the counts, and returns what was wrong, a line each."""
    with tempfile.TemporaryDirectory() as folder:
        honest, look = editing.honest(Path(folder) / "honest"), inspected if quick else commanded
        wrong = ["the honest version is refused"] if look(honest) == "refused" else []
        wrong += damaged(honest, Path(folder), *((5, 40) if quick else (100, 10_000)))
        timeout = 5 if quick else TIMEOUT
        runs = {name: functools.partial(commanded, name=name, timeout=timeout) for name in ("verify", "benchmark")}
        return wrong + hostile(honest, Path(folder), look, runs)


def _listed(counts: dict) -> str:
    return ", ".join(f"{count} {how}" for how, count in counts.items())


if __name__ == "__main__":
    if "--unprotected" in sys.argv:
        with tempfile.TemporaryDirectory() as scratch:
            made = editing.honest(Path(scratch) / "honest")
            print("\n".join(hostile(made, Path(scratch), unprotected, {"alone": unprotected})))
    else:
        found = main("--quick" in sys.argv)
        print("\n".join(found), end="\n" * bool(found))
        raise SystemExit(bool(found))
