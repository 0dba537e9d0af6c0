"""What a training runs on: clusters and options that are wrong end in one line, and one device is a plain training."""

import json
import socket
from types import SimpleNamespace

import pytest
import tensorflow as tf

from tfgen.training import loop, strategies

ADDRESSES = ["localhost:1", "localhost:2"]


def cluster(jobs=None, **task) -> str:
    task = {"type": "worker", "index": 0} | task
    return json.dumps({"cluster": {"worker": ADDRESSES} if jobs is None else jobs, "task": task})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "needs TF_CONFIG in the environment, for example"),
        ("{worker: 1}", "malformed .JSONDecodeError"),
        ("[]", "malformed"),
        ('{"cluster": {"worker": ["a:1"]}}', "malformed .KeyError: 'task'"),
        (cluster({"worker": ["localhost"]}), "'localhost' is not host:port"),
        (cluster({"worker": ["localhost:port"]}), "malformed"),
        (cluster({"worker": ["localhost:99999"]}), "a port lies in 1..65535, got 99999"),
        (cluster({"worker": ADDRESSES, "ps": ["localhost:3"]}), "jobs chief and worker, got 'ps'"),
        (cluster(index=2), "2 tasks of the job 'worker', none of index 2"),
        (cluster(index="0"), "none of index '0'"),
        (cluster(type="chief"), "0 tasks of the job 'chief'"),
    ],
)
def test_a_cluster_that_cannot_be_is_named(text, message):
    with pytest.raises(ValueError, match=message) as error:
        strategies.check_cluster(text)
    assert "\n" not in str(error.value)


def test_a_port_in_use_is_named():
    with socket.socket() as other:
        other.bind(("", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(
            ValueError, match=f"port {port} of this worker in TF_CONFIG cannot be used: Address already"
        ):
            strategies.check_cluster(cluster({"worker": [f"localhost:{port}"]}))


def test_a_cluster_is_listed():
    with socket.socket() as free:
        free.bind(("", 0))
        addresses = ["far.away:7", f"localhost:{free.getsockname()[1]}"]
    jobs = {"chief": addresses[:1], "worker": addresses[1:]}
    assert strategies.check_cluster(cluster(jobs)) == addresses


@pytest.mark.parametrize(
    ("task", "jobs", "chief"),
    [
        (("worker", 0), ["worker"], True),
        (("worker", 1), ["worker"], False),
        (("chief", 0), ["chief", "worker"], True),
        (("worker", 0), ["chief", "worker"], False),
    ],
)
def test_one_machine_writes(task, jobs, chief):
    spec = SimpleNamespace(as_dict=lambda: {job: ["address"] for job in jobs})
    resolver = SimpleNamespace(task_type=task[0], task_id=task[1], cluster_spec=lambda: spec)
    assert strategies.is_chief(SimpleNamespace(cluster_resolver=resolver)) is chief


def of_machines(count: int):
    spec = SimpleNamespace(as_dict=lambda: {"worker": ["address"] * count})
    return SimpleNamespace(cluster_resolver=SimpleNamespace(cluster_spec=lambda: spec))


def test_a_lost_machine_is_named():
    gone = tf.errors.UnavailableError(None, None, "/job:worker/replica:0/task:1 is down")
    with pytest.raises(strategies.LostWorkerError, match="worker 1 of this"), strategies.together(of_machines(2)):
        raise gone
    unnamed = tf.errors.AbortedError(None, None, "connection reset")
    with pytest.raises(strategies.LostWorkerError, match="another machine of"), strategies.together(of_machines(2)):
        raise unnamed


@pytest.mark.parametrize(
    ("machines", "kind"),
    [
        (1, tf.errors.UnavailableError),
        (2, tf.errors.ResourceExhaustedError),
        (2, tf.errors.InvalidArgumentError),
        (2, tf.errors.UnimplementedError),
    ],
)
def test_an_error_of_this_machine_is_no_lost_one(machines, kind):
    error = kind(None, None, "/job:worker/replica:0/task:1 is down")
    with pytest.raises(kind) as raised, strategies.together(of_machines(machines)):
        raise error
    assert raised.value is error


def test_a_batch_is_shared_evenly_or_not_at_all(digits):
    with pytest.raises(ValueError, match="shared by 3 devices, must be divisible by 3, got 100"):
        loop.check_batch_size(100, digits.train, SimpleNamespace(num_replicas_in_sync=3))
    loop.check_batch_size(99, digits.train, SimpleNamespace(num_replicas_in_sync=3))


@pytest.mark.slow
@pytest.mark.ci
def test_mirrored_on_one_device_is_a_plain_training_and_says_so(
    command, no_xla, trained_run, small_run_options, tmp_path
):
    run = tmp_path / "run"
    code, output, error = command("vae", *small_run_options, "--strategy", "mirrored", "--run-dir", run)
    assert (code, error) == (0, "")
    assert output.startswith("note: there is one device")
    assert (run / "history.csv").read_text() == (trained_run / "history.csv").read_text()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--strategy", "multiworker"), "needs TF_CONFIG"),
        (
            ("--strategy", "multiworker", "--on-nan", "rollback"),
            "on-nan rollback is not available with strategy multiworker",
        ),
        (("--strategy", "all"), "strategy"),
        (("--precision", "float16"), "precision"),
        (("--clip-norm", "0"), "clip-norm must be above 0, got 0"),
        (("--clip-norm", "-1"), "clip-norm must be above 0, got -1"),
    ],
)
def test_a_wrong_option_ends_in_one_line(command, tmp_path, monkeypatch, options, message):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    code, output, error = command("vae", "--dataset", "digits", *options, "--run-dir", tmp_path / "run")
    assert (code, output) == (2, "")
    (line,) = error.splitlines()
    assert message in line
    assert line.startswith("error: ")
    assert not (tmp_path / "run").exists()
