"""Downloads: what is out of reach is said within seconds, and what fails in one line."""

import socket
import threading
import time

import pytest
import tensorflow_datasets as tfds

from tfgen import data
from tfgen.data import download, names


class Builder:
    """What TFDS makes of the name of a data set, as far as a download needs it."""

    url_infos = ()

    def __init__(self, features, failure=None, urls=()):
        self.info = type("Info", (), {"features": tfds.features.FeaturesDict(features)})()
        self.failure, self.url_infos, self.downloads = failure, urls, 0

    def download_and_prepare(self):
        self.downloads += 1
        raise self.failure


IMAGES = {"image": tfds.features.Image(shape=(32, 32, 3))}


@pytest.fixture
def asked(monkeypatch):
    """The addresses whose reachability is asked for; all are reachable."""
    addresses = []
    monkeypatch.setattr(download, "reachable", lambda *address: addresses.append(address) or True)
    return addresses


def put(monkeypatch, builder):
    monkeypatch.setattr(tfds, "builder", lambda name, data_dir: builder)
    return builder


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist", "kmnist", "emnist/digits", "cifar10", "dtd"])
def test_named_data_set_never_falls_back(name, nothing_prepared):
    host = download.HOSTS.get(name.partition("/")[0], ("www.robots.ox.ac.uk",))[0]
    start = time.monotonic()
    with pytest.raises(data.UnavailableError, match=f"^{name} is not prepared and {host} is out of reach$"):
        data.load(name)
    assert time.monotonic() - start < 10


def test_default_falls_back_to_the_embedded_digits_and_says_so(nothing_prepared):
    dataset, reason = data.load_or_embedded()
    assert dataset.name == "digits"
    assert "mnist is not prepared" in reason
    assert "embedded digits" in reason
    assert "\n" not in reason
    assert data.load_or_embedded(image_size=32, channels=3)[0].image_shape == (32, 32, 3)


def test_failed_download_is_told_in_one_line(nothing_prepared, asked, monkeypatch):
    put(monkeypatch, Builder(IMAGES, RuntimeError("disk full\nand more")))
    with pytest.raises(data.UnavailableError, match=r"could not be downloaded \(disk full\)$"):
        data.load("mnist")


@pytest.mark.parametrize(
    ("urls", "address"),
    [
        (["http://www.example.org/a.zip"], ("www.example.org", 80)),
        (["ftp://me:secret@www.example.org/a.zip"], ("www.example.org", 21)),
        ([], ("storage.googleapis.com", 443)),
    ],
)
def test_host_is_the_one_that_tfds_downloads_from(nothing_prepared, asked, monkeypatch, urls, address):
    put(monkeypatch, Builder(IMAGES, RuntimeError("no"), urls))
    with pytest.raises(data.UnavailableError):
        data.load("dtd")
    assert asked == [address]


def test_data_without_images_are_not_downloaded(nothing_prepared, asked, monkeypatch):
    builder = put(monkeypatch, Builder({"text": tfds.features.Text()}))
    with pytest.raises(ValueError, match=r"'dtd' has no images under 'image'; it has text"):
        data.load("dtd")
    assert builder.downloads == 0


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("eurosat/none", r"^data set 'eurosat' has no configuration 'none'; it has rgb, all$"),
        ("mnist_corrupted/none", r"it has identity, shot_noise, .*$"),
        ("lfw/none", r"^data set 'lfw' has no configuration 'none'; it has none$"),
    ],
)
def test_unknown_configuration_is_refused_with_the_choices(nothing_prepared, asked, name, words):
    with pytest.raises(ValueError, match=words):
        data.load(name)


@pytest.mark.parametrize("failure", [ValueError("no\nsuch thing"), RuntimeError("no\nsuch thing")])
def test_what_tfds_cannot_make_is_one_line(nothing_prepared, asked, monkeypatch, failure):
    def builder(name, data_dir):
        raise failure

    monkeypatch.setattr(tfds, "builder", builder)
    with pytest.raises(ValueError, match=r"cannot make data set 'dtd' \(no\)$"):
        data.load("dtd")


def test_host_that_does_not_answer_is_given_up(monkeypatch):
    """Names that never resolve and packets that vanish, on however many addresses, count as out of reach."""
    done = threading.Event()

    def hang(*arguments, **options):
        done.wait(30)
        raise OSError("timed out")

    monkeypatch.setattr("socket.create_connection", hang)
    monkeypatch.setattr(download, "TIMEOUT", 0.2)
    start = time.monotonic()
    reachable = download.reachable("example.org")
    elapsed = time.monotonic() - start
    done.set()
    assert not reachable
    assert elapsed < 15


def test_host_that_answers_is_reachable(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as server:
        connect = socket.create_connection
        monkeypatch.setattr("socket.create_connection", lambda address, *rest: connect(server.getsockname(), *rest))
        assert download.reachable("example.org")


def test_published_names_and_hosts_are_those_of_tfds(tmp_path):
    """TFDS knows every name in the list; the hosts are in its own addresses of files."""
    assert set(tfds.list_builders()) >= names.PUBLISHED
    for name, (host, port) in download.HOSTS.items():
        builder = tfds.builder(name, data_dir=tmp_path)
        assert isinstance(builder.info.features["image"], tfds.features.Image)
        scheme = {80: "http", 443: "https"}[port]
        assert any(url.startswith(f"{scheme}://{host}/") for url in builder.url_infos), name
