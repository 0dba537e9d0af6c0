"""Safe publishing: a version is whole or not there, no number is taken twice, killed exports leave no trace."""

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from export import publish, versions
from export.inspection import Inspection
from export.publish import PREFIX


def stage(folder, text="whole"):
    """Publishes a version of one file."""
    with publish.staging(folder) as staged:
        (staged / "saved_model.pb").write_text(text)
        return publish.publish(staged)


def test_versions_count_up_and_are_never_overwritten(tmp_path):
    assert [stage(tmp_path, str(turn)).name for turn in range(3)] == ["1", "2", "3"]
    assert [(tmp_path / str(turn + 1) / "saved_model.pb").read_text() for turn in range(3)] == ["0", "1", "2"]


def test_after_the_largest_number_there_is_none(tmp_path):
    publish.check(tmp_path)
    (tmp_path / str(2**63 - 1)).mkdir()
    with pytest.raises(ValueError, match="holds version 9223372036854775807, the largest there is"):
        publish.check(tmp_path)
    with pytest.raises(ValueError, match="the largest there is"):
        stage(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [str(2**63 - 1)]


@pytest.mark.parametrize(("taken", "given"), [("7", "8"), ("007", "8"), ("x7", "1"), ("7.old", "1"), (str(2**63), "1")])
def test_a_number_taken_by_anything_is_passed_over(taken, given, tmp_path):
    (tmp_path / taken).mkdir()
    assert stage(tmp_path).name == given
    assert list((tmp_path / taken).iterdir()) == []


def test_nothing_numeric_is_seen_before_the_end_and_nothing_is_left_after_a_failure(tmp_path):
    def fail():
        with publish.staging(tmp_path) as staged:
            (staged / "saved_model.pb").write_text("half")
            assert versions.taken(tmp_path) == []
            assert staged.parent == tmp_path
            raise RuntimeError("full disk")

    with pytest.raises(RuntimeError, match="full disk"):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_export_left_is_removed_and_a_living_one_is_left_alone(tmp_path):
    abandoned = tmp_path / f"{PREFIX}dead"
    abandoned.mkdir()
    (abandoned / "saved_model.pb").touch()
    with publish.staging(tmp_path) as living:
        assert not abandoned.exists()
        with publish.staging(tmp_path):
            assert living.is_dir()


def test_a_published_version_can_be_read_by_everyone(tmp_path):
    assert stage(tmp_path).stat().st_mode & 0o777 == 0o755


@pytest.mark.slow
def test_an_export_killed_at_any_moment_leaves_no_version_that_fails(light, tmp_path):
    command = [sys.executable, "-m", "export", str(light.run), "--to", str(tmp_path), "--score-samples", "2"]
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    whole = time.perf_counter() - start
    generator, published = random.Random(0), 1
    for _ in range(50):
        # half of the moments lie in the last third, where files are written, verified and renamed
        moment = generator.uniform(0, whole) if generator.random() < 0.5 else generator.uniform(0.66, 1.05) * whole
        killed = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        time.sleep(moment)
        os.killpg(killed.pid, signal.SIGKILL)
        killed.wait()
        for number in versions.taken(tmp_path / light.model.entry):
            with tempfile.TemporaryDirectory() as folder:
                inspection = Inspection(tmp_path / light.model.entry / str(number), Path(folder))
                for check in Inspection.CHECKS:
                    inspection.run(check)
            published = max(published, number)
    for number in versions.taken(tmp_path / light.model.entry):
        verified = [sys.executable, "-m", "export.verify", str(tmp_path / light.model.entry / str(number))]
        assert subprocess.run(verified, check=False, capture_output=True).returncode == 0
    subprocess.run(command, check=True, capture_output=True)
    assert list((tmp_path / light.model.entry).glob(f"{PREFIX}*")) == []
    print(f"50 exports of {whole:.1f} s killed; {published} versions published whole, all verify")


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("served", "served/cvae/3, served/vae/2"),
        ("served/cvae", "served/cvae/3, served/cvae/1"),
        ("served/notes", "it holds no saved_model.pb"),
        ("served/dcgan", "there is no such folder"),
    ],
)
def test_what_is_no_version_is_answered_with_those_that_lie_below(path, words, tmp_path, monkeypatch):
    for version in ("cvae/1", "cvae/3", "vae/2", "notes"):
        (tmp_path / "served" / version).mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=f"^'{path}' is not a version of a served model") as caught:
        versions.check(Path(path))
    assert str(caught.value).endswith(words)


@pytest.mark.parametrize("mask", [0o077, 0o022])
def test_a_version_can_be_read_by_the_user_that_serves_it(tmp_path, mask):
    before = os.umask(mask)
    try:
        publish.make_folder(tmp_path / "served" / "vae")
        with publish.staging(tmp_path / "served" / "vae") as staged:
            (staged / "variables").mkdir()
            (staged / "variables" / "data").touch()
            version = publish.publish(staged)
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode & 0o777 for path in [*version.parents[:2], version, *version.rglob("*")]}
    assert modes == {"served": 0o755, "vae": 0o755, "1": 0o755, "variables": 0o755, "data": 0o644}
