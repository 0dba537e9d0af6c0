"""The smaller form of attack.py, each part in a process of its own, whose time and memory are those of a user's."""

import re

import files
import pytest
import scripts


def counts(*arguments: str) -> dict[str, int]:
    """What attack.py counts: the words behind the number that begins a line -> the number."""
    done = scripts.run("attack.py", "--quick", *arguments, seconds=500)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr[-2000:]
    return {words: int(number.replace(",", "")) for number, words in re.findall(r"^([\d,]+) (.+?):", done.stdout, re.M)}


def test_hostile_and_damaged_versions_are_refused_before_anything_runs():
    found = counts("versions")
    assert found["hostile versions"] >= 80
    assert found["damaged versions"] >= 600


def test_damaged_files_are_read_or_refused_in_one_line(trained_run):
    done = scripts.run("attack.py", "--quick", "files", "--run", str(trained_run))
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr[-2000:]
    assert [line.split()[1] for line in done.stdout.splitlines() if line] == list(files.FILES)


def test_hostile_servers_end_in_one_error_in_time_and_in_little_memory():
    found = counts("servers")
    assert min(found["hostile answers over REST"], found["hostile answers over gRPC"]) > 100


@pytest.mark.slow
def test_readers_and_commands_survive_many_damaged_files():
    done = scripts.run("files.py", "--weights", "60", "--each", "60", "--commands", "1")
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
