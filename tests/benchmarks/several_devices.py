"""Images/s per device on one process, two logical CPUs (mirrored) and two workers on loopback (multiworker).

    python tests/benchmarks/several_devices.py
    python tests/benchmarks/several_devices.py dcgan --batch 128

All train the same model by the same global batch. Two devices of one machine share its cores, so that the ideal is the
rate of one process in total, half of it per device; what is missing is the overhead of training together. The one
process is timed with and without XLA, which several devices do not use. Meant for a quiet machine and run by hand.
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys

EPOCHS, IMAGES = 4, 12_800  # of which the first epoch, which compiles, is not counted


def train(entry: str, strategy: str, batch: int) -> None:
    """Trains in this process and prints the images/s of all devices together."""
    import numpy as np

    from tfgen import data
    from tfgen.quiet import tf
    from tfgen.storage import entries
    from tfgen.training import callbacks, loop, strategies

    if strategy == "mirrored":
        (cpu,) = tf.config.list_physical_devices("CPU")
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    if strategy == "without XLA":
        loop.uses_xla = lambda model: False
    devices = strategies.make(strategy if strategy in strategies.STRATEGIES else "single", lambda line: None)
    dataset, _ = data.load_or_embedded()
    images = data.Split("train", np.resize(dataset.train.images, [IMAGES, 28, 28, 1]), np.zeros(IMAGES, np.int64))
    with devices.scope():
        loop.set_initial_seed(0)
        model, module = entries.build(entry, {}), entries.module(entry)
        model.compile_recipe(learning_rate=module.LEARNING_RATE, steps=IMAGES // batch * EPOCHS)
    throughput = callbacks.Throughput(IMAGES // batch * batch)
    loop.fit(model, images, epochs=EPOCHS, batch_size=batch, callbacks=[throughput])
    strategies.meet(devices)
    print(statistics.median(throughput.speeds[1:]))


def measured(entry: str, strategy: str, batch: int) -> float:
    """The images/s of a strategy, in processes of its own."""
    count = 2 if strategy == "multiworker" else 1
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("localhost", 0))
    addresses = [f"localhost:{probe.getsockname()[1]}" for probe in probes]
    for probe in probes:
        probe.close()
    command = [sys.executable, __file__, entry, "--batch", str(batch), "--strategy", strategy]
    processes = []
    for index in range(count):
        cluster = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
        env = os.environ | {"TF_CONFIG": json.dumps(cluster)} if count > 1 else None
        processes.append(
            subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        )
    outputs = [process.communicate()[0] for process in processes]
    if any(process.returncode for process in processes):
        raise RuntimeError(f"{strategy} ended with exit codes {[process.returncode for process in processes]}")
    return float(outputs[0].splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("entry", nargs="?", default="vae", help="the model to train")
    parser.add_argument("--batch", type=int, default=200, help="the global batch")
    parser.add_argument("--strategy", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.strategy:
        train(options.entry, options.strategy, options.batch)
        return
    print(f"{options.entry}, global batch {options.batch}, {os.cpu_count()} cores")
    print(f"{'':28}{'images/s':>10}{'a device':>10}  overhead")
    alone = None
    for strategy, devices in (("single", 1), ("without XLA", 1), ("mirrored", 2), ("multiworker", 2)):
        rate = measured(options.entry, strategy, options.batch)
        alone = rate if strategy == "without XLA" else alone
        overhead = f"{1 - rate / alone:9.0%}" if devices > 1 else ""
        name = f"{strategy}, {devices} device{'s' * (devices > 1)}"
        print(f"{name:28}{rate:10,.0f}{rate / devices:10,.0f}{overhead}", flush=True)


if __name__ == "__main__":
    main()
