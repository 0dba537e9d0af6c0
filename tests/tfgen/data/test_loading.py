"""A data set by name: the order of the look-up, and what is refused, in one line and before anything heavy."""

import subprocess
import sys
import time

import numpy as np
import pytest

from tfgen import data


def refused(name, words, **options):
    """Both the quick check and the loading refuse it alike."""
    with pytest.raises(ValueError, match=words) as caught:
        data.check(name, **options)
    with pytest.raises(ValueError, match=words):
        data.load(name, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_names_are_looked_up_in_order(tmp_path, monkeypatch, write_pictures, write_tfds):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    write_tfds(tmp_path / "tfds", "cifar10", {"train": 12, "test": 4})
    assert data.load("cifar10").train.name == "train[:11]"
    write_pictures(tmp_path / "cifar10", [f"{i}.png" for i in range(10)], size=(20, 20))
    assert data.load("cifar10").image_shape == (20, 20, 3)
    write_pictures(tmp_path / "digits", [f"{i}.png" for i in range(10)])
    assert data.load("digits").train.name == "shuffled[:1297]"
    write_pictures(tmp_path / "folder.npz", [f"{i}.png" for i in range(10)])
    assert data.load("folder.npz").image_shape == (32, 32, 3)
    np.savez("mine.npz", images=np.zeros((10, 16, 16)))
    assert data.load("mine.npz").image_shape == (16, 16, 1)


def test_default_does_not_take_a_folder_of_that_name_for_mnist(tmp_path, monkeypatch, nothing_prepared):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mnist").mkdir()
    assert data.load_or_embedded()[0].name == "digits"


def test_home_directory_is_expanded(tmp_path, monkeypatch, write_pictures):
    monkeypatch.setenv("HOME", str(tmp_path))
    write_pictures(tmp_path / "mine", [f"{i}.png" for i in range(10)])
    assert data.load("~/mine").source == str(tmp_path / "mine")


def test_what_a_data_set_was_read_from_reads_it_again(tmp_path, monkeypatch, write_pictures):
    write_pictures(tmp_path / "mine", [f"{i}.png" for i in range(10)])
    monkeypatch.chdir(tmp_path)
    first = data.load("mine")
    monkeypatch.chdir("/")
    again = data.load(first.source)
    assert again.sha256 == first.sha256
    np.testing.assert_array_equal(again.train.images, first.train.images)


@pytest.mark.parametrize("name", ["./mine", "~/mine", "/nowhere/mine", "a/b/c", "mine.npz", "my photos", "../mine"])
def test_paths_that_do_not_exist_are_called_paths(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    refused(name, f"^no such folder or file: '{name}'$")


@pytest.mark.parametrize(
    ("name", "meant"), [("minst", "mnist"), ("fashionmnist", "fashion_mnist"), ("digit", "digits")]
)
def test_unknown_names_are_refused_with_the_choices(name, meant, nothing_prepared):
    message = refused(name, f"got '{name}' \\(did you mean '{meant}'\\?\\)$")
    for choice in ("digits", "folder of pictures", ".npz", "mnist", "cifar10"):
        assert choice in message


def test_what_is_prepared_is_among_the_choices(tmp_path, write_tfds, monkeypatch):
    write_tfds(tmp_path, "of_my_own", {"train": 12, "test": 4})
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    assert "of_my_own" in refused("another", "got 'another'$")
    assert data.load("of_my_own").image_shape == (32, 32, 3)


def test_data_dir_must_exist_and_hold_the_data(tmp_path, nothing_prepared):
    refused("mnist", r"nowhere.* does not exist", data_dir=tmp_path / "nowhere")
    assert str(tmp_path) in refused("mnist", r"holds no prepared 'mnist'", data_dir=tmp_path)
    with pytest.raises(ValueError, match=r"holds no prepared 'mnist'"):
        data.load_or_embedded(tmp_path)


def test_data_dir_is_refused_where_it_means_nothing(tmp_path, write_pictures):
    write_pictures(tmp_path / "mine", [f"{i}.png" for i in range(10)])
    np.savez(tmp_path / "mine.npz", images=np.zeros((10, 16, 16)))
    refused(tmp_path / "mine", r"data_dir is for data sets of TensorFlow Datasets, .* is a folder", data_dir=tmp_path)
    refused(tmp_path / "mine.npz", r"data_dir is for .* is a file", data_dir=tmp_path)
    refused("digits", r"data_dir is for .* is the embedded data set", data_dir=tmp_path)


def test_other_bad_input_is_refused(tmp_path):
    (tmp_path / "a.txt").write_text("text")
    refused(tmp_path / "a.txt", "is a file, but no .npz file")
    refused(tmp_path, "has no pictures")
    refused("", "the name of the data set is empty")
    assert len(refused("x" * 5000, "cannot be looked up: File name too long")) < 200
    refused("digits", r"image_size .* 16\.\.128, got 4", image_size=4)
    refused("digits", "channels must be one of 1, 3; got 2", channels=2)
    refused("digits", "seed must be at least 0, got -1", seed=-1)
    with pytest.raises(TypeError, match="must be a name or a path, got 5"):
        data.load(5)


def test_visible_damage_is_seen_by_the_quick_check(tmp_path, write_tfds):
    write_tfds(tmp_path, "cifar10", {"train": 12, "test": 4})
    (tmp_path / "cifar10" / "3.0.2" / "dataset_info.json").unlink()
    refused("cifar10", r"3\.0\.2' is damaged: it has no dataset_info.json", data_dir=tmp_path)


def test_embedded_digits_are_resized_and_coloured(digits):
    large = data.load("digits", image_size=56, channels=3)
    assert large.image_shape == (56, 56, 3)
    np.testing.assert_array_equal(large.test.labels, digits.test.labels)
    means = large.test.images[..., 0].mean((1, 2)) / digits.test.images[..., 0].mean((1, 2))
    np.testing.assert_allclose(means, 1, atol=0.05)


def test_refusing_a_name_imports_nothing_heavy():
    code = (
        "import sys\n"
        "from tfgen import data\n"
        "try: data.check('minst')\n"
        "except ValueError: print(*{'tensorflow', 'tensorflow_datasets', 'sklearn', 'keras'} & set(sys.modules))"
    )
    start = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
    assert time.monotonic() - start < 10


def test_notes_go_to_stderr_unless_told_otherwise(tmp_path, write_pictures, capsys):
    write_pictures(tmp_path, ["top.png", *(f"cat/{i}.png" for i in range(9))])
    data.load(tmp_path)
    assert "outside its sub-folders" in capsys.readouterr().err
