"""Training on a folder of pictures in memory, and streamed under --memory: peak memory, speed, weights, resume.

    python tests/benchmarks/streaming.py [--images 50000] [--memory 50MB] [--epochs 4]

Makes a folder of PNGs, 28 x 28 in colour: digits of MNIST, each in a colour drawn at random. Trains `vae` on it by its
recipe, in a process of its own each: in memory, streamed, and streamed once more with a SIGKILL in its third epoch and
a `--resume`. Prints the peak memory of each process (its largest resident set), images/s (the median over epochs
without the first), processor time an image of the whole command, and whether all variables of the model and of its
optimiser are equal to the last bit. Exit code 1 unless they are, the streamed peak is below 1.5 GB, and the streamed
training has at least 0.7 of the images/s.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from tfgen import data

SEED = 0
PEAK, RATIO = 1.5e9, 0.7  # the bars


def make_pictures(folder: Path, count: int) -> None:
    """Writes PNGs of the first training digits of MNIST, in colours drawn at random."""
    mnist = data.load("mnist")
    grey = np.concatenate([mnist.train.images, mnist.validation.images])[:count]
    colours = np.random.default_rng(SEED).uniform(0.2, 1, [count, 1, 1, 3])
    folder.mkdir()
    for i in range(count):
        Image.fromarray((grey[i] * colours[i]).round().astype(np.uint8)).save(folder / f"{i:05}.png")


class Training:
    """A command `python -m zoo.train vae` in a process of its own."""

    def __init__(self, run: Path, pictures: Path, cache: Path, *options):
        places = ("--dataset", str(pictures), "--run-dir", str(run))
        command = [sys.executable, "-m", "zoo.train", "vae", *places, *options]
        environment = os.environ | {"XDG_CACHE_HOME": str(cache)}
        self.run, self.process = run, subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)

    def ended(self) -> dict:
        """Waits for the end: the peak memory in bytes, and processor seconds."""
        _, status, usage = os.wait4(self.process.pid, 0)
        self.process.returncode = os.waitstatus_to_exitcode(status)
        if self.process.returncode not in (0, -signal.SIGKILL):
            raise SystemExit(f"the training in {self.run} ended with exit code {self.process.returncode}")
        unit = 1 if sys.platform == "darwin" else 1024
        return {"peak": usage.ru_maxrss * unit, "seconds": usage.ru_utime + usage.ru_stime}

    def kill_in_third_epoch(self) -> None:
        """SIGKILL, half as long after the checkpoint of the second epoch as this took."""
        times = []
        for epoch in (1, 2):
            while not self.has_checkpoint(epoch):
                if self.process.poll() is not None:
                    raise SystemExit(f"the training in {self.run} ended with exit code {self.process.returncode}")
                time.sleep(0.01)
            times.append(time.time())
        time.sleep((times[1] - times[0]) / 2)
        self.process.send_signal(signal.SIGKILL)

    def has_checkpoint(self, epoch: int) -> bool:
        return (self.run / "checkpoints" / f"epoch-{epoch:05}.json").exists()


def variables(run: Path, epoch: int) -> dict[str, np.ndarray]:
    """All variables of a run's model and optimiser after an epoch."""
    with np.load(run / "checkpoints" / f"epoch-{epoch:05}.npz") as arrays:
        return {name: arrays[name] for name in arrays.files if "/" in name}


def equal(one: dict, other: dict) -> bool:
    """Whether two sets of variables are the same to the last bit."""
    return one.keys() == other.keys() and all(one[name].tobytes() == other[name].tobytes() for name in one)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=50_000, help="pictures in the folder")
    parser.add_argument("--memory", default="50MB", help="what the decoded images may take when they are streamed")
    parser.add_argument("--epochs", type=int, default=4, help="of each training")
    options = parser.parse_args()
    if options.epochs < 4:
        parser.error(f"--epochs must be at least 4, got {options.epochs}")
    with tempfile.TemporaryDirectory() as temporary:
        folder, epochs = Path(temporary), ("--epochs", str(options.epochs))
        make_pictures(folder / "pictures", options.images)
        place = folder / "pictures", folder / "cache"
        kinds = {"in memory": ("--memory", "1TB"), "streamed": ("--memory", options.memory)}
        found, trained = {}, {}
        for kind, memory in kinds.items():
            training = Training(folder / kind, *place, *epochs, *memory)
            found[kind] = training.ended() | json.loads((training.run / "metrics.json").read_text())
            trained[kind] = variables(training.run, options.epochs)
        killed = Training(folder / "killed", *place, *epochs, *kinds["streamed"])
        killed.kill_in_third_epoch()
        killed.ended()
        if killed.has_checkpoint(3):
            raise SystemExit("the training was killed after its third epoch")
        Training(killed.run, *place, "--resume").ended()
        resumed = variables(killed.run, options.epochs)

    for kind, of in found.items():
        spent = 1e6 * of["seconds"] / (options.images * options.epochs)
        rate, peak = of["images_per_s"], of["peak"] / 1e9
        print(f"{kind:10} peak {peak:.2f} GB  {rate:9,.0f} images/s  {spent:6.1f} us per image")
    ratio = found["streamed"]["images_per_s"] / found["in memory"]["images_per_s"]
    same, exact = equal(*trained.values()), equal(trained["streamed"], resumed)
    print(f"streamed over in memory: {ratio:.2f} of the images/s")
    print(f"weights equal: {same}\nkilled and resumed bit for bit: {exact}")
    raise SystemExit(0 if same and exact and ratio >= RATIO and found["streamed"]["peak"] < PEAK else 1)


if __name__ == "__main__":
    main()
