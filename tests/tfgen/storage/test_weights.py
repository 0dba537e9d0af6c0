"""Weights: read back bit for bit into the same shapes, and refused with the reason otherwise."""

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
    with pytest.raises(ValueError, match=r"model\.weights\.h5' does not hold weights of this vae: ") as caught:
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
    with pytest.raises(ValueError, match=r"it holds [\d,]+ numbers, the model has [\d,]+$"):
        weights.load(model, path)


def test_truncated_file_is_refused(small_vae, tmp_path):
    path = tmp_path / "model.weights.h5"
    weights.save(small_vae(), path)
    path.write_bytes(path.read_bytes()[:-5000])
    manifest.record(path)
    with pytest.raises(ValueError, match="does not hold weights of this vae"):
        weights.load(small_vae(), path)


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
