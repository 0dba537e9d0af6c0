"""Pictures: what is drawn where, read back from the figures themselves."""

import matplotlib.image
import numpy as np
import pytest
from scipy import stats

from tfgen import figures


@pytest.fixture(scope="module")
def model(small_vae):
    return small_vae(latent_dim=2)


def canvas(figure) -> np.ndarray:
    """The grid that a figure shows."""
    (image,) = figure.axes[0].images
    return np.asarray(image.get_array())


def test_grid_puts_images_row_by_row():
    images = np.linspace(0, 1, 5)[:, None, None, None] * np.ones([1, 28, 28, 1])
    shown = canvas(figures.grid(images, 3))
    assert shown.shape == (56, 84)
    corners = shown[::28, ::28]
    np.testing.assert_array_equal(corners, [[0, 0.25, 0.5], [0.75, 1, 0]])
    np.testing.assert_array_equal(shown, np.kron(corners, np.ones([28, 28])))


def test_saved_picture_shows_black_ink_on_white(tmp_path):
    images = np.zeros([4, 28, 28, 1])
    images[0] = 1
    figures.save(figures.grid(images, 2), tmp_path / "grid.png")
    pixels = matplotlib.image.imread(tmp_path / "grid.png")[..., 0]
    half = len(pixels) // 2
    assert pixels[:half, :half].mean() < 0.1
    assert pixels[half:].mean() > 0.9
    assert [path.name for path in tmp_path.iterdir()] == ["grid.png"]


def test_samples_are_those_of_the_seed(model):
    shown = canvas(figures.samples(model))
    assert shown.shape == (280, 280)
    np.testing.assert_allclose(shown[28:56, 56:84], model.sample(100, seed=0).numpy()[12, ..., 0], atol=1e-6)


def test_reconstructions_stand_below_their_images(model, digits):
    shown = canvas(figures.reconstructions(model, digits.test))
    images = digits.test.binarised()[:40]
    np.testing.assert_array_equal(shown[:28, 28:56], images[1, ..., 0])
    np.testing.assert_allclose(shown[28:56, 28:56], model.reconstruct(images)[1, ..., 0], atol=1e-5)
    np.testing.assert_array_equal(shown[56:84, :28], images[10, ..., 0])


def test_manifold_decodes_even_quantiles_of_the_prior(model):
    """Right is the first coordinate, up the second, each from the inverse Gaussian CDF of evenly spaced points."""
    shown = canvas(figures.manifold(model))
    assert shown.shape == (560, 560)
    points = stats.norm.ppf((np.arange(20) + 0.5) / 20)
    for row, column in ((0, 0), (0, 19), (19, 0), (5, 7)):
        expected = model.decode([[points[column], points[19 - row]]])[0, ..., 0]
        place = shown[row * 28 : row * 28 + 28, column * 28 : column * 28 + 28]
        np.testing.assert_allclose(place, expected, atol=1e-5)


def test_codes_are_coloured_by_digit(model, digits):
    (axes,) = figures.latent(model, digits.test).axes
    codes = model.encode(digits.test.binarised())[0].numpy()
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [str(digit) for digit in range(10)]
    for digit, points in enumerate(axes.collections):
        np.testing.assert_allclose(points.get_offsets(), codes[digits.test.labels == digit], atol=1e-5)
    assert len({tuple(points.get_facecolor()[0]) for points in axes.collections}) == 10


def test_history_draws_training_and_validation_together():
    rows = [
        {"epoch": n, "loss": 10 / n, "rate": n, "val_neg_elbo": 11 / n, "val_rate": n + 1, "val_distortion": 1}
        for n in range(1, 4)
    ]
    figure = figures.history(rows, "a run")
    panels = {axes.get_title(): [line.get_ydata() for line in axes.lines] for axes in figure.axes}
    np.testing.assert_allclose(panels["loss"], [[10, 5, 10 / 3], [11, 5.5, 11 / 3]])
    np.testing.assert_allclose(panels["rate"], [[1, 2, 3], [2, 3, 4]])
