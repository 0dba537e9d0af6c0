"""Two logical devices train as one does: `one_step.py`, in a process of its own, because devices are made once."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tfgen


@pytest.fixture(scope="module")
def steps():
    script = Path(__file__).parent / "one_step.py"
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.mark.parametrize("entry", tfgen.entries())
def test_gradients_are_those_of_one_device_on_the_global_batch(steps, entry):
    """For DCGAN only with batches normalised over both devices, for all only with the noise of the global rows."""
    one, two = steps[entry]["metrics"]
    assert one == pytest.approx(two, rel=1e-5)
    assert np.isfinite(list(one.values())).all()
    assert steps[entry]["apart"] <= 1e-5 * steps[entry]["largest"]
    assert steps[entry]["largest"] > 1e-3


def test_gradients_are_clipped_after_devices_have_added_them_up(steps):
    assert steps["cvae"]["norm"] == pytest.approx(1, rel=1e-4)
