"""Gives hostile versions to `python -m export.verify`, and counts what becomes of them.

python tests/security/attack.py                 every attack and every kind of damage, through the command
python tests/security/attack.py --unprotected   the same graphs through TensorFlow's loader alone, to see them work
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import editing
import savedmodels

from export import limits, manifest

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


def ended(words: list, seconds: float) -> tuple[str, float]:
    """How a process ends, and after how many seconds."""
    start = time.perf_counter()
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        return "hangs", seconds
    lines = done.stderr.strip().splitlines()
    one_line = len(lines) == 1 and lines[0].startswith("error: ")
    how = "refused" if done.returncode == 1 and one_line else f"exit code {done.returncode}, {len(lines)} lines"
    return how, time.perf_counter() - start


def verified(version: Path) -> tuple[str, float]:
    return ended([sys.executable, "-m", "export.verify", str(version), "--timeout", "20"], 120)


def unprotected(version: Path) -> tuple[str, float]:
    return ended([sys.executable, "-c", UNPROTECTED, str(version)], 20)


def savedmodels_refused(folder: Path, run) -> None:
    """Every attack of `savedmodels`, and those that only running shows."""
    honest, counts, slowest = editing.honest(folder / "honest"), {}, 0.0
    print(f"honest: {run(honest)[0]}")
    trap = Path(editing.TRAP)
    for number, (name, attack) in enumerate(savedmodels.INSPECTED.items()):
        trap.unlink(missing_ok=True)
        how, seconds = run(editing.hostile(attack, honest, folder / str(number)))
        how += ", wrote a file" if trap.exists() else ""
        counts[how] = counts.get(how, 0) + 1
        slowest = max(slowest, seconds)
        print(f"  {name:50} {how}", flush=True)
    for name in editing.RUN:
        how, seconds = run(editing.running(name, honest, folder / name))
        counts[how] = counts.get(how, 0) + 1
        print(f"  {name:50} {how} after {seconds:.1f} s", flush=True)
    print(f"hostile SavedModels: {counts}; the slowest inspection took {slowest:.1f} s")


def damage_refused(folder: Path) -> None:
    """Bits flipped, bytes removed and added in every file, in the manifest everywhere."""
    version, counts = editing.honest(folder / "damaged"), {}
    for name in limits.FILES:
        content = (version / name).read_bytes()
        for damaged in editing.damages(content, 10_000 if name == manifest.NAME else 100):
            (version / name).write_bytes(damaged)
            how = f"taken: {name}" if editing.taken(version, name) else "refused"
            counts[how] = counts.get(how, 0) + 1
        (version / name).write_bytes(content)
    print(f"damaged files: {counts}")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        if "--unprotected" in sys.argv:
            savedmodels_refused(
                Path(folder), lambda version: ended([sys.executable, "-c", UNPROTECTED, str(version)], 20)
            )
        else:
            damage_refused(Path(folder))
            savedmodels_refused(Path(folder), verified)


if __name__ == "__main__":
    main()
