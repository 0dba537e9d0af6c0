"""Randomness as an argument: the contract of row seeds, and draws that depend on nothing else."""

import numpy as np
import pytest
import tensorflow as tf

import tfgen
from tfgen import seeds


def test_integer_seed_owns_a_range_of_rows_apart_from_its_neighbours():
    largest = 2**20
    for seed in (0, 1, 2**43 - 2):
        first, second = tfgen.row_seeds(seed, largest), tfgen.row_seeds(seed + 1, largest)
        assert first.dtype == np.int64
        np.testing.assert_array_equal(first, np.int64(seed) * 2**20 + np.arange(largest))
        assert first[-1] + 1 == second[0]


def test_longer_draw_begins_with_the_shorter_one():
    np.testing.assert_array_equal(tfgen.row_seeds(5, 9)[:4], tfgen.row_seeds(5, 4))


def test_array_is_taken_as_it_is():
    for given in ([3, 1, 2], np.array([-5, 0, 2**62]), np.array([1, 2, 3], np.uint8), tf.constant([7, 8, 9])):
        taken = tfgen.row_seeds(given, 3)
        assert taken.dtype == np.int64
        np.testing.assert_array_equal(taken, np.asarray(given))


def test_none_draws_fresh_seeds_that_survive_json():
    drawn = np.concatenate([tfgen.row_seeds(None, 500), tfgen.row_seeds(None, 500)])
    assert len(set(drawn)) == 1000
    assert drawn.min() >= 0
    assert 2**43 < drawn.max() < 2**53


@pytest.mark.parametrize(
    ("seed", "n", "error", "words"),
    [
        (-1, 1, ValueError, ["0..2**43 - 1", "-1"]),
        (2**43, 1, ValueError, ["0..2**43 - 1", str(2**43)]),
        (1.5, 1, TypeError, ["int", "None", "1.5"]),
        ("one", 1, TypeError, ["int", "None", "one"]),
        (True, 1, TypeError, ["int", "None", "True"]),
        (1e300, 1, TypeError, ["int", "1e+300"]),
        (2**64, 1, ValueError, ["0..2**43 - 1", str(2**64)]),
        (np.uint64(2**63), 1, ValueError, ["0..2**43 - 1", str(2**63)]),
        (np.bool_(True), 1, TypeError, ["int", "True"]),
        ([True, 1], 2, TypeError, ["int", "[True, 1]"]),
        ([1.0, 2.0], 2, TypeError, ["2 ints", "[1.0, 2.0]"]),
        ([[1], [2, 3]], 2, TypeError, ["2 ints", "[[1], [2, 3]]"]),
        ([], 2, TypeError, ["2 ints", "[]"]),
        ([2**63, 1], 2, ValueError, ["int64", str(2**63)]),
        ([2**64, 1], 2, ValueError, ["int64", str(2**64)]),
        ([-(2**63) - 1], 1, ValueError, ["int64", str(-(2**63) - 1)]),
        (np.zeros(200), 200, TypeError, ["200 ints", "..."]),
        ([1, 2], 3, ValueError, ["[3]", "[2]"]),
        ([[1], [2]], 2, ValueError, ["[2]", "[2, 1]"]),
        (np.array([2**63], np.uint64), 1, ValueError, ["int64", str(2**63)]),
        (0, -1, ValueError, ["n must", "0..1048576", "-1"]),
        (0, 2**20 + 1, ValueError, ["n must", "0..1048576", str(2**20 + 1)]),
        (0, 2.0, TypeError, ["n must", "2.0"]),
        (0, True, TypeError, ["n must", "True"]),
    ],
)
def test_wrong_values_are_named_with_the_choices(seed, n, error, words):
    with pytest.raises(error) as caught:
        tfgen.row_seeds(seed, n)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_row_of_noise_depends_on_its_own_seed_alone():
    rows = tf.constant(tfgen.row_seeds(3, 6))
    noise = seeds.normal_rows([4], rows).numpy()
    assert len({row.tobytes() for row in noise}) == 6
    for i in (0, 5):
        np.testing.assert_array_equal(seeds.normal_rows([4], rows[i : i + 1])[0], noise[i])
    np.testing.assert_array_equal(seeds.normal_rows([4], rows[::-1]), noise[::-1])
    assert seeds.normal_rows([4], rows[:0]).shape == [0, 4]


@pytest.mark.parametrize("shape", [[4], [3, 5], [50, 40]])
def test_rows_of_noise_are_those_of_the_plain_draw(shape):
    rows = tf.constant([0, -7, 2**62 + 1, *range(20)], tf.int64)
    plain = [seeds.normal(shape, seed) for seed in tf.unstack(tf.bitcast(rows, tf.int32))]
    np.testing.assert_array_equal(seeds.normal_rows(shape, rows), plain)


def test_noise_is_standard_normal():
    noise = seeds.normal_rows([50], tf.constant(tfgen.row_seeds(0, 1000))).numpy()
    assert abs(noise.mean()) < 0.02
    assert abs(noise.std() - 1) < 0.02
    assert np.abs(np.corrcoef(noise[::2].ravel(), noise[1::2].ravel())[0, 1]) < 0.03


def test_training_steps_have_the_same_seeds_under_xla():
    compiled = tf.function(lambda step: seeds.step_seeds(5, step, 2), jit_compile=True)
    for step in (0, 1, 1000):
        np.testing.assert_array_equal(compiled(tf.constant(step)), seeds.step_seeds(5, step, 2))


def test_training_steps_and_runs_have_seeds_of_their_own():
    drawn = [tuple(part.numpy()) for seed in (0, 1) for step in (0, 1, 2) for part in seeds.step_seeds(seed, step, 2)]
    assert len(set(drawn)) == 12
    np.testing.assert_array_equal(seeds.step_seeds(1, 2, 2), seeds.step_seeds(1, tf.constant(2), 2))
