"""The smaller form of servers.py, in a process of its own, whose memory is that of a client alone."""

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parent / "servers.py"


def test_hostile_servers_end_in_one_error_in_time_and_in_little_memory():
    done = subprocess.run([sys.executable, SCRIPT, "--quick"], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    rest, rpc = done.stdout.splitlines()
    assert "hostile answers over REST" in rest
    assert "hostile answers over gRPC" in rpc
    assert min(int(line.split()[0]) for line in (rest, rpc)) > 100
