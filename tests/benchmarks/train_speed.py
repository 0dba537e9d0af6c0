"""Times tfgen's trainer beside PyTorch and plain Keras `fit`.

    python tests/benchmarks/train_speed.py                         the VAE 784-500-500-25, batches of 100, Adam
    python tests/benchmarks/train_speed.py dcgan --images 6400     the DCGAN with 64 base filters, batches of 128

Every contender is a process of its own, stopped while the others train; in each round each trains one epoch. The
first round, which compiles, is not counted. A second table compares the time of `import tfgen` with that of the two
libraries it is built on. Meant for a quiet machine and run by hand; ratios of one run are what can be compared.
"""

import argparse
import importlib.util
import signal
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

PEERS = Path(__file__).parent / "peers"
CONTENDERS = {  # script and arguments
    "vae": {"tfgen": "tfgen_trainer.py vae", "PyTorch": "torch_vae.py", "plain fit": "keras_vae.py"},
    "dcgan": {"tfgen": "tfgen_trainer.py dcgan", "PyTorch": "torch_dcgan.py"},
}
BATCH = {"vae": 100, "dcgan": 128}


class Contender:
    """A process that trains an epoch when told to."""

    def __init__(self, script: str, images: Path):
        script, *arguments = script.split()
        command = [sys.executable, str(PEERS / script), str(images), *arguments]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )

    def epoch(self) -> tuple[float, float]:
        """Trains one epoch; its images/s and loss."""
        self.process.send_signal(signal.SIGCONT)
        self.process.stdin.write("epoch\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        self.process.send_signal(signal.SIGSTOP)  # threads that spin while they wait would slow the others
        if not answer:
            raise RuntimeError(f"{' '.join(self.process.args)} ended with exit code {self.process.wait()}")
        rate, loss = answer.split()
        return float(rate), float(loss)

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


def training_rates(entry: str, rounds: int, images: Path) -> dict[str, list[float]]:
    """The images/s of every contender in every round, printed as they come."""
    contenders = {name: Contender(script, images) for name, script in CONTENDERS[entry].items()}
    rates = {name: [] for name in contenders}
    try:
        for number in range(rounds + 1):
            results = {name: contender.epoch() for name, contender in contenders.items()}
            line = "  ".join(f"{name} {rate:9,.0f} (loss {loss:.1f})" for name, (rate, loss) in results.items())
            print(f"{f'round {number}' if number else 'warm-up':8} {line}", flush=True)
            if number:
                for name, (rate, _) in results.items():
                    rates[name].append(rate)
    finally:
        for contender in contenders.values():
            contender.stop()
    return rates


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
    parser.add_argument("--imports", type=int, default=5, help="times that each import is timed")
    options = parser.parse_args()
    if options.rounds < 1 or options.imports < 1 or options.images < BATCH[options.entry]:
        parser.error(f"rounds and imports must be positive, images at least {BATCH[options.entry]}")
    if importlib.util.find_spec("torch") is None:
        print("error: PyTorch, one of the peers, is missing: pip install torch", file=sys.stderr)
        return 2

    with tempfile.TemporaryDirectory() as folder:
        images = Path(folder) / "images.npy"
        count = options.images // BATCH[options.entry] * BATCH[options.entry]
        print(f"{options.entry}, images/s on {write_images(images, count)}, {count:,} images a round")
        rates = training_rates(options.entry, options.rounds, images)
    medians = {name: statistics.median(values) for name, values in rates.items()}
    print(f"{'median':8} " + "  ".join(f"{name} {rate:9,.0f}" for name, rate in medians.items()))
    for name in (name for name in rates if name != "tfgen"):
        ratios = [ours / theirs for ours, theirs in zip(rates["tfgen"], rates[name], strict=True)]
        print(f"over {name}: {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")

    imports = {"tfgen": [], "tensorflow, tensorflow_probability": []}
    for _ in range(options.imports):
        for modules, seconds in imports.items():
            seconds.append(import_seconds(modules))
    ours, theirs = (statistics.median(seconds) for seconds in imports.values())
    print(f"import tfgen: {ours:.2f} s, over tensorflow and tensorflow_probability: {ours / theirs:.2f}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
