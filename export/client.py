"""A client of a served model: its signatures as Python functions from arrays to NumPy arrays.

    client = Client("http://localhost:8501", "cvae")   # REST
    client = Client("grpc://localhost:8500", "cvae")   # gRPC, needs pip install "tfgen[serving]"
    image = client.sample(4, digit=5, seed=0)          # float32 [4, 28, 28, 1] in [0, 1]

The functions and their seeds are those of the Python models, so the answers are too. TensorFlow is not imported.
"""

import secrets

import numpy as np

from export import transport
from export.contract import CLASSES, IMAGE_SHAPE
from export.transport import ServingError

__all__ = ["Client", "ServingError", "row_seeds"]

ROWS_A_REQUEST = 256  # larger batches are sent in parts, rows being independent
SEED_STRIDE, SEED_LIMIT, SYSTEM_LIMIT = 2**20, 2**43, 2**53  # as in tfgen.seeds, which needs TensorFlow


class Client:
    """A model on a server.

    Args:
        url: http://HOST:PORT for REST, or grpc://HOST:PORT for gRPC.
        model: its name on the server.
        version: its number; None means the server's latest.
        timeout: seconds that a request may take.

    Every call raises ValueError or TypeError for what the model does not take, before anything is sent, and
    `ServingError` with the server's message for what the server refuses or does not answer in time.
    """

    def __init__(self, url: str, model: str, *, version: int | None = None, timeout: float = 30.0):
        if not timeout > 0:
            raise ValueError(f"timeout must be above 0 seconds, got {timeout}")
        self.model = model
        self._transport = transport.connect(url, model, version, timeout)
        self._signatures = None

    @property
    def signatures(self) -> dict:
        """Name -> {"inputs": {name: (dtype, shape)}, "outputs": {the same}}, as the server says; asked for once."""
        if self._signatures is None:
            listed = self._transport.signatures()
            self._signatures = {name: sides for name, sides in listed.items() if not name.startswith("__")}
        return self._signatures

    def sample(self, n: int = 1, *, digit=None, seed=None) -> np.ndarray:
        """Draws n images; `digit` for a conditional model, `seed` an int, n row seeds, or None for fresh ones.

        Returns:
            float32 [n, 28, 28, 1] in [0, 1].
        """
        return self._ask("sample", row_seeds(seed, n).size, digit, seed=row_seeds(seed, n))["image"]

    def decode(self, latent, *, digit=None) -> np.ndarray:
        """Codes [B, Z] -> float32 images [B, 28, 28, 1] in [0, 1]."""
        latent = np.asarray(latent, np.float32)
        _, (_, dim) = self._specs("decode")["latent"]
        if latent.ndim != 2 or latent.shape[1] != dim:
            raise ValueError(f"latent must have shape [B, {dim}], got {list(latent.shape)}")
        if not np.isfinite(latent).all():
            raise ValueError("latent must be finite, got NaN or infinity")
        return self._ask("decode", len(latent), digit, latent=latent)["image"]

    def encode(self, image, *, digit=None, seed=None) -> tuple:
        """Images [B, 28, 28, 1] -> (mean, stddev) of q(z|x), [B, Z] each.

        A model whose posterior is drawn from (iaf_vae) gives (latent [B, Z], its log-density [B]) from `seed`.
        """
        image = images(image)
        drawn = "seed" in self._specs("encode")
        if seed is not None and not drawn:
            raise TypeError(f"{self.model} encodes without a seed, got seed={seed!r}")
        seeded = {"seed": row_seeds(seed, len(image))} if drawn else {}
        answer = self._ask("encode", len(image), digit, image=image, **seeded)
        names = ("latent", "log_density") if drawn else ("latent_mean", "latent_stddev")
        return tuple(answer[name] for name in names)

    def reconstruct(self, image, *, digit=None) -> np.ndarray:
        """The mean of p(x|z) at the posterior's mean: images [B, 28, 28, 1] -> float32 [B, 28, 28, 1] in [0, 1]."""
        image = images(image)
        return self._ask("reconstruct", len(image), digit, image=image)["image"]

    def score(self, image, *, digit=None, seed=None) -> tuple:
        """Images [B, 28, 28, 1] -> (elbo [B], log_likelihood [B]), nats; K is on the model's card."""
        image = images(image)
        answer = self._ask("score", len(image), digit, image=image, seed=row_seeds(seed, len(image)))
        return answer["elbo"], answer["log_likelihood"]

    def discriminate(self, image) -> np.ndarray:
        """The discriminator's logit [B] of images [B, 28, 28, 1]."""
        image = images(image)
        return self._ask("discriminate", len(image), None, image=image)["logit"]

    def predict(self, signature: str, inputs: dict) -> dict:
        """Any signature: named arrays of equal length, exactly as it takes them -> its named arrays."""
        outputs = self._specs(signature, "outputs")
        rows = len(next(iter(inputs.values())))
        parts = [
            self._transport.predict(
                signature, {name: value[start : start + ROWS_A_REQUEST] for name, value in inputs.items()}, outputs
            )
            for start in range(0, rows, ROWS_A_REQUEST)
        ]
        if not parts:
            return {name: np.zeros([0, *shape[1:]], dtype) for name, (dtype, shape) in outputs.items()}
        return {name: np.concatenate([part[name] for part in parts]) for name in outputs}

    def _ask(self, signature: str, rows: int, digit, **inputs) -> dict:
        if "digit" in self._specs(signature):
            inputs["digit"] = digits(digit, rows, self.model)
        elif digit is not None:
            raise TypeError(f"{signature} of {self.model} takes no digit, got digit={digit!r}")
        return self.predict(signature, inputs)

    def _specs(self, signature: str, side: str = "inputs") -> dict:
        if signature not in self.signatures:
            raise ValueError(f"{self.model} has no {signature}; it has {', '.join(sorted(self.signatures))}")
        return self.signatures[signature][side]


def row_seeds(seed, n: int) -> np.ndarray:
    """The seeds of n rows, int64 [n], as `tfgen.row_seeds` gives them: row i of an int gets seed * 2**20 + i.

    Raises:
        TypeError: n or seed is no integer. ValueError: one of them is out of range, or an array is not of shape [n].
    """
    if isinstance(n, bool) or not isinstance(n, int | np.integer):
        raise TypeError(f"n must be an int, got {n!r}")
    if not 0 <= n <= SEED_STRIDE:
        raise ValueError(f"n must lie in 0..{SEED_STRIDE}, got {n}")
    if seed is None:
        return np.array([secrets.randbelow(SYSTEM_LIMIT) for _ in range(n)], np.int64)
    array = np.asarray(seed)
    if array.dtype.kind not in "iu":
        raise TypeError(f"seed must be an int, an integer array of shape [{n}] or None, got {seed!r}")
    if array.ndim:
        if array.shape != (n,):
            raise ValueError(f"an array of row seeds must have shape [{n}], one seed a row, got {list(array.shape)}")
        return array.astype(np.int64)
    if not 0 <= int(array) < SEED_LIMIT:
        raise ValueError(f"seed must lie in 0..2**43 - 1, got {seed}")
    return int(array) * SEED_STRIDE + np.arange(n, dtype=np.int64)


def images(image) -> np.ndarray:
    """Images as float32 [B, 28, 28, 1] in [0, 1], from uint8 in 0..255, bool, or floats in [0, 1].

    Raises:
        TypeError: another dtype. ValueError: another shape, or values out of range.
    """
    array = np.asarray(image)
    if array.dtype.kind not in "fb" and array.dtype != np.uint8:
        raise TypeError(f"image must be uint8 in 0..255, bool, or float in [0, 1]; got dtype {array.dtype}")
    if array.shape[1:] != IMAGE_SHAPE:
        raise ValueError(f"image must have shape [B, 28, 28, 1], got {list(array.shape)}")
    if array.dtype == np.uint8:
        return array.astype(np.float32) / np.float32(255)
    if array.size and not (array.min() >= 0 and array.max() <= 1):
        raise ValueError(f"float images must lie in [0, 1], got values in [{array.min():g}, {array.max():g}]")
    return array.astype(np.float32)


def digits(digit, n: int, model: str) -> np.ndarray:
    """The digits of n rows as int64 [n], from an int in 0..9 or n of them.

    Raises:
        TypeError: none given, or no integers. ValueError: one outside 0..9, or another count than n.
    """
    if digit is None:
        raise TypeError(f"{model} needs digit=, an int in 0..9 or {n} of them")
    array = np.asarray(digit)
    if array.dtype.kind not in "iu":
        raise TypeError(f"digit must be an int in 0..9 or {n} of them, got {digit!r}")
    if array.ndim > 1 or (array.ndim == 1 and len(array) != n):
        raise ValueError(f"digit must be one int in 0..9 or {n} of them, got shape {list(array.shape)}")
    wrong = array[(array < 0) | (array >= CLASSES)]
    if wrong.size:
        raise ValueError(f"digit must lie in 0..9, got {wrong.flat[0]}")
    return np.broadcast_to(array, [n]).astype(np.int64)
