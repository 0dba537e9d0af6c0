"""`python -m export.play ENTRY_OR_RUN`: a page in the browser where you change a model's code and see its image.

With `--to page.html` the page is one file that needs no server and no network: the browser computes the model, with its
weights in half precision. With `--url` a server computes it, TensorFlow Serving's or any that answers as it does.
"""

import contextlib
import json
import threading
import webbrowser
from pathlib import Path

import numpy as np

from tfgen import commandline

NAME = "python -m export.play"
MOST = 2**24  # bytes of a request of the page's
CLASSES = 256  # that a server is asked for
DRAWN = 64  # samples of a server that are encoded, to see where its codes lie


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    commandline.run(play, arguments, NAME)


def play(
    entry_or_run: str,
    /,
    *,
    to: Path | None = None,
    url: str = "",
    port: int = 0,
    no_browser: bool = False,
    register: commandline.Modules = (),
) -> None:
    """Opens a page where you change a model's code and see its image change, or writes that page as one file.

    Args:
        entry_or_run: an entry with shipped weights, such as vae, or a run directory; with --url the name of a model on
            that server.
        to: the HTML file to write instead. It opens by double-click and needs no server.
        url: http://HOST:PORT or grpc://HOST:PORT of a server that computes the model, such as TensorFlow Serving.
        port: the port of the page's own server, which only this machine can reach; by default a free one.
        no_browser: does not open a browser.
        register: a module of another package that defines the model, such as my_pkg.gmvae.
    """
    with commandline.bad_input():
        if to is not None:
            check_new(to)
            if url:
                raise ValueError("--to writes a page that needs no server, --url names one; give one of the two")
    made = of_server(url, entry_or_run) if url else of_model(entry_or_run, register, to)
    if to is None:
        serve(made, port, no_browser)
        return
    try:
        to.write_text(made.text, encoding="utf-8")
    except OSError as error:
        commandline.fail(f"{str(to)!r} cannot be written: {error.strerror}", commandline.NOT_WRITTEN)
    print(f"{to}  {to.stat().st_size / 1e6:.1f} MB, opens in any browser")


class Page:
    """The page, and what computes for it where it does not compute itself: what a `http.Server` serves.

    Args:
        text: the HTML.
        decode: a function of a code [1, Z] and a label, to numbers.
        encode: a function of an image [1, H, W, C] and a label, to a code.
        shapes: "latent" and "image" -> the shape of each.
    """

    def __init__(self, text: str, decode=None, encode=None, shapes=None):
        self.text, self._functions, self._shapes = text, {"/decode": decode, "/encode": encode}, shapes
        self._lock = threading.Lock()

    def respond(self, method: str, path: str, body: bytes) -> tuple[int, str, bytes]:
        """The status, the content type and the body of the answer to a request."""
        from export.server import tensors
        from export.server.refusals import Refusal

        if method in ("GET", "HEAD") and path in ("/", "/index.html"):
            return 200, "text/html; charset=utf-8", self.text.encode()
        function = self._functions.get(path)
        if method != "POST" or function is None:
            raise Refusal(f"there is no {path}", "NOT_FOUND")
        request = tensors.parse(body)
        key = "latent" if path == "/decode" else "image"
        shape, label = self._shapes[key], request.get("label", 0)
        try:
            values = np.asarray(request.get(key), np.float32).reshape([1, *shape])
            label = int(label)
        except (TypeError, ValueError):
            raise Refusal(f"{key} must be {int(np.prod(shape))} numbers, and label one") from None
        try:
            with self._lock:
                answer = np.ravel(function(values, label))
        except (ValueError, RuntimeError) as error:
            raise Refusal(str(error), "UNAVAILABLE") from None
        return 200, "application/json", json.dumps({"values": answer.tolist()}).encode()


def check_code(name: str) -> None:
    """Raises ValueError for the name of an entry whose models have no code, trained or not."""
    from tfgen.storage import entries

    if name in entries.entries() and not hasattr(build := entries.module(name).build, "decode"):
        raise ValueError(without_code(build()))


def without_code(model) -> str:
    """Why there is no page of a model."""
    from tfgen.models import abilities

    return f"there is no code to move: {abilities.reason(model, 'decode')}"


def of_model(entry_or_run: str, register, to: Path | None) -> Page:
    """The page of an entry or a run: the browser computes it where it can, else this process."""
    from tfgen.storage import entries, loading

    with commandline.bad_input():
        for module in register:
            entries.announce(module)
        try:
            loading.find(entry_or_run)  # is refused without TensorFlow
        except ValueError:
            check_code(entry_or_run)  # training it would not help
            raise
        model = loading.load(entry_or_run)
        if "decode" not in model.signatures():
            raise ValueError(without_code(model))

    from export.page import facts, program, text
    from tfgen.quiet import tf

    found = facts.of(model, entry_or_run)
    try:
        programs, blob = program.packed(facts.programs(model))
    except ValueError as error:
        if to is not None:
            commandline.fail(
                f"{entry_or_run} does not fit into a page: {error}; without --to a local server computes it"
            )
        print(f"{entry_or_run} does not fit into a page: {error}; this process computes it")
    else:
        about = "computed by this page, weights in half precision"
        return Page(text.page(found | {"by": about}, programs, blob))

    def condition(label) -> dict:
        return {"label": tf.constant([label], tf.int64)} if model.conditional else {}

    def decode(latent, label):
        return model.image_mean(tf.constant(latent), **condition(label)).numpy()

    def encode(image, label):
        return np.asarray(model.code(tf.constant(image), **condition(label)))

    shapes = {"latent": [model.latent_dim], "image": list(model.image_shape)}
    content = text.page(found | {"by": "computed by python -m export.play"})
    return Page(content, decode, encode if found["encodes"] else None, shapes)


def of_server(url: str, name: str) -> Page:
    """The page of a model that a server computes. Ends the process where the server has none with a code."""
    from export import rest
    from export.client import Client, ServingError

    try:
        client = Client(url, name)
        signatures = client.signatures
        if "decode" not in signatures:
            raise ValueError(f"{name} on {rest.without_user(url)} has no code to move: it has {', '.join(signatures)}")
        inputs = signatures["decode"]["inputs"]
        dim, shape = inputs["latent"][1][1], signatures["decode"]["outputs"]["image"][1][1:]
        conditional = "label" in inputs
        classes = known_classes(client, dim) if conditional else []
    except (ServingError, ValueError, ImportError) as error:
        commandline.fail(error)

    from export.page import facts, text

    def labels(rows: int, label) -> dict:
        return {"label": np.broadcast_to(np.int64(label), rows)} if conditional else {}

    def decode(latent, label):
        return client.predict("decode", {"latent": latent, **labels(len(latent), label)})["image"]

    takes = signatures.get("encode", {"inputs": {}, "outputs": {}})
    code = next((key for key in ("latent_mean", "latent") if key in takes["outputs"]), "")

    def encode(image, label):
        seed = {"seed": np.zeros(len(image), np.int64)} if "seed" in takes["inputs"] else {}
        return client.predict("encode", {"image": image, **labels(len(image), label), **seed})[code]

    try:
        if code and "sample" in signatures:  # a server does not tell the prior, but draws images from it
            seeds = np.arange(DRAWN)
            label = seeds % max(1, len(classes))
            codes = encode(client.predict("sample", {"seed": seeds, **labels(DRAWN, label)})["image"], label)
            draws = {"draws": facts.as_base64(codes)}
        else:
            codes = np.random.default_rng(0).standard_normal((facts.SEEDS, dim)).astype(np.float32)
            draws = {"draws": "", "normal": True, "start": [0.0] * dim}
        found = facts.described(decode, codes, shape, classes) | draws
    except ServingError as error:
        commandline.fail(error)
    found |= {"name": name, "encodes": bool(code)}
    found |= {"python": f"Client({rest.without_user(url)!r}, {name!r})", "imports": "from export.client import Client"}
    content = text.page(found | {"by": f"computed by {rest.without_user(url)}"})
    return Page(content, decode, encode if code else None, {"latent": [dim], "image": shape})


def known_classes(client, dim: int) -> list[str]:
    """The numbers of the classes that a server's model knows: a label of none is answered with NaN."""
    label = np.arange(CLASSES)
    answer = client.predict("decode", {"latent": np.zeros((CLASSES, dim), np.float32), "label": label})["image"]
    unknown = np.isnan(answer).reshape(CLASSES, -1).all(1)
    return [str(number) for number in range(int(unknown.argmax()) if unknown.any() else CLASSES)]


def serve(page: Page, port: int, no_browser: bool) -> None:
    """Serves a page to this machine until Ctrl-C, and opens it."""
    from export.server import http

    try:
        server = http.Server(("127.0.0.1", port), page, largest=MOST)
    except (OSError, OverflowError) as error:
        commandline.fail(f"cannot listen on port {port}: {getattr(error, 'strerror', None) or error}")
    server.server_activate()
    address = f"http://127.0.0.1:{server.server_port}/"
    print(f"{address}  Ctrl-C stops it", flush=True)
    if not no_browser:
        with contextlib.suppress(webbrowser.Error):
            webbrowser.open(address)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        print("\nstopped")
    finally:
        server.server_close()


def check_new(path: Path) -> None:
    """Raises ValueError unless an HTML file can be made at `path`."""
    if path.suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"to must end in .html, got {str(path)!r}")
    if path.exists():
        raise ValueError(f"{str(path)!r} exists already; name another file, or remove it")
    if not path.parent.is_dir():
        raise ValueError(f"directory {str(path.parent)!r} does not exist")


if __name__ == "__main__":
    main()
