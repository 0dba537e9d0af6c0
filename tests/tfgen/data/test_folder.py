"""Folders of pictures: every picture once, under its class, and what is wrong with them in one line."""

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tfgen import data

EMOJI = Path(os.environ.get("TFDS_DATA_DIR", "")).parent / "emoji"  # beside the data sets, where it is there


def whole(dataset):
    """All images and labels of a data set."""
    parts = (dataset.train, dataset.validation, dataset.test)
    return np.concatenate([p.images for p in parts]), np.concatenate([p.labels for p in parts])


def as_set(images):
    return sorted(image.tobytes() for image in images)


def test_every_picture_comes_once(tmp_path, write_pictures, notes):
    written = write_pictures(tmp_path / "mine", [f"{i:02}.png" for i in range(20)])
    dataset = data.load(tmp_path / "mine", notify=notes.append)
    images, labels = whole(dataset)
    assert as_set(images) == as_set(written.values())
    assert not labels.any()
    assert (dataset.name, dataset.classes, dataset.image_shape) == ("mine", (), (32, 32, 3))
    assert dataset.source == str(tmp_path / "mine")
    assert dataset.splits["train"] == {"split": "shuffled(0)[:16]", "images": 16}
    assert notes == []


def test_division_follows_the_seed_and_the_sorted_names(tmp_path, write_pictures):
    written = write_pictures(tmp_path, [f"{i:02}.png" for i in range(20)])
    order = np.random.default_rng(7).permutation(20)
    expected = np.stack([written[f"{i:02}.png"] for i in order])
    np.testing.assert_array_equal(whole(data.load(tmp_path, seed=7))[0], expected)


def test_subfolders_are_the_classes(tmp_path, write_pictures):
    written = write_pictures(tmp_path, [f"{kind}/{i}.png" for kind in ("dog", "cat", "fish/small") for i in range(5)])
    dataset = data.load(tmp_path)
    images, labels = whole(dataset)
    assert dataset.classes == ("cat", "dog", "fish")
    for image, label in zip(images, labels, strict=True):
        (name,) = (name for name, pixels in written.items() if (pixels == image).all())
        assert name.split("/")[0] == dataset.classes[label]


def test_folders_of_parts_are_the_parts(tmp_path, write_pictures):
    names = [f"{part}/{kind}/{i}.png" for part in ("train", "val", "test") for kind in "ab" for i in range(3)]
    written = write_pictures(tmp_path, names)
    dataset = data.load(tmp_path)
    assert dataset.classes == ("a", "b")
    assert {part: split["images"] for part, split in dataset.splits.items()} == dict.fromkeys(dataset.splits, 6)
    assert as_set(dataset.validation.images) == as_set(written[name] for name in names if name.startswith("val"))
    assert list(dataset.test.labels) == [0, 0, 0, 1, 1, 1]


def test_pictures_beside_the_subfolders_belong_to_no_class_and_that_is_said(tmp_path, write_pictures, notes):
    write_pictures(tmp_path, ["top.png", *(f"cat/{i}.png" for i in range(9))])
    assert data.load(tmp_path, notify=notes.append).classes == ()
    assert len(notes) == 1
    assert "outside its sub-folders" in notes[0]


def test_pictures_are_grey_unless_one_has_a_colour(tmp_path, write_pictures):
    write_pictures(tmp_path, [f"{i}.png" for i in range(10)], colour=False)
    assert data.load(tmp_path).image_shape == (32, 32, 1)
    assert data.load(tmp_path, channels=3).image_shape == (32, 32, 3)
    write_pictures(tmp_path, ["colour.png"])
    assert data.load(tmp_path).image_shape == (32, 32, 3)
    assert data.load(tmp_path, channels=1).image_shape == (32, 32, 1)


def test_what_is_hidden_or_no_picture_is_ignored(tmp_path, write_pictures, notes):
    written = write_pictures(tmp_path, [f"{i}.PNG" for i in range(10)])
    write_pictures(tmp_path, ["._0.png", ".git/a.png", "__MACOSX/b.png"])
    (tmp_path / "LICENSE.txt").write_text("free")
    images, _ = whole(data.load(tmp_path, notify=notes.append))
    assert as_set(images) == as_set(written.values())
    assert notes == []


def test_links_are_followed_and_loops_end(tmp_path, write_pictures):
    write_pictures(tmp_path / "elsewhere", [f"{i}.png" for i in range(10)])
    (tmp_path / "mine").mkdir()
    os.symlink(tmp_path / "elsewhere", tmp_path / "mine" / "cat")
    os.symlink(tmp_path / "mine", tmp_path / "elsewhere" / "back")
    assert len(whole(data.load(tmp_path / "mine"))[0]) == 10


def test_pictures_of_several_sizes_need_image_size(tmp_path, write_pictures):
    write_pictures(tmp_path, [f"a{i}.png" for i in range(9)], size=(40, 30))
    write_pictures(tmp_path, ["b.jpg"], size=(64, 48))
    with pytest.raises(ValueError, match=r"a0.png is 30 x 40, b.jpg is 48 x 64 pixels; give --image-size"):
        data.load(tmp_path)
    assert data.load(tmp_path, image_size=24).image_shape == (24, 24, 3)


def test_pictures_of_an_unfit_size_need_image_size(tmp_path, write_pictures):
    write_pictures(tmp_path, [f"{i}.png" for i in range(10)], size=(200, 130))
    with pytest.raises(ValueError, match=r"16 to 128 pixels a side, got 200 x 130; give --image-size"):
        data.load(tmp_path)


def test_unreadable_pictures_are_named_counted_and_skipped(tmp_path, write_pictures, notes):
    write_pictures(tmp_path, [f"{i:03}.png" for i in range(199)], size=(16, 16))
    (tmp_path / "broken.png").write_bytes(b"no picture")
    images, _ = whole(data.load(tmp_path, notify=notes.append))
    assert len(images) == 199
    assert len(notes) == 1
    assert "1 of 200 pictures" in notes[0]
    assert "broken.png (no picture of a known format)" in notes[0]
    assert "\n" not in notes[0]


def test_more_than_one_in_a_hundred_unreadable_is_an_error(tmp_path, write_pictures, monkeypatch):
    write_pictures(tmp_path, [f"{i:03}.png" for i in range(90)], size=(16, 16))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 400)
    write_pictures(tmp_path, ["bomb.png"], size=(64, 64))
    (tmp_path / "pointer.png").write_text("version https://git-lfs.github.com/spec/v1\n")
    for i in range(6):
        (tmp_path / f"zz{i}.png").write_bytes(b"")
    with pytest.raises(ValueError, match=r"8 of 98 pictures .* up to 1% would be skipped") as caught:
        data.load(tmp_path)
    for words in ("bomb.png (too many pixels: a decompression bomb?)", "pointer.png (a Git LFS pointer", "and 3 more"):
        assert words in str(caught.value)


def test_hash_is_that_of_sha256sum(tmp_path, write_pictures):
    """`find * -name '*.png' | LC_ALL=C sort | xargs sha256sum | sha256sum` in the folder gives the same."""
    names = sorted(["b.png", "a/2.png", "a/10.png", *(f"c{i}.png" for i in range(9))])
    write_pictures(tmp_path / "x", names)
    lines = [f"{hashlib.sha256((tmp_path / 'x' / name).read_bytes()).hexdigest()}  {name}\n" for name in names]
    digest = data.load(tmp_path / "x", notify=lambda line: None).sha256
    assert digest == hashlib.sha256("".join(lines).encode()).hexdigest()
    (tmp_path / "x").rename(tmp_path / "y")
    assert data.load(tmp_path / "y", image_size=16, notify=lambda line: None).sha256 == digest
    (tmp_path / "y" / "b.png").rename(tmp_path / "y" / "b2.png")
    assert data.load(tmp_path / "y", notify=lambda line: None).sha256 != digest


def test_folders_without_pictures_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"has no pictures \(png, jpg, .*\); it is empty"):
        data.load(tmp_path)
    (tmp_path / "notes.txt").write_text("none")
    with pytest.raises(ValueError, match=r"has no pictures .*; it holds 1 other file \(\.txt\)"):
        data.load(tmp_path)


def test_a_folder_that_cannot_be_read_is_named(tmp_path, write_pictures, monkeypatch):
    """The test may run as root, who may read everything, so that the refusal is played."""
    write_pictures(tmp_path, [f"a/{i}.png" for i in range(10)])
    scan = os.scandir

    def scandir(path):
        if os.path.basename(path) == "a":
            raise PermissionError(13, "Permission denied", path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(ValueError, match=r"a' cannot be read: Permission denied"):
        data.load(tmp_path)


def test_too_few_pictures_are_refused(tmp_path, write_pictures):
    write_pictures(tmp_path / "few", [f"{i}.png" for i in range(9)])
    with pytest.raises(ValueError, match=r"'few' has 9 images; at least 10 are needed"):
        data.load(tmp_path / "few")


@pytest.mark.skipif(not EMOJI.is_dir(), reason="the folder of emoji is not here")
def test_emoji_are_read(notes):
    emoji = data.load(EMOJI, image_size=32, notify=notes.append)
    assert emoji.image_shape == (32, 32, 3)
    assert [len(split.images) for split in (emoji.train, emoji.validation, emoji.test)] == [3142, 392, 392]
    assert (emoji.train.images[:, 0, 0] == 255).mean() > 0.9  # the corners were transparent
    assert notes == []
