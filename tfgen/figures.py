"""Pictures from arrays: grids of images, planes of codes, curves of a training, animations.

Every figure is drawn in one style, whatever the user's matplotlibrc says; pyplot and its global state are not used.
"""

import contextlib
import io
import math
import textwrap
import warnings
from collections.abc import Iterable

import numpy as np

from tfgen import files, quiet

matplotlib = quiet.import_matplotlib()
Figure, FigureCanvasAgg = matplotlib.figure.Figure, matplotlib.backends.backend_agg.FigureCanvasAgg

DPI = 100
TILE = 52  # screen pixels that the longer side of an image in a grid comes close to
GAP, MARGIN = 2, 6  # screen pixels of the line between two images, and around a grid
LINE = 200  # of that line: light grey, seen on white paper and beside colour
BROKEN = (230, 60, 60)  # pixels that are NaN
TITLE_SIZE, LABEL_SIZE = 10, 9  # points
TITLE_WIDTH, LETTER = 300, 7  # screen pixels: of a line that a title may fill above a narrow grid, of a letter
NAME_LENGTH = 24  # letters of a class name that are shown
LEGEND_LENGTH = 20  # classes that are still told apart by colour and listed by name
STYLE = {
    "text.parse_math": False,  # names of classes and data sets may hold a $
    "font.size": LABEL_SIZE,
    "axes.titlesize": TITLE_SIZE,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
}


@contextlib.contextmanager
def style():
    """The style of all figures, for the length of a block or, as `@style()`, of a function."""
    plain = matplotlib.style.context(["default", STYLE])
    with plain, warnings.catch_warnings(), np.errstate(all="warn", under="ignore"):
        warnings.filterwarnings("ignore", "Glyph .* missing from")  # drawn as a box
        yield


class Picture(Figure):
    """A figure that is saved in our style, and that a notebook shows as it is."""

    def savefig(self, *arguments, **options):
        """Figure's own, in our style."""
        with style():
            super().savefig(*arguments, **options)

    def saved(self, path) -> "Picture":
        """Writes itself as PNG, and returns itself, which a notebook then shows: `show(images).saved("a.png")`."""
        save(self, path)
        return self

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png")
        return buffer.getvalue()


def save(figure: Figure, path) -> None:
    """Writes a figure as PNG, whole or not at all."""
    with files.replacing(path) as temporary, style():
        figure.savefig(temporary, format="png", dpi=DPI, facecolor="white")


def show(images, columns: int | None = None, title: str = "") -> Figure:
    """A near-square grid of images; lines of images, [B, steps, H, W, C], stay a row each.

    Args:
        images: [N, H, W, C], or what can mean nothing else: [H, W], [H, W, C], [N, H, W]; values as in `grid`.
        columns: images per row; by default as many as make the grid nearly square.
        title: shown above.
    """
    images = np.asarray(images)
    if images.ndim == 5:
        columns, images = columns or images.shape[1], images.reshape(-1, *images.shape[2:])
    elif images.ndim == 2:
        images = images[None, :, :, None]
    elif images.ndim == 3:
        images = images[None] if images.shape[-1] in (1, 3) else images[..., None]
    return grid(images, columns or math.ceil(math.sqrt(max(1, len(images)))), title)


@style()
def grid(images, columns: int, title: str = "", row_labels=(), column_labels=()) -> Figure:
    """Images side by side, `columns` a row, each pixel a square of whole screen pixels, a grey line between images.

    Args:
        images: [N, H, W, C], uint8, bool, or float in [0, 1]; C = 1 is drawn as black ink on white, C = 3 as RGB.
        columns: images per row.
        title: shown above; long ones are wrapped.
        row_labels, column_labels: texts beside the rows and above the columns.

    Raises:
        ValueError: no images, or another shape.
    """
    tiles = _tiles(images)
    canvas = _canvas(tiles, min(columns, len(tiles)))
    (height, width, _), (tile_height, tile_width) = canvas.shape, tiles.shape[1:3]
    row_labels, column_labels = [short(text) for text in row_labels], [short(text) for text in column_labels]
    turn = 90 if any(_extent(text)[0] > tile_width for text in column_labels) else 0
    title = textwrap.fill(title, max(width, TITLE_WIDTH) // LETTER)
    title_width, title_height = _extent(title, TITLE_SIZE)
    left = MARGIN + max((_extent(text)[0] + MARGIN for text in row_labels), default=0)
    labels_height = max((_extent(text, rotation=turn)[1] + MARGIN for text in column_labels), default=0)
    top = MARGIN + (title_height + MARGIN) * bool(title) + labels_height
    whole_width, whole_height = left + max(width, title_width) + MARGIN, top + height + MARGIN

    inches = ((whole_width + 0.001) / DPI, (whole_height + 0.001) / DPI)  # matplotlib cuts 56.99 off to 56
    figure = Picture(figsize=inches, dpi=DPI)

    def write(x, y, text, **options):  # at screen pixels from the top left
        figure.text(x / whole_width, 1 - y / whole_height, text, **({"fontsize": LABEL_SIZE} | options))

    # A hundredth of a screen pixel less: matplotlib rounds up, and would stretch the image for a rounding error more.
    box = (left + 0.005, MARGIN + 0.005, width - 0.01, height - 0.01)
    axes = figure.add_axes([part / whole for part, whole in zip(box, 2 * (whole_width, whole_height), strict=True)])
    axes.imshow(canvas, aspect="auto", interpolation="nearest")
    axes.set_axis_off()
    write(left, MARGIN, title, fontsize=TITLE_SIZE, va="top")
    for row, text in enumerate(row_labels):
        write(left - MARGIN, top + GAP + row * (tile_height + GAP) + tile_height / 2, text, ha="right", va="center")
    for column, text in enumerate(column_labels):
        x = left + GAP + column * (tile_width + GAP) + tile_width / 2
        write(x, top - MARGIN, text, ha="center", va="bottom", rotation=turn)
    return figure


def _tiles(images) -> np.ndarray:
    """Images [N, H, W, C] as RGB, uint8 [N, H * scale, W * scale, 3], with ink for grey and a colour for NaN."""
    images = np.asarray(images)
    if images.ndim != 4 or images.shape[-1] not in (1, 3) or 0 in images.shape:
        raise ValueError(f"a grid needs images [N, H, W, 1 or 3], at least one, got shape {list(images.shape)}")
    broken = ~np.isfinite(images).all(-1)
    if images.dtype == np.uint8:
        pixels = images
    else:
        pixels = np.rint(255 * np.clip(np.nan_to_num(images.astype(np.float32)), 0, 1)).astype(np.uint8)
    if images.shape[-1] == 1:
        pixels = 255 - np.repeat(pixels, 3, axis=-1)
    pixels = np.where(broken[..., None], np.uint8(BROKEN), pixels)
    scale = max(1, round(TILE / max(images.shape[1:3])))
    return pixels.repeat(scale, axis=1).repeat(scale, axis=2)


def _canvas(tiles, columns: int) -> np.ndarray:
    """Tiles [N, H, W, 3] in rows, a line around each and white where there is none: uint8 RGB."""
    cells = np.pad(tiles, ((0, 0), (0, GAP), (0, GAP), (0, 0)), constant_values=LINE)  # lines below and at the right
    count, height, width, _ = cells.shape
    rows = math.ceil(count / columns)
    empty = np.full((rows * columns - count, height, width, 3), 255, np.uint8)
    cells = np.concatenate([cells, empty]).reshape(rows, columns, height, width, 3)
    canvas = cells.swapaxes(1, 2).reshape(rows * height, columns * width, 3)
    return np.pad(canvas, ((GAP, 0), (GAP, 0), (0, 0)), constant_values=LINE)


def _extent(text: str, size: float = LABEL_SIZE, rotation: float = 0) -> tuple[int, int]:
    """Width and height of a text, in screen pixels."""
    figure = Figure(dpi=DPI)
    renderer = FigureCanvasAgg(figure).get_renderer()
    box = figure.text(0, 0, text, fontsize=size, rotation=rotation).get_window_extent(renderer)
    return math.ceil(box.width), math.ceil(box.height)


def short(name) -> str:
    """A name on one line, cut where it is long."""
    name = " ".join(str(name).split())
    return name if len(name) <= NAME_LENGTH else name[: NAME_LENGTH - 1] + "…"


@style()
def plane(points, labels=None, names=(), *, title="", beside=None, beside_title="", axis_names=("z₁", "z₂")) -> Figure:
    """Points of a plane, coloured by class; points of a line as strips, a class a row.

    Args:
        points: [N, 2], or [N, 1] of a line.
        labels: int [N], the classes, which `names` names; without them the points have one colour.
        names: of the classes. More than 20 are shown as a scale of colours instead of a legend.
        title: of the points.
        beside: further points, [M, 2] or [M, 1], drawn in grey beside them under `beside_title`.
        beside_title: of these.
        axis_names: of the coordinates.
    """
    names = [short(name) for name in names] if labels is not None else []
    looks = {"c": colours(len(names))[np.asarray(labels)] if names else "tab:blue", "linewidths": 0}
    looks["s"] = 3 if len(points) > 2000 else 10
    panels = [(title, np.asarray(points), looks)]
    if beside is not None:
        panels.append((beside_title, np.asarray(beside), looks | {"c": "0.4"}))
    limits = _limits(np.concatenate([values for _, values, _ in panels]))
    if len(limits) == 1:
        return _strips(panels, labels, names, axis_names[0], limits[0])
    legend_width = max((_extent(name)[0] / DPI + 0.7 for name in names), default=0)
    figure = Picture(figsize=(6 * len(panels) + legend_width, 6), dpi=DPI, layout="constrained")
    for axes, (text, values, looks) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        axes.scatter(*values.T, **looks)
        axes.set(xlabel=axis_names[0], ylabel=axis_names[1], xlim=limits[0], ylim=limits[1], aspect="equal")
        axes.set_title(textwrap.fill(text, 500 // LETTER))
    if len(names) > LEGEND_LENGTH:
        scale = matplotlib.cm.ScalarMappable(matplotlib.colors.Normalize(0, len(names) - 1), "turbo")
        figure.colorbar(scale, ax=figure.axes, label="class", shrink=0.6)
    elif names:
        look = {"marker": "o", "linestyle": "", "markersize": 5}
        dots = [matplotlib.lines.Line2D([], [], color=colour, **look) for colour in colours(len(names))]
        legend = figure.legend(dots, range(len(names)), loc="outside right upper", title="class")
        for text, name in zip(legend.get_texts(), names, strict=True):
            text.set_text(name)  # here, as a legend leaves out names that begin with _
    return figure


def _strips(panels, labels, names, axis_name: str, limits) -> Figure:
    """Points of a line, a row per class, scattered over the row's height; the points beside them in the last row."""
    rows = [*(names or [""]), *(short(title) for title, *_ in panels[1:])]
    figure = Picture(figsize=(8, 1.6 + 0.35 * min(len(rows), 2 * LEGEND_LENGTH)), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    heights = np.asarray(labels) if names else 0
    for (_, values, looks), height in zip(panels, (heights, len(rows) - 1), strict=False):
        axes.scatter(values[:, 0], height + np.random.default_rng(0).uniform(-0.4, 0.4, len(values)), **looks)
    axes.set_title(textwrap.fill(panels[0][0], 600 // LETTER))
    axes.set(xlabel=axis_name, xlim=limits, ylim=(len(rows) - 0.5, -0.5))
    axes.set_yticks(range(len(rows)), rows) if len(names) <= LEGEND_LENGTH else axes.set_ylabel("class")
    return figure


def colours(count: int) -> np.ndarray:
    """A colour for each of `count` classes, RGBA: set apart from one another up to 20, then along a scale."""
    if count <= LEGEND_LENGTH:
        return matplotlib.colormaps["tab10" if count <= 10 else "tab20"](np.arange(count))
    return matplotlib.colormaps["turbo"](np.linspace(0, 1, count))


def _limits(points) -> np.ndarray:
    """(low, high) of each axis, equally long, which leave out one point in a thousand."""
    low, high = np.quantile(points, [0.0005, 0.9995], axis=0)
    middle, half = (low + high) / 2, 0.55 * max(high - low) or 1.0
    return np.stack([middle - half, middle + half], axis=1)


@style()
def history(rows: list[dict], title: str) -> Figure:
    """Curves over epochs, a panel a metric, training and validation together; -ELBO stands beside the training loss.

    A row is an epoch: {"epoch": n, metric: number, "val_" + metric: number}.
    """
    panels = _panels(rows[0])
    columns = min(4, len(panels))
    height = math.ceil(len(panels) / columns)
    figure = Picture(figsize=(4 * columns, 3.3 * height), dpi=DPI, layout="constrained")
    figure.suptitle(textwrap.fill(title, 360 * columns // LETTER), fontsize=TITLE_SIZE)
    epochs = [row["epoch"] for row in rows]
    later = rows[len(rows) // 20 :]  # a curve falls far in the first epochs; what is worth seeing follows
    for axes, (name, curves) in zip(figure.subplots(height, columns, squeeze=False).flat, panels.items(), strict=False):
        for key, label in curves.items():
            axes.plot(epochs, [row[key] for row in rows], label=label, marker="o" if len(rows) == 1 else None)
        values = [row[key] for row in later for key in curves if math.isfinite(row[key])] or [0.0]
        space = 0.05 * (max(values) - min(values)) or 0.5
        axes.set(title=name.replace("_", " "), xlabel="epoch", ylim=(min(values) - space, max(values) + space))
        axes.xaxis.get_major_locator().set_params(integer=True)
        if len(rows) == 1:
            axes.set_xticks(epochs)
        axes.grid(alpha=0.3)
        axes.legend(loc="upper right", fontsize=8)
    for axes in figure.axes[len(panels) :]:
        axes.set_axis_off()
    return figure


@style()
def curve(rows: list[dict], name: str, title: str, lines: dict[str, float], over: str = "epoch") -> Figure:
    """A number of rows over another one, of a `history` over epochs for example, beside constants, label -> value.

    Raises ValueError if the rows lack one of the two.
    """
    for missing in {name, over} - set(rows[0]):
        raise ValueError(f"there is no {missing!r} among {', '.join(rows[0])}")
    figure = Picture(figsize=(6, 4), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    axes.plot([row[over] for row in rows], [row[name] for row in rows], label=name.replace("_", " "), marker=".")
    for label, value in lines.items():
        axes.axhline(value, color="black", linestyle="--", linewidth=1, label=f"{label} = {value:.4g}")
    axes.set(title=title, xlabel=over)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(alpha=0.3)
    figure.legend(loc="outside lower center", ncols=1 + len(lines))
    return figure


def _panels(row: dict) -> dict[str, dict[str, str]]:
    """What is drawn together: {title: {key of a row: label}}."""
    panels = {name: {name: "training"} for name in row if name != "epoch" and not name.startswith("val_")}
    for key in row:
        name = key.removeprefix("val_")
        if key == "val_neg_elbo" and "loss" in panels:
            panels["loss"][key] = "validation -ELBO"
        elif key != name:
            panels.setdefault(name, {})[key] = "validation"
    return panels


@style()
def animation(frames: Iterable[Figure], path, seconds: float = 0.25) -> None:
    """Writes figures, which may be made one by one, as an endless GIF of the first one's size, whole or not at all.

    A frame is shown for `seconds`, the last one for two. Raises ValueError if there are no frames.
    """
    from PIL import Image

    pictures = []
    for figure in frames:
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        shown = Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3])
        picture = Image.new("RGB", pictures[0].size if pictures else shown.size, "white")
        picture.paste(shown)
        pictures.append(picture.quantize(256, dither=Image.Dither.NONE))
    if not pictures:
        raise ValueError("an animation needs at least one frame")
    durations = [round(1000 * seconds)] * (len(pictures) - 1) + [2000]
    with files.replacing(path) as temporary:
        pictures[0].save(temporary, "GIF", save_all=True, append_images=pictures[1:], duration=durations, loop=0)
