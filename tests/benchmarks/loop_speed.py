"""The training loop beside that of an older checkout: processor time of epochs of `vae`, in alternating rounds.

    python tests/benchmarks/loop_speed.py --old PYTHON [--rounds 10] [--core 0]

PYTHON is an interpreter that imports the older tfgen. Each side is a process of its own on one core, stopped while the
other trains; an epoch has 10,000 images, and the first, which compiles, is not counted. Prints images per second of
processor time, and the median and quartiles of their ratio, new over old.
"""

import argparse
import signal
import subprocess
import sys

import numpy as np

IMAGES, BATCH = 10_000, 100
CODE = """
import sys, time
import numpy as np
try:
    from tfgen import data, quiet
    quiet.import_tensorflow()
    from tfgen.training import loop as training
    from zoo.models import vae
    compiled = lambda model: model.compile_recipe(learning_rate=1e-3, steps=None)
except ImportError:  # before the library had rooms
    from tfgen import data, training
    from zoo import vae
    compiled = lambda model: vae.compile_model(model, learning_rate=1e-3, steps=None)
import keras
import tfgen

class Rounds(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if not sys.stdin.readline():
            raise SystemExit
        self.start = time.process_time()
    def on_train_batch_end(self, batch, logs=None):
        self.spent = time.process_time() - self.start
    def on_epoch_end(self, epoch, logs=None):
        print(self.spent, logs["loss"], flush=True)

print(tfgen.__path__[0], flush=True)
images = np.resize(data.load("digits").train.images, [int(sys.argv[1]), 28, 28, 1])
training.set_initial_seed(0)
model = vae.build(latent_dim=25, hidden_units=(500, 500))
compiled(model)
train = data.Split("train", images, np.zeros(len(images), np.int64))
training.fit(model, train, epochs=10_000, batch_size=int(sys.argv[2]), callbacks=[Rounds()])
"""


def epoch(name: str, process) -> tuple[float, float]:
    """Has a side train one epoch: its processor time, and the loss."""
    process.send_signal(signal.SIGCONT)
    process.stdin.write("epoch\n")
    process.stdin.flush()
    answer = process.stdout.readline()
    if not answer:
        raise SystemExit(f"error: the {name} side ended with exit code {process.wait()}")
    process.send_signal(signal.SIGSTOP)
    seconds, loss = map(float, answer.split())
    return seconds, loss


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--old", required=True, help="an interpreter that imports the older tfgen")
    parser.add_argument("--rounds", type=int, default=10, help="epochs of each that count")
    parser.add_argument("--core", type=int, default=0, help="the core that both sides run on")
    options = parser.parse_args()
    if options.rounds < 1:
        parser.error(f"--rounds must be positive, got {options.rounds}")
    sides = {}
    for name, python in (("old", options.old), ("new", sys.executable)):
        command = ["taskset", "-c", str(options.core), python, "-P", "-c", CODE, str(IMAGES), str(BATCH)]
        sides[name] = subprocess.Popen(command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        print(f"{name}: {sides[name].stdout.readline().strip()}")
    speeds = {name: [] for name in sides}
    try:
        for number in range(options.rounds + 1):
            for name, process in sides.items():
                seconds, loss = epoch(name, process)
                if number:
                    speeds[name].append(IMAGES / seconds)
                    print(f"round {number} {name} {IMAGES / seconds:9,.0f} images/s of processor time, loss {loss:.2f}")
    finally:
        for process in sides.values():
            process.kill()
            process.wait()
    low, median, high = np.percentile(np.divide(speeds["new"], speeds["old"]), [25, 50, 75])
    print(f"new over old: {median:.3f} (quartiles {low:.3f} and {high:.3f} of {options.rounds} rounds)")


if __name__ == "__main__":
    main()
