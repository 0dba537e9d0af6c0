"""Times tfgen's trainer beside PyTorch, JAX and plain Keras `fit`.

    python tests/benchmarks/train_speed.py                         the VAE 784-500-500-25, batches of 100, Adam
    python tests/benchmarks/train_speed.py dcgan --images 6400     the DCGAN with 64 base filters, batches of 128

Every contender is a process of its own, stopped while the others train; in each round each trains one epoch. The
first round, which compiles, is not counted. Rates are by the clock and by the processor time of the contender; the
second kind minds other work on the machine less, and on one core (taskset -c 0 python ...) says who computes less.
PyTorch and JAX need to be installed (pip install torch jax optax), here or in an environment of their own
(--peer-python); one that is missing is left out with a note. A last line compares the time of `import tfgen` with that
of the two libraries it is built on. Meant for a quiet machine and run by hand; ratios of one run are what can be
compared.
"""

import argparse
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

PEERS = Path(__file__).parent / "peers"
CONTENDERS = {  # script and arguments
    "vae": {
        "tfgen": "tfgen_trainer.py vae",
        "PyTorch": "torch_vae.py",
        "JAX": "jax_vae.py",
        "plain fit": "keras_vae.py",
    },
    "dcgan": {"tfgen": "tfgen_trainer.py dcgan", "PyTorch": "torch_dcgan.py"},
}
NEEDED = {"PyTorch": ("torch",), "JAX": ("jax", "optax")}  # peers that bring libraries of their own
BATCH = {"vae": 100, "dcgan": 128}
CLOCKS = ("by the clock", "by processor time")


class Contender:
    """A process that trains an epoch when told to."""

    def __init__(self, script: str, images: Path, python: str):
        script, *arguments = script.split()
        command = [python, str(PEERS / script), str(images), *arguments]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )

    def epoch(self, count: int) -> tuple[tuple[float, float], float]:
        """Trains one epoch of `count` images: the images/s by each of the two clocks, and the loss."""
        self.process.send_signal(signal.SIGCONT)
        self.process.stdin.write("epoch\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        self.process.send_signal(signal.SIGSTOP)  # threads that spin while they wait would slow the others
        if not answer:
            raise RuntimeError(f"{' '.join(self.process.args)} ended with exit code {self.process.wait()}")
        rate, loss, seconds = map(float, answer.split())
        return (rate, count / seconds), loss

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


def present(entry: str, python: str) -> dict[str, str]:
    """The contenders that can run, name -> interpreter; says of the others what they lack."""
    found = {}
    for name in CONTENDERS[entry]:
        modules = NEEDED.get(name, ())
        interpreter = python if modules else sys.executable
        lacking = [module for module in modules if not _has(interpreter, module)]
        if lacking:
            print(f"note: {name} is left out: pip install {' '.join(lacking)}")
        else:
            found[name] = interpreter
    return found


def _has(python: str, module: str) -> bool:
    code = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({module!r}) is None)"
    return subprocess.run([python, "-c", code], check=False).returncode == 0


def training_rates(entry: str, pythons: dict[str, str], rounds: int, images: Path, count: int) -> dict[str, list]:
    """The images/s of every contender in every round by each of the two clocks, printed as they come."""
    contenders = {name: Contender(CONTENDERS[entry][name], images, python) for name, python in pythons.items()}
    speeds = {name: [] for name in contenders}
    try:
        for number in range(rounds + 1):
            results = {name: contender.epoch(count) for name, contender in contenders.items()}
            words = [
                f"{name} {wall:,.0f} / {cpu:,.0f} (loss {loss:.1f})" for name, ((wall, cpu), loss) in results.items()
            ]
            print(f"{f'round {number}' if number else 'warm-up':8} {'  '.join(words)}", flush=True)
            if number:
                for name, (both, _) in results.items():
                    speeds[name].append(both)
    finally:
        for contender in contenders.values():
            contender.stop()
    return speeds


def compare(speeds: dict[str, list[tuple[float, float]]]) -> None:
    """Prints the median speeds, and the median and quartiles of the ratio of tfgen's to each of the others'."""
    for place, clock in enumerate(CLOCKS):
        own = {name: [both[place] for both in rounds] for name, rounds in speeds.items()}
        medians = "  ".join(f"{name} {statistics.median(values):,.0f}" for name, values in own.items())
        print(f"median images/s {clock}: {medians}")
        for name in (name for name in own if name != "tfgen"):
            low, median, high = np.percentile(np.divide(own["tfgen"], own[name]), [25, 50, 75])
            print(f"  over {name}: {median:.2f} (quartiles {low:.2f} and {high:.2f} of {len(own[name])} rounds)")


def import_seconds(modules: str) -> float:
    """The time of one import in a fresh process."""
    code = f"import time; start = time.perf_counter(); import {modules}; print(time.perf_counter() - start)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(done.stdout)


def write_images(path: Path, count: int) -> str:
    """Writes grey images [count, 28, 28, 1]: MNIST's, or the embedded digits' again and again. Says which."""
    from tfgen import data

    dataset, _ = data.load_or_embedded()
    np.save(path, np.resize(dataset.train.images, [count, 28, 28, 1]))
    return dataset.name


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("entry", nargs="?", default="vae", choices=CONTENDERS, help="the model to train")
    parser.add_argument("--rounds", type=int, default=5, help="epochs of each that count")
    parser.add_argument("--images", type=int, default=55_000, help="images a round; the rest of a batch is left out")
    parser.add_argument("--peer-python", default=sys.executable, help="the interpreter that has torch, jax and optax")
    parser.add_argument("--imports", type=int, default=5, help="times that each import is timed")
    options = parser.parse_args()
    if options.rounds < 1 or options.imports < 1 or options.images < BATCH[options.entry]:
        parser.error(f"rounds and imports must be positive, images at least {BATCH[options.entry]}")
    if not shutil.which(options.peer_python):
        parser.error(f"--peer-python must be an interpreter, got {options.peer_python}")
    pythons = present(options.entry, options.peer_python)
    peers = set(NEEDED) & set(CONTENDERS[options.entry])
    if not peers & set(pythons):
        names = sorted(module for peer in peers for module in NEEDED[peer])
        print(f"error: no peer is installed: pip install {' '.join(names)}", file=sys.stderr)
        return 2

    with tempfile.TemporaryDirectory() as folder:
        images = Path(folder) / "images.npy"
        count = options.images // BATCH[options.entry] * BATCH[options.entry]
        print(f"{options.entry} on {count:,} images of {write_images(images, count)}; images/s {' / '.join(CLOCKS)}")
        compare(training_rates(options.entry, pythons, options.rounds, images, count))

    imports = {"tfgen": [], "tensorflow, tensorflow_probability": []}
    for _ in range(options.imports):
        for modules, seconds in imports.items():
            seconds.append(import_seconds(modules))
    ours, theirs = (statistics.median(seconds) for seconds in imports.values())
    print(f"import tfgen: {ours:.2f} s, over tensorflow and tensorflow_probability: {ours / theirs:.2f}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
