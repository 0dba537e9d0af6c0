"""What runs a version has bounds that the kernel keeps, and leaves nothing behind, whoever is killed."""

import os
import resource
import signal
import subprocess
import sys
import time

import pytest

from export import child, verify

ENDLESS = """
import signal, sys
from pathlib import Path
from export import confinement
confinement.begin(Path(sys.argv[1]))
confinement.allow({seconds})
{more}
while True:
    pass
"""


@pytest.mark.parametrize(
    ("more", "ending"),
    [
        ("", signal.SIGALRM),
        ("signal.setitimer(signal.ITIMER_REAL, 0)", signal.SIGXCPU),
        ("confinement.confine(0); (Path(sys.argv[1]) / 'file').write_text('x')", None),
        ("bytes(2**33)", None),
    ],
    ids=["clock", "processor", "files", "memory"],
)
def test_time_files_and_memory_are_bounded(more, ending, tmp_path):
    words = [sys.executable, "-c", ENDLESS.format(seconds=0.2 if ending else 60, more=more), str(tmp_path)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.wait(60) == (1 if ending is None else -ending)
        assert bool(process.stderr.read()) == (ending is None)


def killed_while_verifying(version, place, group: bool) -> list:
    """What is left in a temporary folder once a verification was killed there, and whether it had been something."""
    place.mkdir()
    words = [sys.executable, "-m", "export.verify", str(version)]
    environment = os.environ | {"TMPDIR": str(place)}
    process = subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL, start_new_session=True)
    while not list(place.glob("verifying-*/saved_model.pb")):
        assert process.poll() is None
        time.sleep(0.01)
    (os.killpg if group else os.kill)(process.pid, signal.SIGKILL)
    process.wait()
    end = time.monotonic() + 30
    while (left := list(place.iterdir())) and time.monotonic() < end:
        time.sleep(0.05)
    return left


@pytest.mark.parametrize("group", [False, True])
def test_a_verification_that_is_killed_leaves_nothing(group, light, tmp_path):
    assert killed_while_verifying(light.version, tmp_path / "temporary", group) == []


def test_a_verification_that_is_stopped_leaves_nothing(light, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    results = child.results("export.proof", 60, str(light.version), "")
    assert next(results)[:2] == ("manifest", True)
    results.close()
    assert list(tmp_path.iterdir()) == []


def test_where_no_private_copy_fits_its_place_is_blamed(light, tmp_path, ended, monkeypatch):
    """A quota instead of a full disk: every write beyond it fails, whoever runs the tests."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
    try:
        code, said, errors = ended(verify.main, light.version)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (code, said) == (4, "")
    assert errors == [f"error: no private copy of a version fits into {str(tmp_path)!r}: File too large"]
