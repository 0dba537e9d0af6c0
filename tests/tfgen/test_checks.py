"""What users hand over: taken where it is right, and named with the choices where it is not."""

import numpy as np
import pytest
import tensorflow as tf

from tfgen import checks


@pytest.mark.parametrize("image", [np.uint8, np.bool_, np.float16, np.float32, np.float64])
def test_images_of_every_kind_become_fractions(image):
    given = (np.eye(28)[None, ..., None] * (255 if image == np.uint8 else 1)).astype(image)
    taken = checks.images(given)
    assert taken.dtype == tf.float32
    np.testing.assert_array_equal(taken[0, ..., 0], np.eye(28))


@pytest.mark.parametrize("digit", [3, np.int64(3), [3, 3], np.array([3, 3], np.uint8), tf.constant([3, 3])])
def test_digit_is_one_int_or_one_a_row(digit):
    taken = checks.digits(digit, 2, "cvae")
    assert taken.dtype == tf.int64
    np.testing.assert_array_equal(taken, [3, 3])


@pytest.mark.parametrize(
    ("digit", "error", "words"),
    [
        (None, TypeError, ["cvae", "digit=", "0..9"]),
        (10, ValueError, ["0..9", "10"]),
        (-1, ValueError, ["0..9", "-1"]),
        ([1, 11], ValueError, ["0..9", "11"]),
        (2.0, TypeError, ["0..9", "2.0"]),
        ("2", TypeError, ["0..9", "'2'"]),
        (True, TypeError, ["0..9", "True"]),
        ([1, 2, 3], ValueError, ["2 of them", "[3]"]),
        ([[1, 2]], ValueError, ["2 of them", "[1, 2]"]),
    ],
)
def test_wrong_digits_are_named(digit, error, words):
    with pytest.raises(error) as caught:
        checks.digits(digit, 2, "cvae")
    assert all(word in str(caught.value) for word in words), str(caught.value)


@pytest.mark.parametrize(("value", "smallest"), [(1, 1), (np.int32(7), 1), (0, 0)])
def test_integers_in_range_are_taken(value, smallest):
    taken = checks.positive_int("epochs", value, smallest)
    assert type(taken) is int
    assert taken == value


@pytest.mark.parametrize(
    ("value", "error"), [(0, ValueError), (-3, ValueError), (1.0, TypeError), ("1", TypeError), (True, TypeError)]
)
def test_wrong_integers_are_named(value, error):
    with pytest.raises(error) as caught:
        checks.positive_int("epochs", value)
    assert str(caught.value).startswith("epochs must be")
    assert repr(value) in str(caught.value)


@pytest.mark.parametrize("value", [0, 0.5, 1, np.float32(1)])
def test_numbers_in_range_are_taken(value):
    taken = checks.in_range("beta", value, 0, 1)
    assert type(taken) is float
    assert taken == value


@pytest.mark.parametrize(
    ("value", "error"),
    [(-0.1, ValueError), (1.1, ValueError), (float("nan"), ValueError), ("1", TypeError), (True, TypeError)],
)
def test_wrong_numbers_are_named(value, error):
    with pytest.raises(error) as caught:
        checks.in_range("beta", value, 0, 1)
    assert str(caught.value).startswith("beta must be")
    assert str(value) in str(caught.value)


def test_infinity_is_in_no_range():
    assert checks.in_range("beta", 1e30, 0) == 1e30
    with pytest.raises(ValueError, match="beta must be finite and at least 0, got inf"):
        checks.in_range("beta", float("inf"), 0)


def test_wrong_choice_is_named_with_the_choices():
    checks.one_of("covariance", "full", ("diagonal", "full"))
    with pytest.raises(ValueError, match="covariance must be one of diagonal, full; got 'round'"):
        checks.one_of("covariance", "round", ("diagonal", "full"))
