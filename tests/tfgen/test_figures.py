"""Pictures: what is drawn where, read back from the figures themselves and from the files."""

import io
import subprocess
import sys

import matplotlib
import matplotlib.image
import numpy as np
import pytest
from PIL import Image

from tfgen import figures

SHAPES = [(28, 28, 1), (16, 16, 3), (21, 24, 1), (32, 32, 3), (35, 33, 1), (64, 64, 3), (128, 100, 3)]
HOSTILE = {
    "text.usetex": True,
    "font.size": 30,
    "font.family": "monospace",
    "figure.dpi": 37,
    "figure.facecolor": "black",
    "figure.constrained_layout.use": True,
    "savefig.dpi": 300,
    "savefig.bbox": "tight",
    "savefig.facecolor": "red",
    "savefig.transparent": True,
    "image.cmap": "jet",
    "image.interpolation": "bicubic",
    "image.origin": "lower",
    "axes.facecolor": "yellow",
    "axes.prop_cycle": matplotlib.cycler(color=["black"]),
    "lines.linewidth": 9,
    "text.color": "white",
    "legend.loc": "center",
    "path.sketch": (1, 100, 2),
}


def png(figure) -> np.ndarray:
    """The pixels of a figure's file, uint8 [H, W, 3]."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return np.asarray(Image.open(buffer).convert("RGB"))


def grid_of(figure) -> np.ndarray:
    """The part of a figure's file that holds the images and the lines around them."""
    pixels = png(figure)
    left, bottom, right, top = np.rint(figure.axes[0].get_position().extents * np.tile(pixels.shape[1::-1], 2))
    return pixels[len(pixels) - int(top) : len(pixels) - int(bottom), int(left) : int(right)]


def tiles(figure, shape) -> tuple[np.ndarray, int]:
    """The images as they are on the screen, [rows, columns, height, width, 3], and the screen pixels of a pixel."""
    pixels = grid_of(figure)
    scale = max(1, round(figures.TILE / max(shape[:2])))
    height, width, gap = shape[0] * scale, shape[1] * scale, figures.GAP
    rows, columns = (len(pixels) - gap) // (height + gap), (pixels.shape[1] - gap) // (width + gap)
    assert pixels.shape[:2] == (rows * (height + gap) + gap, columns * (width + gap) + gap)
    cells = pixels[gap:, gap:].reshape(rows, height + gap, columns, width + gap, 3).swapaxes(1, 2)
    return cells[:, :, :height, :width], scale


def outside(figure) -> list[str]:
    """The texts of a figure that do not fit on it."""
    png(figure)
    texts = [*figure.texts, *(text for legend in figure.legends for text in legend.get_texts())]
    for axes in figure.axes:
        if axes.axison:
            ticks = zip(axes.get_yticks(), axes.get_yticklabels(), strict=True)
            seen = [label for tick, label in ticks if min(axes.get_ylim()) <= tick <= max(axes.get_ylim())]
            texts += [axes.title, axes.xaxis.label, axes.yaxis.label, *seen]
    whole = figure.bbox
    boxes = {text.get_text(): text.get_window_extent() for text in texts if text.get_text()}
    fits = lambda box: box.x0 >= 0 and box.y0 >= 0 and box.x1 <= whole.x1 and box.y1 <= whole.y1  # noqa: E731
    return [text for text, box in boxes.items() if not fits(box)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("count", "columns", "title", "labels"), [(6, 3, "", ()), (3, 2, "A title", ("one", "2"))])
def test_every_pixel_is_a_block_of_whole_screen_pixels(shape, count, columns, title, labels):
    images = np.random.default_rng(0).integers(0, 256, (count, *shape), np.uint8)
    shown, scale = tiles(figures.grid(images, columns, title, labels, labels), shape)
    assert shown.shape[:2] == (np.ceil(count / columns), columns)
    for i, image in enumerate(images):
        expected = image if shape[2] == 3 else 255 - image.repeat(3, axis=-1)
        block = expected.repeat(scale, axis=0).repeat(scale, axis=1)
        np.testing.assert_array_equal(shown[i // columns, i % columns], block)


@pytest.mark.parametrize("side", [*range(16, 129, 4), 35, 37])
def test_images_are_of_one_size_on_the_screen_whatever_their_own(side):
    shown, _ = tiles(figures.grid(np.zeros([1, side, side, 1]), 1), (side, side, 1))
    assert 35 <= shown.shape[2] <= max(70, side)


@pytest.mark.parametrize("columns", range(1, 25))
def test_no_screen_pixel_is_lost_to_rounding(columns):
    images = np.zeros([columns, 28, 28, 1], np.uint8)
    figure = figures.grid(images, columns)
    grid = grid_of(figure)
    margins = np.array(png(figure).shape[:2]) - grid.shape[:2]
    np.testing.assert_array_equal(margins, 2 * figures.MARGIN)
    assert (grid[[0, -1]] == figures.LINE).all()
    assert (grid[:, [0, -1]] == figures.LINE).all()


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("level", [0, 1])
def test_a_line_lies_between_images_and_nothing_where_there_are_none(channels, level):
    pixels = grid_of(figures.grid(np.full([3, 28, 28, channels], level), 2))
    middle = pixels.shape[1] // 2
    assert (pixels[5:50, middle] == figures.LINE).all()
    assert (pixels[-50:-5, -50:] == 255).all()


def test_grey_is_black_ink_on_white_and_colour_is_colour():
    grey = np.array([0, 0.25, 1])[:, None, None, None] * np.ones([1, 28, 28, 1])
    assert [*tiles(figures.grid(grey, 3), (28, 28, 1))[0][0, :, 0, 0, 0]] == [255, 191, 0]
    red = np.zeros([1, 32, 32, 3])
    red[..., 0] = 1
    assert [*tiles(figures.grid(red, 1), (32, 32, 3))[0][0, 0, 0, 0]] == [255, 0, 0]


def test_floats_bytes_and_booleans_show_the_same():
    black_and_white = np.random.default_rng(0).random([4, 28, 28, 1]) < 0.5
    expected = png(figures.grid(black_and_white, 2))
    for images in (black_and_white.astype(np.float32), black_and_white.astype(np.uint8) * np.uint8(255)):
        np.testing.assert_array_equal(png(figures.grid(images, 2)), expected)


@pytest.mark.parametrize("channels", [1, 3])
def test_pixels_that_are_no_numbers_are_seen(channels):
    images = np.zeros([1, 32, 32, channels])
    images[0, 0, 0, 0] = np.nan
    (((shown,),), scale) = tiles(figures.grid(images, 1), (32, 32, channels))
    assert (shown[:scale, :scale] == figures.BROKEN).all()
    assert not (shown[scale:] == figures.BROKEN).all(-1).any()


@pytest.mark.parametrize("shape", [(0, 28, 28, 1), (2, 28, 28, 2), (2, 28, 28), (2, 0, 28, 1)])
def test_no_images_are_refused_with_their_shape(shape):
    with pytest.raises(ValueError, match=r"images \[N, H, W, 1 or 3\].*got shape \[" + str(shape[0])):
        figures.grid(np.zeros(shape), 2)


NAMES = ["cat", "_hidden", "$5", "$x^", "a name that is far too long to be shown as it is", "名前", "two\nlines"]


@figures.style()  # texts are measured as they are drawn
def test_no_text_is_clipped():
    images = np.zeros([14, 16, 16, 1])
    title = "vae on a-folder-with-a-long-name, epoch 12: the most active dimensions of the code, and so on"
    assert not outside(figures.grid(images, 2, title, NAMES, ["first", "a column's name"]))
    assert not outside(figures.grid(images[:1], 1, title))
    points = np.random.default_rng(0).normal(size=[70, 2])
    labels = np.arange(70) % 7
    figure = figures.plane(points, labels, NAMES, title=title, beside=points, beside_title=title)
    assert not outside(figure)
    boxes = [axes.title.get_window_extent() for axes in figure.axes]
    assert boxes[0].x1 < boxes[1].x0
    assert boxes[1].x1 < figure.legends[0].get_window_extent().x0
    assert not outside(
        figures.plane(points[:, :1], labels, NAMES, title=title, beside=points[:, :1], beside_title=title)
    )
    assert not outside(figures.history([{"epoch": 1, "loss": 1.0}], title))


@pytest.mark.parametrize(
    ("images", "rows", "columns"),
    [
        (np.zeros([28, 28]), 1, 1),
        (np.zeros([28, 28, 1]), 1, 1),
        (np.zeros([28, 28, 3], np.uint8), 1, 1),
        (np.zeros([5, 28, 28]), 2, 3),
        (np.zeros([16, 28, 28, 1]), 4, 4),
        (np.zeros([17, 28, 28, 3]), 4, 5),
        (np.zeros([2, 7, 28, 28, 1]), 2, 7),
        ([np.zeros([28, 28, 3])] * 2, 1, 2),
    ],
)
def test_show_is_nearly_square(images, rows, columns):
    shown, _ = tiles(figures.show(images), (28, 28, 1))
    assert shown.shape[:2] == (rows, columns)


def test_show_appears_in_a_notebook_and_without_pyplot():
    code = (
        "import sys, numpy\n"
        "from tfgen import figures\n"
        "print(figures.show(numpy.zeros([4, 28, 28, 1]))._repr_png_()[:4])\n"
        "print({'matplotlib.pyplot', 'tensorflow'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == [str(b"\x89PNG"), "set()"]


def drawn() -> dict:
    random = np.random.default_rng(0)
    images, points, labels = random.random([6, 28, 28, 1]), random.normal(size=[300, 2]), np.arange(300) % 10
    rows = [{"epoch": n, "loss": 10 / n, "val_loss": 11 / n} for n in range(1, 4)]
    return {
        "grid": figures.grid(images, 3, "A title", ["a", "b"], ["c", "d", "e"]),
        "show": figures.show(images),
        "plane": figures.plane(points, labels, "abcdefghij", title="A title", beside=points, beside_title="beside"),
        "strips": figures.plane(points[:, :1], labels, "abcdefghij", title="A title", beside=points[:, :1]),
        "classes": figures.plane(points, labels, list(map(str, range(30))), title="A title"),
        "history": figures.history(rows, "A title"),
    }


def files_of(folder) -> dict[str, bytes]:
    folder.mkdir()
    for name, figure in drawn().items():
        figures.save(figure, folder / f"{name}.png")
    figures.animation([drawn()["grid"]] * 2, folder / "grid.gif")
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_files_are_the_same_whatever_the_users_settings(tmp_path):
    expected = files_of(tmp_path / "plain")
    assert len(expected) == 7
    with matplotlib.rc_context(HOSTILE):
        before = dict(matplotlib.rcParams)
        assert files_of(tmp_path / "hostile") == expected
        assert dict(matplotlib.rcParams) == before


def test_a_picture_saves_itself_and_is_what_a_notebook_then_shows(tmp_path):
    path = tmp_path / "shown.png"
    figure = figures.show(np.eye(20))
    assert figure.saved(path) is figure
    with Image.open(path) as written, Image.open(io.BytesIO(figure._repr_png_())) as shown:
        np.testing.assert_array_equal(np.asarray(written.convert("RGB")), np.asarray(shown.convert("RGB")))


def test_save_writes_whole_files_only(tmp_path):
    figure = figures.grid(np.zeros([1, 28, 28, 1]), 1)
    figures.save(figure, tmp_path / "grid.png")
    figures.save(figure, tmp_path / "grid.png")
    assert [path.name for path in tmp_path.iterdir()] == ["grid.png"]
    np.testing.assert_array_equal(Image.open(tmp_path / "grid.png").convert("RGB"), png(figure))


@pytest.mark.parametrize("count", [2, 10, 14, 20])
def test_points_have_their_class_colour_and_the_legend_names_it(count):
    random = np.random.default_rng(0)
    points, labels = random.normal(size=[200, 2]), random.integers(0, count, 200)
    names = ["_hidden", "$5", *(f"class {i}" for i in range(2, count))]
    figure = figures.plane(points, labels, names, title="codes")
    (legend,), (axes,) = figure.legends, figure.axes
    (drawn_points,) = axes.collections
    np.testing.assert_array_equal(drawn_points.get_offsets(), points)
    assert [text.get_text() for text in legend.get_texts()] == names
    colours = np.array([matplotlib.colors.to_rgba(line.get_color()) for line in legend.get_lines()])
    assert len({tuple(colour) for colour in colours}) == count
    np.testing.assert_array_equal(drawn_points.get_facecolors(), colours[labels])


def test_many_classes_have_a_scale_of_colours_instead_of_a_legend():
    points = np.random.default_rng(0).normal(size=[300, 2])
    figure = figures.plane(points, np.arange(300) % 100, list(map(str, range(100))), title="codes")
    assert not figure.legends
    assert [axes.get_ylabel() for axes in figure.axes] == ["z₂", "class"]
    assert len({tuple(colour) for colour in figure.axes[0].collections[0].get_facecolors()}) == 100


def test_points_without_classes_have_one_colour():
    figure = figures.plane(np.random.default_rng(0).normal(size=[30, 2]))
    assert not figure.legends
    assert len(figure.axes[0].collections[0].get_facecolors()) == 1


def test_points_beside_are_drawn_to_the_same_scale():
    points = np.random.default_rng(0).normal(size=[500, 2])
    left, right = figures.plane(points, beside=3 * points, beside_title="wider").axes
    np.testing.assert_array_equal(right.collections[0].get_offsets(), 3 * points)
    assert left.get_xlim() == right.get_xlim()
    assert left.get_ylim() == right.get_ylim()
    assert left.get_xlim()[1] > 6


def test_points_of_a_line_lie_in_the_row_of_their_class():
    points, labels = np.random.default_rng(0).normal(size=[90, 1]), np.arange(90) % 3
    (axes,) = figures.plane(points, labels, ["cat", "dog", "_"], beside=points[:5], beside_title="prior").axes
    codes, prior = (collection.get_offsets() for collection in axes.collections)
    np.testing.assert_array_equal(codes[:, :1], points)
    np.testing.assert_array_equal(np.rint(codes[:, 1]), labels)
    np.testing.assert_array_equal(np.rint(prior[:, 1]), 3)
    assert [label.get_text() for label in axes.get_yticklabels()] == ["cat", "dog", "_", "prior"]


def test_points_in_one_place_and_a_line_of_many_classes_are_drawn():
    png(figures.plane(np.zeros([5, 2])))
    png(figures.plane(np.zeros([1, 1])))
    figure = figures.plane(np.zeros([300, 1]), np.arange(300) % 100, list(map(str, range(100))))
    assert figure.axes[0].get_ylabel() == "class"


def test_history_draws_training_and_validation_together():
    rows = [
        {"epoch": n, "loss": 10 / n, "rate": n, "val_neg_elbo": 11 / n, "val_rate": n + 1, "val_distortion": 1}
        for n in range(1, 4)
    ]
    figure = figures.history(rows, "a run")
    panels = {axes.get_title(): [line.get_ydata() for line in axes.lines] for axes in figure.axes}
    np.testing.assert_allclose(panels["loss"], [[10, 5, 10 / 3], [11, 5.5, 11 / 3]])
    np.testing.assert_allclose(panels["rate"], [[1, 2, 3], [2, 3, 4]])
    np.testing.assert_allclose(panels["distortion"], [[1, 1, 1]])


@pytest.mark.parametrize("values", [[1.0], [1.0, float("nan"), 2.0], [float("nan")] * 3, [float("inf"), 1.0]])
def test_history_of_a_diverged_or_single_epoch_is_drawn(values):
    png(figures.history([{"epoch": n, "loss": value} for n, value in enumerate(values, 1)], "a run"))


def test_animation_shows_its_frames_in_order(tmp_path):
    frames = (figures.grid(np.full([1, 28, 28, 1], level), 1, f"epoch {i}") for i, level in enumerate([0, 0.5, 1]))
    figures.animation(frames, tmp_path / "training.gif", seconds=0.1)
    assert [path.name for path in tmp_path.iterdir()] == ["training.gif"]
    levels, durations = [], []
    with Image.open(tmp_path / "training.gif") as film:
        assert film.n_frames == 3
        assert film.info["loop"] == 0
        for index in range(3):
            film.seek(index)
            durations.append(film.info["duration"])
            levels.append(int(np.asarray(film.convert("RGB"))[-36, figures.MARGIN + 30, 0]))
    np.testing.assert_allclose(levels, [255, 127, 0], atol=3)
    assert durations == [100, 100, 2000]


def test_animation_keeps_colours(tmp_path):
    image = np.random.default_rng(0).integers(0, 2, (1, 32, 32, 3)) * 255
    figure = figures.grid(image.astype(np.uint8), 1)
    figures.animation([figure], tmp_path / "one.gif")
    with Image.open(tmp_path / "one.gif") as film:
        shown = np.asarray(film.convert("RGB")).astype(int)
    assert np.abs(shown - png(figure)).max() <= 3


def test_animation_keeps_the_size_of_its_first_frame(tmp_path):
    images = np.zeros([4, 28, 28, 1])
    frames = [figures.grid(images, 2), figures.grid(images, 4, "A title"), figures.grid(images[:1], 1)]
    figures.animation(frames, tmp_path / "film.gif")
    with Image.open(tmp_path / "film.gif") as film:
        for index in range(3):
            film.seek(index)
            assert film.size == png(frames[0]).shape[1::-1]
        assert film.convert("RGB").getpixel((film.width - 1, film.height - 1)) == (255, 255, 255)


def test_animation_without_frames_is_refused(tmp_path):
    with pytest.raises(ValueError, match="at least one frame"):
        figures.animation([], tmp_path / "none.gif")
    assert not list(tmp_path.iterdir())
