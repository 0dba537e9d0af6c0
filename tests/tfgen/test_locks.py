"""Locks: one process at a time, and a note where a file system has none."""

import errno
import subprocess
import sys

import filelock
import pytest

from tfgen import locks

HOLDER = """
import pathlib, sys
from tfgen import locks
with locks.held(pathlib.Path(sys.argv[1])):
    print(flush=True)
    input()
"""


def test_what_another_process_holds_is_not_had_until_it_ends(tmp_path):
    path = tmp_path / "lock"
    words = [sys.executable, "-c", HOLDER, str(path)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        holder.stdout.readline()
        with pytest.raises(locks.HeldError), locks.held(path, wait=False):
            pass
        holder.kill()  # however it ends
        holder.wait()
    with locks.held(path, wait=False) as alone:
        assert alone


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_noted(tmp_path, monkeypatch, number):
    def refuse(self, *arguments, **options):
        raise OSError(number, "No locks available")

    monkeypatch.setattr(filelock.FileLock, "acquire", refuse)
    notes = []
    with locks.held(tmp_path / "lock", notify=notes.append) as alone:
        assert not alone
    (note,) = notes
    assert note.startswith(f"note: the file system of {tmp_path} offers no locks (No locks available)")


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"), locks.held(tmp_path / "file" / "lock"):
        pass
