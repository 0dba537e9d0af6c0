"""What is fed to a model: the same check whichever way it comes, and before the first step where that can be."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from zoo.models import cvae

ROWS, BATCH = 8, 4


class Sequence(keras.utils.PyDataset):
    def __init__(self, *arrays):
        super().__init__()
        self.arrays = arrays

    def __len__(self):
        return ROWS // BATCH

    def __getitem__(self, index):
        return tuple(array[BATCH * index : BATCH * (index + 1)] for array in self.arrays)


def generator(*arrays):
    return (tuple(array[first : first + BATCH] for array in arrays) for first in range(0, ROWS, BATCH))


WAYS = {
    "arrays": lambda x, y: {"x": x, "y": y},
    "data set": lambda x, y: {"x": tf.data.Dataset.from_tensor_slices((x, y)).batch(BATCH)},
    "sequence": lambda x, y: {"x": Sequence(x, y)},
    "generator": lambda x, y: {"x": generator(x, y), "steps_per_epoch": 2},
}


def with_last(images, value):
    """Images whose last pixel of all has a value."""
    images = images.copy()
    images[-1, -1, -1] = value
    return images


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    model = cvae.CVAE(latent_dim=2, hidden_units=(8,))
    model.compile("adam", run_eagerly=True)
    return model


@pytest.fixture(scope="module")
def images(digits):
    return np.float32(digits.train.images[:ROWS] / 255)


@pytest.fixture(scope="module")
def labels(digits):
    return digits.train.labels[:ROWS]


FAULTS = {  # what is wrong -> images, labels, what is said; the last batch alone holds the last three
    "bytes as floats": lambda x, y: (255 * x, y, "got values in [0, 255]; divide by 255"),
    "int32": lambda x, y: (np.int32(255 * x), y, "got dtype int32: use image.astype('uint8')"),
    "strings": lambda x, y: (np.full(ROWS, "a"), y, "image must"),
    "shape": lambda x, y: (x[:, :27], y, "image must have shape [B, 28, 28, 1], got ["),
    "one-hot": lambda x, y: (x, np.eye(10)[y], "of one-hot rows: label.argmax(-1)"),
    "fractions as labels": lambda x, y: (x, y + 0.5, "label must be an int in 0..9, or "),
    "NaN": lambda x, y: (with_last(x, np.nan), y, "got NaN"),
    "above 1": lambda x, y: (with_last(x, 2), y, "got values in [0, 2]"),
    "label": lambda x, y: (x, np.r_[y[:-1], 10], "label must be an int in 0..9; got 10"),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("fault", FAULTS)
def test_fault_is_one_line_whichever_way_it_comes(model, images, labels, fault, way):
    x, y, words = FAULTS[fault](images, labels)
    with pytest.raises((TypeError, ValueError)) as caught:
        model.fit(**WAYS[way](x, y), verbose=0)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("way", ["arrays", "data set", "sequence"])
@pytest.mark.parametrize("fault", ["int32", "shape"])
def test_held_out_images_are_refused_before_the_first_step(model, images, labels, fault, way):
    x, y, words = FAULTS[fault](images, labels)
    before = model.get_weights()
    with pytest.raises((TypeError, ValueError)) as caught:
        model.fit(images, labels, validation_data=tuple(WAYS[way](x, y).values()), verbose=0)
    assert words in str(caught.value)
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_single_elements_are_no_batches(model, images, labels):
    for x in (images, images[..., 0], images.reshape(ROWS, -1)):
        with pytest.raises(ValueError, match=r"got single elements .*: use dataset.batch"):
            model.fit(tf.data.Dataset.from_tensor_slices((x, labels)), verbose=0)


def test_names_of_classes_are_labels_in_data_sets_as_in_arrays(images):
    model = cvae.CVAE(latent_dim=2, hidden_units=(8,), classes=("cat", "dog"))
    model.compile("adam", run_eagerly=True)
    names = np.array(["cat", "dog"] * (ROWS // 2))
    numbers = [model.evaluate(**WAYS[way](images, names), verbose=0) for way in ("arrays", "data set")]
    assert numbers[0] == pytest.approx(numbers[1], rel=1e-5)


def test_model_takes_whatever_can_be_an_image(model, images, labels):
    expected = model.predict([images, labels], verbose=0)
    pictures = [Image.fromarray(np.uint8(255 * image[..., 0] + 0.5)) for image in images]
    for x in (images[..., 0], images.reshape(ROWS, -1), images.tolist(), pictures, tf.constant(images)):
        np.testing.assert_allclose(model([x, labels]), expected, atol=1e-6)
        np.testing.assert_allclose(model.predict([x, labels], verbose=0), expected, atol=1e-6)
    for way in ("data set", "sequence"):
        np.testing.assert_allclose(model.predict(**WAYS[way](images, labels), verbose=0), expected, atol=1e-6)
    np.testing.assert_allclose(model([pictures[0], labels[0]]), expected[:1], atol=1e-6)
    named = {"image": images, "label": labels}
    np.testing.assert_allclose(model.predict(named, verbose=0), expected, atol=1e-6)


def test_no_images_give_no_images_and_train_nothing(model, images, labels):
    none = [images[:0], labels[:0]]
    for answer in (model(none), model.predict(none, verbose=0), model.predict_on_batch(none)):
        assert answer.shape == (0, 28, 28, 1)
    for call in (model.fit, model.evaluate, model.train_on_batch, model.test_on_batch):
        with pytest.raises(ValueError, match="there are no images"):
            call(*none)


def test_gradient_of_what_a_model_answers_reaches_its_input(model, images, labels):
    image = tf.Variable(images)
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(model([image, labels]))
    assert np.abs(tape.gradient(total, image)).max() > 0


def test_model_is_part_of_another(model, images, labels):
    image, label = keras.Input((28, 28, 1)), keras.Input((), dtype="int64")
    outer = keras.Model([image, label], keras.layers.Flatten()(model([image, label])))
    expected = model.predict([images, labels], verbose=0).reshape(ROWS, -1)
    np.testing.assert_allclose(outer.predict([images, labels], verbose=0), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ({"steps_per_epoch": 1.5}, "steps_per_epoch must be an int, got 1.5"),
        ({"callbacks": ["EarlyStopping"]}, "got 'EarlyStopping'"),
        ({"validation_split": 1.5}, "between 0 and 1, got 1.5"),
        ({"validation_split": 0.99}, "leaves one of the two parts empty"),
        ({"sample_weight": np.ones(3)}, "sample_weight must have shape [8]"),
        ({"sample_weight": -np.ones(ROWS)}, "finite and at least 0, got -1..-1"),
        ({"class_weight": "balanced"}, "got 'balanced'"),
        ({"class_weight": {10: 1.0}}, "label must be an int in 0..9; got 10"),
    ],
)
def test_argument_that_can_have_no_effect_is_refused(model, images, labels, options, words):
    with pytest.raises((TypeError, ValueError)) as caught:
        model.fit(images, labels, verbose=0, **options)
    assert words in str(caught.value)


def test_arguments_that_exclude_each_other_are_refused(model, images, labels):
    batches = WAYS["data set"](images, labels)["x"]
    with pytest.raises(ValueError, match="leave out batch_size, got 4"):
        model.fit(batches, batch_size=4)
    with pytest.raises(ValueError, match="leave out validation_batch_size, got 4"):
        model.fit(images, labels, validation_data=batches, validation_batch_size=4)
    with pytest.raises(ValueError, match="either validation_split or validation_data"):
        model.fit(images, labels, validation_data=(images, labels), validation_split=0.5)
    with pytest.raises(ValueError, match="a data set brings its labels in its batches"):
        model.evaluate(batches, labels)
    with pytest.raises(ValueError, match="validation_split cuts arrays in two"):
        model.fit(batches, validation_split=0.5)
