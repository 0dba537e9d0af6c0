"""What a command writes never ends it, whoever has stopped reading; and no descriptor of a stream goes to a file."""

import os
import subprocess
import sys

import pytest

CODE = """
import os, sys
from tfgen import commandline, quiet, terminal
commandline.begin([])
with open("file", "w") as file:
    assert file.fileno() > 2
    for number in range(20000):
        print("a line of some length that fills the pipe", "\\u00b1", flush=number % 7 == 0)
        print("said", "\\u00b1", file=sys.stderr)
    with quiet.muted():
        os.write(2, b"muted")
    file.write("done")
"""
HANGING_UP = "import os, signal; from tfgen import commandline\n"
HANGING_UP += "with commandline.stoppable(): os.kill(os.getpid(), signal.SIGHUP)\nprint('goes on')"


def shell(command: str, folder, **environment):
    words = ["bash", "-c", f"set -o pipefail; {command}", sys.executable, CODE]
    environment = {**os.environ, **environment}
    return subprocess.run(words, cwd=folder, env=environment, capture_output=True, check=False)


@pytest.mark.parametrize(
    "redirection",
    ["| head -1", "2>&1 | head -1", ">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-", ">/dev/full", "2>/dev/full >/dev/null"],
)
def test_a_process_goes_on_when_nobody_reads_it(redirection, tmp_path):
    done = shell(f'"$0" -c "$1" {redirection}', tmp_path)
    assert (tmp_path / "file").read_text() == "done", done.stderr
    assert done.returncode == 0
    assert b"Traceback" not in done.stderr
    assert b"Exception ignored" not in done.stderr


@pytest.mark.parametrize("encoding", ["ascii", "latin-1:strict"])
def test_what_an_encoding_lacks_is_written_otherwise(encoding, tmp_path):
    done = shell('"$0" -c "$1" | tail -1', tmp_path, PYTHONIOENCODING=encoding)
    assert done.returncode == 0
    assert done.stdout.strip().endswith(b"\\xb1" if encoding == "ascii" else b"\xb1")


def test_a_terminal_that_is_closed_ends_nothing(tmp_path):
    done = subprocess.run([sys.executable, "-c", HANGING_UP], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "goes on\n")


def test_streams_that_somebody_put_there_stay(capsys):
    from tfgen import terminal

    before = sys.stdout, sys.stderr
    assert not terminal.protect_streams()
    assert (sys.stdout, sys.stderr) == before
