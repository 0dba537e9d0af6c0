"""What does not fit in memory is decoded to a file: the same data set, decoded once, nothing half-way left behind."""

import os
import shutil
import types
import weakref

import numpy as np
import pytest
from PIL import Image

from tfgen import data
from tfgen.data import decoded, folder, pictures, stored

MEMORY = 15_000  # a few small pictures


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "tfgen" / "decoded"


@pytest.fixture
def photos(tmp_path, write_pictures):
    """A folder of 60 pictures in two classes: grey ones, then some in colour, and some that Pillow has to lay flat."""
    write_pictures(tmp_path / "photos", [f"a/{i:02}.png" for i in range(30)], size=(20, 16), colour=False)
    write_pictures(tmp_path / "photos", [f"b/{i:02}.jpg" for i in range(29)], size=(20, 16), seed=1)
    rotated = Image.effect_noise((20, 16), 100).convert("RGBA")
    rotated.putalpha(Image.effect_noise((20, 16), 100))
    exif = rotated.getexif()
    exif[0x0112] = 6  # the camera was turned: 16 x 20 pixels
    rotated.save(tmp_path / "photos" / "b" / "rotated.png", exif=exif)
    return tmp_path / "photos"


def assert_same(streamed, resident) -> None:
    """Both data sets are the same, one in a file, one in memory."""
    for part in ("train", "validation", "test"):
        ours, theirs = getattr(streamed, part), getattr(resident, part)
        assert isinstance(ours.images, stored.StoredImages)
        assert isinstance(theirs.images, np.ndarray)
        np.testing.assert_array_equal(ours.images[:], theirs.images)
        np.testing.assert_array_equal(ours.labels, theirs.labels)
        assert ours.name == theirs.name
    for name in ("name", "classes", "source", "sha256", "splits", "image_shape"):
        assert getattr(streamed, name) == getattr(resident, name), name


def both(name, notify=lambda line: None, **options):
    """(the data set from a file, the one in memory)."""
    return data.load(name, memory=MEMORY, notify=notify, **options), data.load(
        name, memory=10**9, notify=notify, **options
    )


@pytest.mark.parametrize("options", [{}, {"image_size": 16}, {"channels": 1}, {"seed": 4}])
def test_a_folder_is_the_same_from_a_file(photos, options):
    assert_same(*both(photos, **options))


def test_parts_of_a_folder_are_the_same_from_a_file(tmp_path, write_pictures):
    write_pictures(
        tmp_path / "mine", [f"{part}/{k}/{i}.png" for part in ("train", "test") for k in "xy" for i in range(6)]
    )
    streamed, resident = both(tmp_path / "mine")
    assert_same(streamed, resident)
    assert streamed.train.name == "train[:11]"


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("kind", ["bytes", "floats", "bool", "columns"])
def test_a_file_of_arrays_is_the_same_from_a_file(tmp_path, monkeypatch, save, kind):
    monkeypatch.setattr(data.archive, "BLOCK", 5000)  # several blocks
    levels = np.random.default_rng(0).integers(0, 256, (60, 16, 18, 3), np.uint8)
    images = {"bytes": levels, "floats": levels / 255, "bool": levels > 99, "columns": np.asfortranarray(levels)}[kind]
    save(tmp_path / "one.npz", images=images, labels=np.arange(60) % 7)
    assert_same(*both(tmp_path / "one.npz", image_size=16))
    save(tmp_path / "two.npz", x_train=images[:45], x_test=images[45:, ...])
    streamed, resident = both(tmp_path / "two.npz")
    assert_same(streamed, resident)
    whole = np.concatenate([split.images for split in (resident.train, resident.validation, resident.test)])
    np.testing.assert_array_equal(whole, 255 * images if kind == "bool" else levels)


@pytest.mark.parametrize("counts", [{"train": 50, "test": 10}, {"train": 60}])
def test_a_data_set_of_tfds_is_the_same_from_a_file(tmp_path, write_tfds, counts):
    write_tfds(tmp_path, "cifar10", counts)
    for options in ({}, {"image_size": 16, "channels": 1}):
        assert_same(*both("cifar10", data_dir=tmp_path, **options))


def test_embedded_digits_are_the_same_from_a_file():
    assert_same(*both("digits", image_size=16))


def test_what_fits_makes_no_file(photos, cache):
    assert isinstance(data.load(photos).train.images, np.ndarray)
    assert isinstance(data.load(photos, memory=60 * 20 * 16 * 3).train.images, np.ndarray)
    assert not cache.exists()
    assert isinstance(data.load(photos, memory=60 * 20 * 16 * 3 - 1, notify=str).train.images, stored.StoredImages)


def test_by_default_images_may_take_half_of_what_is_free(photos, monkeypatch):
    monkeypatch.setattr(decoded.budget, "free", lambda: 2 * MEMORY)
    train = data.load(photos, notify=str).train
    assert train.images.memory == MEMORY


def test_pictures_are_never_all_decoded_at_once(photos, monkeypatch):
    monkeypatch.setattr(folder, "TOGETHER", 8)
    decode, alive, most = pictures.decode, weakref.WeakSet(), []

    class Pixels(np.ndarray):
        """An array that can be counted."""

        __hash__ = object.__hash__

    def counting(*arguments):
        image = decode(*arguments).view(Pixels)
        alive.add(image)
        most.append(len(alive))
        return image

    monkeypatch.setattr(pictures, "decode", counting)
    data.load(photos, memory=MEMORY, notify=str)
    assert len(most) >= 60
    assert max(most) <= 2 * 8 + 1  # two blocks, and the first picture, whose size the others must have


def test_a_second_command_decodes_nothing_and_repeats_what_was_told(photos, monkeypatch, notes):
    for i in range(60):  # so that one in a hundred may be unreadable
        shutil.copy(photos / "a" / "00.png", photos / "a" / f"more{i}.png")
    (photos / "a" / "broken.png").write_bytes(b"no picture")
    monkeypatch.setattr(folder, "TOGETHER", 8)
    first, resident = both(photos, notify=notes.append)
    place, skipped, again = notes
    # The first pictures are grey; that later ones are in colour shows only when they are decoded.
    assert place.startswith("121 images take 38.8KB decoded, and may take 15KB of memory: they are decoded to ")
    assert "1 of 121 pictures" in skipped
    assert skipped == again
    assert_same(first, resident)
    notes.clear()
    decode, decodings = pictures.decode, []
    monkeypatch.setattr(pictures, "decode", lambda *arguments: decodings.append(1) or decode(*arguments))
    assert_same(data.load(photos, memory=MEMORY, notify=notes.append), resident)
    assert notes == [place.replace("decoded to", "read from").replace(" and read from there", ""), skipped]
    assert len(decodings) == 8  # the first block, which says how large the images are


def test_what_changed_is_decoded_anew(photos, cache):
    before = data.load(photos, memory=MEMORY, notify=str)
    os.replace(photos / "a" / "00.png", photos / "a" / "zz.png")
    streamed, resident = both(photos)
    assert_same(streamed, resident)
    assert streamed.sha256 != before.sha256
    assert len(list(cache.iterdir())) == 2


def test_a_damaged_file_is_decoded_anew(photos, cache):
    images = data.load(photos, memory=MEMORY, notify=str).train.images
    images.path.write_bytes(images.path.read_bytes()[:-1])
    assert_same(*both(photos))
    (images.path.parent / decoded.DATASET).write_text("{")
    assert_same(*both(photos))


def test_what_is_interrupted_leaves_nothing_behind(photos, cache, monkeypatch):
    write = stored.StoredImages.write

    def interrupted(images, first, block):
        write(images, first, block)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(stored.StoredImages, "write", interrupted)
        with pytest.raises(KeyboardInterrupt):
            data.load(photos, memory=MEMORY, notify=str)
    assert list(cache.iterdir()) == []
    (cache / decoded.UNFINISHED).mkdir()  # of a process that was killed
    (cache / decoded.UNFINISHED / "images").write_bytes(b"half")
    assert_same(*both(photos))
    assert not (cache / decoded.UNFINISHED).exists()


def test_a_batch_has_to_fit_and_what_does_is_named(photos, cache):
    with pytest.raises(
        ValueError, match=r"memory must be at least 28.8KB, a batch of 30 images of 20 x 16 x 3; got 15KB"
    ):
        data.load(photos, memory=MEMORY, at_once=30, notify=str)
    assert not cache.exists()
    assert data.load(photos, memory=28_800, at_once=30, notify=str).train.images.memory == 28_800


def test_a_full_disk_is_named_before_anything_is_decoded(photos, cache, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: types.SimpleNamespace(free=10))
    with pytest.raises(
        ValueError, match=r"decoded' needs 57.6KB of disk for decoded images, and 10B are free; XDG_CACHE"
    ):
        data.load(photos, memory=MEMORY, notify=str)
    assert list(cache.iterdir()) == []
