"""Hyperparameters and options: taken where they are right, and named with the choices where they are not."""

import numpy as np
import pytest

from tfgen import checks


@pytest.mark.parametrize("value", [0, -1, -0.5, 5e-324, float("nan"), float("inf")])
def test_what_must_be_above_zero_is_said_so(value):
    finite = "finite and " if value == float("inf") else ""
    with pytest.raises(ValueError, match=f"^rate must be {finite}above 0, got {value}$"):
        checks.above_zero("rate", value)


@pytest.mark.parametrize("value", [True, "1", None, 1j])
def test_what_is_no_number_is_not_above_zero(value):
    with pytest.raises(TypeError, match="rate must be a number, got"):
        checks.above_zero("rate", value)
    assert checks.above_zero("rate", 1e-3) == 1e-3


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


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("500MB", 500_000_000),
        ("2GB", 2_000_000_000),
        ("2GiB", 2**31),
        ("1.5 gb", 1_500_000_000),
        ("64k", 64_000),
        ("64KiB", 65_536),
        (" 1T ", 10**12),
        ("123", 123),
        ("7B", 7),
    ],
)
def test_sizes_are_taken_as_people_write_them(text, count):
    assert checks.size("memory", text) == count


@pytest.mark.parametrize(
    "text", ["50XB", "-1", "0", "0MB", "", "MB", "1e9", "nan", "5iB", "1,5GB", "5 0MB", "٣MB", "0.1B"]
)
def test_what_is_no_size_is_named(text):
    with pytest.raises(ValueError, match=rf"memory must be a size such as 500MB, 2GB or 2GiB, got {text!r}$"):
        checks.size("memory", text)


@pytest.mark.parametrize(
    ("count", "words"),
    [(1, "1B"), (999, "999B"), (1000, "1KB"), (78_400, "78.4KB"), (1_234_567, "1.3MB"), (5 * 10**15, "5000TB")],
)
def test_sizes_in_words_are_sizes_that_suffice(count, words):
    assert checks.size_words(count) == words
    assert count <= checks.size("memory", words) <= 1.1 * count


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


@pytest.mark.parametrize("shape", [(28, 28, 1), [16, 128, 3], np.array([17, 30, 1])])
def test_shape_of_images_is_taken_as_three_ints(shape):
    taken = checks.image_shape(shape)
    assert taken == tuple(shape)
    assert {type(side) for side in taken} == {int}


@pytest.mark.parametrize(
    ("shape", "error", "words"),
    [
        ((28, 28), ValueError, ["three ints", "(28, 28)"]),
        (28, ValueError, ["three ints", "28"]),
        ((15, 28, 1), ValueError, ["16 to 128", "15 x 28"]),
        ((28, 129, 1), ValueError, ["16 to 128", "28 x 129"]),
        ((28, 28, 2), ValueError, ["1 channel", "3", "got 2"]),
        ((28.0, 28, 1), TypeError, ["image_shape", "28.0"]),
        ((28, 28, "1"), TypeError, ["image_shape", "'1'"]),
    ],
)
def test_wrong_shape_of_images_is_named(shape, error, words):
    with pytest.raises(error) as caught:
        checks.image_shape(shape)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_classes_are_a_number_or_names():
    assert checks.class_names(3) == checks.class_names(np.int64(3)) == ("0", "1", "2")
    assert checks.class_names(["cat", "dog"]) == ("cat", "dog")


@pytest.mark.parametrize(
    ("classes", "error", "words"),
    [
        (0, ValueError, ["at least 1", "0"]),
        (True, TypeError, ["True"]),
        (2.0, TypeError, ["number of classes or their names", "2.0"]),
        ("cat", TypeError, ["number of classes or their names", "'cat'"]),
        ((), TypeError, ["number of classes or their names"]),
        ((1, 2), TypeError, ["number of classes or their names", "(1, 2)"]),
        (("cat", "dog", "cat"), ValueError, ["'cat'", "more than once"]),
    ],
)
def test_wrong_classes_are_named(classes, error, words):
    with pytest.raises(error) as caught:
        checks.class_names(classes)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_a_number_of_ints_is_asked_for():
    assert checks.positive_ints("channels", [1, np.int32(2)], 2) == (1, 2)
    with pytest.raises(ValueError, match="channels must be 2 ints here, got 3: 1, 2, 3"):
        checks.positive_ints("channels", (1, 2, 3), 2)
