"""Which data sets of TensorFlow Datasets are prepared on this machine, and what is visibly wrong with them.

Nothing here imports TensorFlow Datasets: a version is looked at as a folder of files.
"""

import json
import os
import re
from pathlib import Path

from tfgen.data import lfs

VERSION = re.compile(r"\d+\.\d+\.\d+")  # a preparation that was cut short has more behind it
SHARD = re.compile(r"(.+)-(\d{5,})-of-(\d{5,})")  # TFDS's file names: mnist-train.tfrecord-00000-of-00001
INFO, FEATURES = "dataset_info.json", "features.json"


def prepared(name: str, data_dir: str | os.PathLike | None = None) -> Path | None:
    """The folder of the newest prepared version of a TFDS data set with no visible damage, or None.

    Args:
        name: TFDS's name, such as "mnist" or "emnist/digits".
        data_dir: a TFDS directory; None: `TFDS_DATA_DIR` or TFDS's own default directory.
    """
    return next((folder for folder in every_version(name, data_dir) if not visible_damage(folder)), None)


def root(data_dir=None) -> Path:
    """The directory that holds prepared data sets, whether it exists or not."""
    return Path(data_dir or os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets").expanduser()


def every_version(name: str, data_dir=None) -> list[Path]:
    """The folders of all versions of a data set, whole or not, the newest first."""
    folder = root(data_dir) / name
    found = [path for path in folder.glob("*") if VERSION.fullmatch(path.name) and path.is_dir()]
    return sorted(found, key=lambda path: [int(part) for part in path.name.split(".")], reverse=True)


def configurations(name: str, data_dir=None) -> list[str]:
    """The configurations of a data set that have a version here: ["digits"] for emnist/digits."""
    folders = sorted(path for path in (root(data_dir) / name).glob("*") if path.is_dir())
    return [path.name for path in folders if every_version(f"{name}/{path.name}", data_dir)]


def names(data_dir=None) -> list[str]:
    """The names of all data sets that have a version here, with their configurations."""
    found = []
    for folder in sorted(path for path in root(data_dir).glob("[!.]*") if path.is_dir()):
        found += [folder.name] if every_version(folder.name, data_dir) else []
        found += [f"{folder.name}/{configuration}" for configuration in configurations(folder.name, data_dir)]
    return found


def visible_damage(folder: Path) -> str:
    """What is wrong with the folder of a prepared version, as far as it shows without reading the records; or ""."""
    try:
        if not (folder / INFO).is_file():
            return f"it has no {INFO}"
        files = sorted(path for path in folder.iterdir() if path.is_file())
        for path in files:
            if lfs.is_pointer_file(path):
                return f"{path.name} is a Git LFS pointer, not the file itself"
            if path.name in (INFO, FEATURES):
                json.loads(path.read_bytes())
    except OSError as error:
        return f"{Path(error.filename or folder).name} cannot be read ({error.strerror})"
    except ValueError:
        return f"{path.name} is no valid JSON"
    return _missing_shard({path.name for path in files})


def _missing_shard(names: set[str]) -> str:
    for name in sorted(names):
        if match := SHARD.fullmatch(name):
            stem, number, count = match.groups()
            for i in range(min(int(count), len(names) + 1)):
                if (other := f"{stem}-{i:0{len(number)}}-of-{count}") not in names:
                    return f"{other} is missing"
    return ""
