"""Reading prepared data sets of TensorFlow Datasets: any that has an `image` feature."""

from pathlib import Path

import numpy as np

from tfgen.data import download, pictures, splits, stored, versions
from tfgen.data.dataset import Dataset

BATCH = 1024  # images that are read at a time


class DamagedError(Exception):
    """A prepared version that cannot be read; the message says what is wrong."""


def load(name: str, data_dir=None, *, image_size=None, channels=None, seed=0, empty, notify) -> Dataset:
    """A TFDS data set, from the newest version that is prepared and whole, or downloaded if none is prepared.

    Args:
        name: TFDS's name, such as "mnist" or "emnist/digits".
        data_dir: a TFDS directory that holds it; nothing is downloaded then. None: `TFDS_DATA_DIR` or TFDS's default.
        image_size: crop to the square in the middle and resize to this side; None: leave the size.
        channels: 1 or 3; None: leave the colours.
        seed: of the division of data that have one part only.
        empty: makes the array for all images, as in `decoded.load`.
        notify: called with a line for the user.

    Raises:
        ValueError: not prepared in `data_dir`, damaged, no images, or images of several or unfit sizes.
        UnavailableError: neither prepared nor downloadable.
    """
    name, folders = _folders(name, data_dir)
    if not folders:
        folders = [download.download(name, lambda features: _image_feature(features, name))]
        name = folders[0].parent.relative_to(versions.root()).as_posix()  # with the configuration, if TFDS chose one
    damage = {}
    for folder in folders:
        damage[folder] = versions.visible_damage(folder)
        if damage[folder]:
            continue
        try:
            parts, classes = _read(folder, name, image_size, channels, empty, notify)
        except DamagedError as error:
            damage[folder] = str(error)
            continue
        if folder != folders[0]:
            notify(
                f"prepared data set {str(folders[0])!r} is damaged: {damage[folders[0]]}; using version {folder.name}"
            )
        return Dataset(name, *splits.divide(parts, name, seed), classes, source=name)
    raise _damaged(folders[0], damage[folders[0]])


def fingerprint(name: str, data_dir=None) -> list:
    """What tells whether the files of a prepared data set are still the same: their paths, sizes and times."""
    _, folders = _folders(name, data_dir)
    paths = [path for folder in folders for path in sorted(folder.iterdir())]
    return [(str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns) for path in paths]


def check(name: str, data_dir=None) -> None:
    """ValueError if a directory that must hold a data set does not, or if all its versions are visibly damaged."""
    name, folders = _folders(name, data_dir)
    damage = [versions.visible_damage(folder) for folder in folders]
    if folders and all(damage):
        raise _damaged(folders[0], damage[0])


def _damaged(folder: Path, damage: str) -> ValueError:
    return ValueError(f"prepared data set {str(folder)!r} is damaged: {damage}; remove the folder or prepare it again")


def _folders(name: str, data_dir) -> tuple[str, list[Path]]:
    """The name, with its only prepared configuration if none is named, and all its versions, the newest first.

    Raises:
        ValueError: several configurations to choose from, or no version in a directory that must hold one.
    """
    folders = versions.every_version(name, data_dir)
    configurations = [] if folders or "/" in name else versions.configurations(name, data_dir)
    if len(configurations) > 1:
        names = ", ".join(f"{name}/{configuration}" for configuration in configurations)
        raise ValueError(f"data set {name!r} is prepared in several configurations: choose one of {names}")
    if configurations:
        name = f"{name}/{configurations[0]}"
        folders = versions.every_version(name, data_dir)
    if data_dir is not None and not folders:
        raise ValueError(f"data directory {str(data_dir)!r} holds no prepared {name!r} (looked for {name}/VERSION)")
    return name, folders


def _read(folder: Path, name: str, image_size, channels, empty, notify):
    """Parts, name -> (images, labels), and the names of the classes. DamagedError if a file cannot be read."""
    import tensorflow_datasets as tfds

    try:
        builder = tfds.builder_from_directory(folder)
        features, available = builder.info.features, builder.info.splits
        missing = [path.name for part in available.values() for path in part.filepaths if not path.exists()]
    except Exception as error:  # JSON that is not a description of a data set makes TFDS raise this or that
        raise DamagedError(f"its description cannot be read ({_first_line(error)})") from error
    if missing:
        raise DamagedError(f"{missing[0]} is missing")
    if not available:
        raise DamagedError("its description names no splits")
    own = _image_feature(features, name).shape
    _check_size(own, name, image_size)
    label = dict(features).get("label")
    named = isinstance(label, tfds.features.ClassLabel) and label.num_classes
    used = splits.used(available, name)
    counts = [available[part].num_examples for part in used]
    channels = channels or (1 if own[-1] == 1 else 3)
    shape = (*(image_size or side for side in own[:2]), channels)
    images = empty((sum(counts), *shape))
    fit = None if shape == own else lambda image: pictures.resized(image, image_size, channels)
    parts, first = {}, 0
    for part, count in zip(used, counts, strict=True):
        rows = slice(first, first := first + count)
        labels = _read_part(builder, part, name, bool(named), fit, images, rows)
        parts[part] = stored.select(images, rows), labels
    if named and any((labels < 0).any() for _, labels in parts.values()):
        notify(f"data set {name!r} has images without a label; its labels are not used")
        named = False
    if not named:
        parts = {part: (images, np.zeros(len(images), np.int64)) for part, (images, _) in parts.items()}
    return parts, tuple(label.names) if named else ()


def _image_feature(features, name: str):
    """The `image` feature of a data set; ValueError if it has none, or none of 8-bit pixels."""
    import tensorflow_datasets as tfds

    names = list(features) if isinstance(features, tfds.features.FeaturesDict) else []
    image = features["image"] if "image" in names else None
    if not isinstance(image, tfds.features.Image):
        raise ValueError(
            f"data set {name!r} has no images under 'image'; it has {', '.join(names) or 'other features'}"
        )
    if image.np_dtype != np.uint8 or image.shape[-1] not in (None, 1, 3, 4):
        raise ValueError(
            f"data set {name!r} must have grey or colour images of dtype uint8, got {np.dtype(image.np_dtype).name} of "
            f"shape {list(image.shape)}"
        )
    return image


def _check_size(shape, name: str, image_size) -> None:
    if image_size is not None:
        return
    if None in shape[:2]:
        raise ValueError(f"the images of data set {name!r} vary in size; {pictures.ADVICE}")
    pictures.check_shape((*shape[:2], 1))


def _read_part(builder, part: str, name: str, labelled: bool, fit, images, rows: slice) -> np.ndarray:
    """Lays the images of a part, in reading order and fitted, into these rows of `images`; its labels, int64 [N]."""
    from tfgen.quiet import tf

    count, row = rows.stop - rows.start, 0
    labels = np.zeros(count, np.int64)
    try:
        for image, label in _elements(builder, part, labelled).batch(1 if fit else BATCH).as_numpy_iterator():
            if name.startswith("emnist"):
                image = image.transpose(0, 2, 1, 3)  # stored with rows and columns exchanged
            done, row = row, row + len(image)
            if row > count:
                break
            stored.put(images, rows.start + done, fit(image[0])[None] if fit else image)
            labels[done:row] = label
    except tf.errors.OpError as error:
        raise DamagedError(_what_is_corrupt(builder.info.splits[part].filepaths, part)) from error
    if row != count:
        found = "more images" if row > count else f"{row} images"
        raise DamagedError(f"its part {part!r} has {found}, where its description says {count}")
    return labels


def _elements(builder, part: str, labelled: bool):
    """A `tf.data.Dataset` of (image, label) in reading order, file by file; the labels are 0 where there are none."""
    import tensorflow_datasets as tfds

    from tfgen.quiet import tf

    media = tfds.features.Image | tfds.features.Video | tfds.features.Audio
    others = [key for key, feature in builder.info.features.items() if key != "image" and isinstance(feature, media)]
    elements = builder.as_dataset(
        split=part,
        decoders={key: tfds.decode.SkipDecoding() for key in others} or None,  # nobody asks for them
        # One file after the other, without a second copy in memory. The caller counts, and says what is missing.
        read_config=tfds.ReadConfig(interleave_cycle_length=1, try_autocache=False, assert_cardinality=False),
    )
    return elements.map(lambda element: (element["image"], element["label"] if labelled else tf.constant(0, tf.int64)))


def _what_is_corrupt(files, part: str) -> str:
    """Which of the record files of a part has a record that cannot be read."""
    from tfgen.quiet import tf

    for path in files:
        try:
            for _ in tf.data.TFRecordDataset(str(path)):
                pass
        except tf.errors.OpError:
            return f"{path.name} has a corrupt record"
    return f"an image of its part {part!r} cannot be decoded"


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [""])[0] or type(error).__name__
