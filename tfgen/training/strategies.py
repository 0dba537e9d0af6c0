"""What a training runs on: one device, all devices of a machine, or several machines, by `tf.distribute` strategies."""

import contextlib
import json
import os
import re
import socket

import tensorflow as tf

from tfgen import checks

STRATEGIES = ("single", "mirrored", "multiworker")
CLUSTER = "TF_CONFIG"
OF_THIS_MACHINE = (tf.errors.InvalidArgumentError, tf.errors.ResourceExhaustedError, tf.errors.UnimplementedError)
EXAMPLE = '{"cluster": {"worker": ["host0:2222", "host1:2222"]}, "task": {"type": "worker", "index": 0}}'


class LostWorkerError(Exception):
    """Another of the machines that train together has gone."""


def make(name: str, note=print):
    """The strategy of a name. Make it before anything else of TensorFlow runs, and models in its scope.

    Args:
        note: takes a line about what it is or waits for.
        name: "single"; "mirrored" for all GPUs of this machine, or all logical CPUs if it has none; "multiworker" for
            all machines of the cluster that the environment variable `TF_CONFIG` describes.

    Raises:
        ValueError: unknown name, or `TF_CONFIG` is missing, malformed or does not fit this machine.
    """
    checks.one_of("strategy", name, STRATEGIES)
    if name == "multiworker":
        note(f"waiting for the machines {', '.join(check_cluster(os.environ.get(CLUSTER)))}")
        return tf.distribute.MultiWorkerMirroredStrategy()
    if name == "mirrored":
        devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
        if len(devices) > 1:
            return tf.distribute.MirroredStrategy([device.name for device in devices])
        note(f"note: there is one device, {devices[0].name}, so that strategy mirrored is a plain training")
    return tf.distribute.get_strategy()  # TensorFlow's own for one device


def check_cluster(text: str | None) -> list[str]:
    """The addresses of a cluster. Raises ValueError unless `text`, of `TF_CONFIG`, names them and which one this is."""
    if not text:
        raise ValueError(f"strategy multiworker needs {CLUSTER} in the environment, for example {EXAMPLE}")
    try:
        content = json.loads(text)
        jobs, task = content["cluster"], content["task"]
        job, index = task["type"], task["index"]
        addresses = {name: [_host_and_port(address) for address in jobs[name]] for name in jobs}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise ValueError(f"{CLUSTER} is malformed ({reason}); it looks like {EXAMPLE}") from error
    for name in (*jobs, job):
        if name not in ("chief", "worker"):
            raise ValueError(f"{CLUSTER} may name the jobs chief and worker, got {name!r}")
    tasks = addresses.get(job, [])
    if not isinstance(index, int) or not 0 <= index < len(tasks):
        raise ValueError(f"{CLUSTER} has {len(tasks)} tasks of the job {job!r}, none of index {index!r}")
    _, port = tasks[index]
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except OSError as error:
            raise ValueError(f"port {port} of this {job} in {CLUSTER} cannot be used: {error.strerror}") from error
    return [f"{host}:{port}" for job in addresses.values() for host, port in job]


def _host_and_port(address: str) -> tuple[str, int]:
    host, colon, port = address.rpartition(":")
    if not colon or not host:
        raise ValueError(f"{address!r} is not host:port")
    if not 0 < int(port) < 2**16:
        raise ValueError(f"a port lies in 1..65535, got {port}")
    return host, int(port)


def workers(strategy) -> int:
    """The number of processes that train together."""
    resolver = strategy.cluster_resolver
    return max(1, len(tf.nest.flatten(resolver.cluster_spec().as_dict()))) if resolver else 1


def is_chief(strategy) -> bool:
    """Whether this process writes the files: the only one, the cluster's chief, or worker 0 where it has none."""
    resolver = strategy.cluster_resolver
    if resolver is None or not resolver.task_type:
        return True
    return resolver.task_type == "chief" or (
        resolver.task_id == 0 and not resolver.cluster_spec().as_dict().get("chief")
    )


@contextlib.contextmanager
def together(strategy):
    """Raises LostWorkerError where another machine that the block needs has gone."""
    try:
        yield
    except tf.errors.OpError as error:
        if workers(strategy) == 1 or isinstance(error, OF_THIS_MACHINE):
            raise
        task = re.search(r"/job:(\w+)/replica:0/task:(\d+)(?: is down|\s+The tasks have crashed)", error.message)
        who = " ".join(task.groups()) if task else "another machine"
        raise LostWorkerError(f"{who} of this training was lost") from error


def meet(strategy) -> None:
    """Waits until all machines are here. Raises LostWorkerError if one does not come."""
    if workers(strategy) > 1:
        arrive = lambda: tf.distribute.get_replica_context().all_reduce("SUM", tf.ones([]))  # noqa: E731
        with together(strategy):
            tf.function(lambda: strategy.run(arrive), autograph=False)()
