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
def steps():
    confinement.allow({seconds})
    {more}
    while True:
        pass
    yield
confinement.run(Path(sys.argv[1]), steps())
"""


@pytest.mark.parametrize(
    ("more", "ending"),
    [
        ("", -signal.SIGALRM),
        ("signal.setitimer(signal.ITIMER_REAL, 0)", -signal.SIGXCPU),
        ("confinement.confine(0); (Path(sys.argv[1]) / 'file').write_text('x')", '[null, "File too large"]'),
        ("bytes(2**33)", '[false, "MemoryError"]'),
    ],
    ids=["clock", "processor", "files", "memory"],
)
def test_time_files_and_memory_are_bounded(more, ending, tmp_path):
    seconds = 0.2 if isinstance(ending, int) else 60
    words = [sys.executable, "-c", ENDLESS.format(seconds=seconds, more=more), str(tmp_path / "private")]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert (process.wait(60) or process.stdout.read().strip()) == ending


def killed_while_verifying(version, place, group: bool, moment: str) -> list:
    """What is left in a temporary folder of a verification that was killed once it held what `moment` names."""
    place.mkdir()
    words = [sys.executable, "-m", "export.verify", str(version)]
    environment = os.environ | {"TMPDIR": str(place)}
    process = subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL, start_new_session=True)
    while not list(place.glob(moment)):
        assert process.poll() is None
        time.sleep(0.01)
    (os.killpg if group else os.kill)(process.pid, signal.SIGKILL)
    process.wait()
    end = time.monotonic() + 30
    while (left := list(place.iterdir())) and time.monotonic() < end:
        time.sleep(0.05)
    return left


@pytest.mark.parametrize(
    ("group", "moment"),
    [(False, "*/saved_model.pb"), (True, "*/saved_model.pb"), (True, "*/manifest.json")],
)
def test_a_verification_that_is_killed_leaves_nothing(group, moment, light, tmp_path):
    assert killed_while_verifying(light.version, tmp_path / "temporary", group, moment) == []


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
