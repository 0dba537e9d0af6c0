"""Train, validation and test: together all images, each once, and the same for the same seed."""

import numpy as np
import pytest

from tfgen.data import splits


def part(count, start=0):
    """Images that are their own numbers, so that it shows where each went."""
    numbers = np.arange(start, start + count)
    return numbers.reshape(-1, 1, 1, 1), numbers


def sizes(divided):
    return [len(split.images) for split in divided]


@pytest.mark.parametrize(
    ("count", "expected"), [(10, [8, 1, 1]), (11, [9, 1, 1]), (19, [17, 1, 1]), (300, [240, 30, 30])]
)
def test_images_without_parts_are_divided_each_once(count, expected):
    divided = splits.divide({"": part(count)}, "mine", seed=3)
    assert sizes(divided) == expected
    assert sorted(np.concatenate([split.labels for split in divided])) == list(range(count))
    for split in divided:
        np.testing.assert_array_equal(split.images.ravel(), split.labels)
    first, second = expected[0], sum(expected[:2])
    names = [f"shuffled(3)[:{first}]", f"shuffled(3)[{first}:{second}]", f"shuffled(3)[{second}:]"]
    assert [split.name for split in divided] == names


def test_division_is_the_seeds_alone():
    def validation(seed):
        return list(splits.divide({"": part(100)}, "mine", seed)[1].labels)

    assert validation(1) == validation(1)
    assert validation(1) != validation(2)
    assert validation(1) == list(np.random.default_rng(1).permutation(100)[80:90])


def test_a_lone_part_is_named_in_its_splits():
    train, _, _ = splits.divide({"train": part(20)}, "cats", 0)
    assert train.name == "train shuffled(0)[:16]"


@pytest.mark.parametrize(("count", "held_out"), [(60_000, 5000), (50_000, 5000), (49_999, 4999), (12, 1)])
def test_the_end_of_the_training_part_is_held_out(count, held_out):
    train, validation, test = splits.divide({"train": part(count), "test": part(3, count)}, "mine")
    assert (len(train.labels), len(validation.labels)) == (count - held_out, held_out)
    np.testing.assert_array_equal(np.concatenate([train.labels, validation.labels]), np.arange(count))
    assert (train.name, validation.name) == (f"train[:{count - held_out}]", f"train[{count - held_out}:]")
    assert list(test.labels) == [count, count + 1, count + 2]


def test_own_validation_part_is_used():
    divided = splits.divide({"train": part(6), "validation": part(3), "test": part(2)}, "mine")
    assert sizes(divided) == [6, 3, 2]
    assert [split.name for split in divided] == ["train", "validation", "test"]


def test_validation_is_reported_on_where_nothing_else_is_held_out():
    train, validation, test = splits.divide({"train": part(20), "validation": part(3, 20)}, "mine")
    assert (train.name, validation.name, test.name) == ("train[:18]", "train[18:]", "validation")
    assert list(test.labels) == [20, 21, 22]


def test_parts_of_no_use_are_left_out_and_needed_ones_missed():
    assert splits.used(["train", "test", "extra"], "svhn") == ("train", "test")
    assert splits.used(["only"], "mine") == ("only",)
    with pytest.raises(ValueError, match=r"'mine' has no part 'train'; it has a, b"):
        splits.used(["a", "b"], "mine")


def test_too_few_images_are_refused():
    with pytest.raises(ValueError, match=r"'mine' has 9 images; at least 10 are needed"):
        splits.divide({"": part(9)}, "mine")
    with pytest.raises(ValueError, match=r"'mine' has 1 image; at least 10 are needed"):
        splits.divide({"train": part(1), "test": part(5)}, "mine")
    with pytest.raises(ValueError, match=r"'mine' has no images in its part 'test'"):
        splits.divide({"train": part(20), "test": part(0)}, "mine")
