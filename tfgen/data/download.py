"""Downloading a data set of TensorFlow Datasets, and saying within seconds when that is impossible.

TFDS itself retries a lost download for minutes before it says so.
"""

import contextlib
import socket
import threading
from pathlib import Path
from urllib.parse import urlsplit

from tfgen.data.dataset import UnavailableError
from tfgen.data.versions import root

HOSTS = {  # known without importing TFDS: where the most usual data sets are downloaded from
    "mnist": ("storage.googleapis.com", 443),
    "fashion_mnist": ("fashion-mnist.s3-website.eu-central-1.amazonaws.com", 80),
    "kmnist": ("codh.rois.ac.jp", 80),
    "emnist": ("biometrics.nist.gov", 443),
    "cifar10": ("www.cs.toronto.edu", 443),
    "cifar100": ("www.cs.toronto.edu", 443),
    "svhn_cropped": ("ufldl.stanford.edu", 80),
    "celeb_a": ("drive.google.com", 443),
}
PREPARED_BY_TFDS = ("storage.googleapis.com", 443)  # where TFDS keeps copies of data sets
PORTS = {"http": 80, "https": 443, "ftp": 21}
SHOWN = 20  # configurations that a message lists
TIMEOUT = 4.0  # seconds until a host counts as out of reach


def download(name: str, check_features) -> Path:
    """Downloads and prepares a data set.

    Args:
        name: TFDS's name.
        check_features: called with the builder's features before anything is downloaded; raises what is wrong.

    Returns:
        The folder of the prepared version.

    Raises:
        ValueError: TFDS knows no such data set or configuration.
        UnavailableError: its host is out of reach, or the download failed.
    """
    known = HOSTS.get(name.partition("/")[0])
    if known:
        _check_reachable(name, known)
    import tensorflow_datasets as tfds

    _check_configuration(name)
    try:
        builder = tfds.builder(name, data_dir=root())
    except Exception as error:  # TFDS raises ValueError, RuntimeError and more, one of them for each kind of name
        raise ValueError(f"TensorFlow Datasets cannot make data set {name!r} ({_first_line(error)})") from error
    check_features(builder.info.features)
    if not known:
        _check_reachable(name, _host(builder))
    try:
        builder.download_and_prepare()
    except Exception as error:  # TFDS raises whatever its download raised
        message = f"{name} is not prepared and could not be downloaded ({_first_line(error)})"
        raise UnavailableError(message) from error
    return Path(builder.data_dir)


def reachable(host: str, port: int = 443) -> bool:
    """Whether a host answers within `TIMEOUT` seconds."""
    answered = threading.Event()

    def connect():
        with contextlib.suppress(OSError), socket.create_connection((host, port), TIMEOUT):
            answered.set()

    # A thread, because looking up a name has no time limit, and a connection's limit holds for each address of a host.
    thread = threading.Thread(target=connect, daemon=True)
    thread.start()
    thread.join(TIMEOUT)
    return answered.is_set()


def _check_configuration(name: str) -> None:
    """ValueError that lists what there is if a name has a configuration that its data set does not have."""
    import tensorflow_datasets as tfds

    base, _, configuration = name.partition("/")
    known = tfds.builder_cls(base).builder_configs if configuration else {}
    if configuration and configuration not in known:
        choices = ", ".join(list(known)[:SHOWN]) + (", ..." if len(known) > SHOWN else "") or "none"
        raise ValueError(f"data set {base!r} has no configuration {configuration!r}; it has {choices}")


def _check_reachable(name: str, address: tuple[str, int]) -> None:
    if not reachable(*address):
        raise UnavailableError(f"{name} is not prepared and {address[0]} is out of reach")


def _host(builder) -> tuple[str, int]:
    """Where a data set is downloaded from: the host of its first file that TFDS knows."""
    for url in builder.url_infos:
        parts = urlsplit(url)
        if parts.hostname:
            return parts.hostname, parts.port or PORTS.get(parts.scheme, 443)
    return PREPARED_BY_TFDS


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [""])[0] or type(error).__name__
