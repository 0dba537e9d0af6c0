"""Weights: read back bit for bit into the same shapes, and refused with the reason otherwise."""

import re
import zlib

import h5py
import keras
import numpy as np
import pytest

from tfgen.storage import entries, manifest, weights


def test_weights_are_read_back_bit_for_bit(small_vae, tmp_path):
    model, other = small_vae(), small_vae()
    for variable in model.trainable_variables:
        variable.assign(variable + np.random.default_rng(0).normal(size=variable.shape))
    weights.save(model, tmp_path / "model.weights.h5")
    weights.load(other, tmp_path / "model.weights.h5")
    assert len(other.get_weights()) == 8
    for ours, theirs in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(model.sample(2, seed=0), other.sample(2, seed=0))


def test_optimiser_stays_out_of_the_file_and_in_the_model(small_vae, digits, tmp_path, no_xla):
    model = small_vae()
    model.compile(optimizer=keras.optimizers.Adam())
    model.fit(digits.train.images[:50], verbose=0)
    optimizer = model.optimizer
    weights.save(model, tmp_path / "model.weights.h5")
    assert model.optimizer is optimizer
    with h5py.File(tmp_path / "model.weights.h5") as file:
        stored = []
        file.visititems(lambda name, item: stored.append(item.size) if isinstance(item, h5py.Dataset) else None)
    assert sum(stored) == model.parameter_count()
    weights.load(model, tmp_path / "model.weights.h5")
    assert model.optimizer is optimizer


def test_missing_file_is_named(small_vae, tmp_path):
    with pytest.raises(ValueError, match=r"no weights at .*nowhere\.weights\.h5"):
        weights.load(small_vae(), tmp_path / "nowhere.weights.h5")
    with pytest.raises(ValueError, match="no weights at"):
        weights.load(small_vae(), tmp_path)


@pytest.mark.parametrize("content", [b"", b"no HDF5 at all", b"\x89HDF\r\n\x1a\n" + bytes(100)])
def test_file_that_is_no_weights_file_is_named(small_vae, tmp_path, content):
    path = tmp_path / "model.weights.h5"
    path.write_bytes(content)
    manifest.record(path)
    with pytest.raises(ValueError, match=r"model\.weights\.h5' is damaged, or no file of weights: ") as caught:
        weights.load(small_vae(), path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("other", [{"latent_dim": 4}, {"hidden_units": (32, 32)}, {"hidden_units": (16,)}])
def test_weights_of_other_shapes_are_refused(small_vae, tmp_path, other):
    path = tmp_path / "model.weights.h5"
    weights.save(small_vae(), path)
    with pytest.raises(ValueError, match=r"does not hold weights of this vae: .") as caught:
        weights.load(small_vae(**other), path)
    assert "\n" not in str(caught.value)


def test_weights_with_more_layers_than_the_model_are_refused(tmp_path):
    """Keras reads what it looks for and leaves the rest."""
    sizes = {"latent_dim": 4, "channels": (4, 8), "flow_width": 16, "context_dim": 4}
    path = tmp_path / "model.weights.h5"
    weights.save(entries.build("iaf_vae", sizes | {"flow_steps": 2}), path)
    model = entries.build("iaf_vae", sizes | {"flow_steps": 1})
    with pytest.raises(ValueError, match=r"'/flow' has 'functional_1' besides$"):
        weights.load(model, path)


def test_truncated_file_is_refused(small_vae, tmp_path):
    path = tmp_path / "model.weights.h5"
    weights.save(small_vae(), path)
    path.write_bytes(path.read_bytes()[:-5000])
    manifest.record(path)
    with pytest.raises(ValueError, match="is damaged"):
        weights.load(small_vae(), path)


KERNEL = "encoder/layers/dense/vars/0"


def link(file, path):
    del file[KERNEL]
    file[KERNEL] = h5py.SoftLink("/decoder")


def external_link(file, path):
    del file[KERNEL]
    file[KERNEL] = h5py.ExternalLink("/etc/passwd", "/")


def external(file, path):
    shape = file[KERNEL].shape
    del file[KERNEL]
    file.create_dataset(KERNEL, shape, "f4", external=[("/etc/passwd", 0, 4 * int(np.prod(shape)))])


def virtual(file, path):
    shape = file[KERNEL].shape
    del file[KERNEL]
    layout = h5py.VirtualLayout(shape, "f4")
    layout[...] = h5py.VirtualSource("/etc/passwd", "x", shape)
    file.create_virtual_dataset(KERNEL, layout)


def bomb(file, path):
    """64 MB of zeros in the place of one piece."""
    shape = file[KERNEL].shape
    del file[KERNEL]
    dataset = file.create_dataset(KERNEL, shape, "f4", chunks=shape, compression="gzip")
    dataset.id.write_direct_chunk((0, 0), zlib.compress(bytes(64_000_000)))


def large_pieces(file, path):
    shape = file[KERNEL].shape
    del file[KERNEL]
    dataset = file.create_dataset(KERNEL, shape, "f4", chunks=(2000, 2000), maxshape=(None, None), compression="gzip")
    dataset[...] = 1


def missing_pieces(file, path):
    shape = file[KERNEL].shape
    del file[KERNEL]
    file.create_dataset(KERNEL, shape, "f4", chunks=shape, compression="gzip")


def not_finite(file, path):
    file[KERNEL][3, 2] = np.nan


def too_large(file, path):
    values = file[KERNEL][()].astype("f8")
    del file[KERNEL]
    file[KERNEL] = values + 1e300


def integers(file, path):
    values = file[KERNEL][()].astype("i4")
    del file[KERNEL]
    file[KERNEL] = values


def a_group(file, path):
    del file[KERNEL]
    file.create_group(KERNEL)


def a_group_of_itself(file, path):
    file["encoder/itself"] = file["encoder"]


def renamed(file, path):
    file.move(KERNEL, "encoder/layers/dense/vars/kernel")


def one_more(file, path):
    file["encoder/layers/dense/vars/2"] = [1.0]


def unknown_filter(file, path):
    values = file[KERNEL][()]
    del file[KERNEL]
    file.create_dataset(KERNEL, data=values, compression="lzf")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (link, "'0' in '/encoder/layers/dense/vars' is a link"),
        (external_link, "'0' in '/encoder/layers/dense/vars' is a link"),
        (external, "lies in another file"),
        (virtual, "lies in another file"),
        (bomb, "expands to more than"),
        (large_pieces, "pieces larger than itself"),
        (missing_pieces, "stored in a way"),
        (unknown_filter, "stored in a way"),
        (not_finite, f"'/{KERNEL}' has numbers that are not finite"),
        (too_large, f"'/{KERNEL}' has numbers that are not finite"),
        (integers, "holds int32, the model's holds float32"),
        (a_group, "another kind of object"),
        (renamed, "has 'kernel' besides"),
        (a_group_of_itself, "has 'itself' besides"),
        (one_more, "has '2' besides"),
    ],
)
def test_only_the_arrays_that_the_model_has_are_read(small_vae, tmp_path, change, words):
    path, model = tmp_path / "model.weights.h5", small_vae()
    weights.save(model, path)
    before = model.get_weights()
    with h5py.File(path, "r+") as file:
        change(file, path)
    manifest.record(path)
    with pytest.raises(ValueError, match=re.escape(words)) as caught:
        weights.load(model, path)
    assert "\n" not in str(caught.value)
    for ours, theirs in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_weights_of_half_precision_are_read(small_vae, tmp_path):
    path = tmp_path / "model.weights.h5"
    model, other = small_vae(), small_vae(beta=2.0)
    for variable in model.trainable_variables:
        variable.assign(np.random.default_rng(0).normal(size=variable.shape))
    weights.save(model, path)
    with h5py.File(path, "a") as file:
        found = []
        file.visititems(lambda name, item: found.append(name) if isinstance(item, h5py.Dataset) else None)
        for name in found:
            values = file[name][()]
            del file[name]
            file.create_dataset(name, data=values.astype(np.float16), compression="gzip")
    manifest.record(path)
    weights.load(other, path)
    for ours, theirs in zip(model.get_weights(), other.get_weights(), strict=True):
        assert theirs.dtype == np.float32
        np.testing.assert_array_equal(ours.astype(np.float16), theirs)
