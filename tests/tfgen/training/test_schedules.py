"""Step sizes against the cosine written out."""

import math

import pytest

from tfgen.training import schedules

STEPS = 40


@pytest.mark.parametrize("step", [0, 1, 20, 39, 40, 60, 80, 119])
def test_step_size_falls_along_half_a_cosine_and_begins_anew(step):
    expected = 1e-3 * (1 + math.cos(math.pi * (step % STEPS) / STEPS)) / 2
    assert float(schedules.falling(1e-3, STEPS)(step)) == pytest.approx(expected, abs=1e-9)


def test_step_size_stays_without_an_end():
    assert schedules.falling(1e-3, None) == 1e-3
