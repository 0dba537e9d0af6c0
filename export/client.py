"""A client of a served model: its signatures as Python functions from arrays to NumPy arrays.

    client = Client("http://localhost:8501", "cvae")   # REST
    client = Client("grpc://localhost:8500", "cvae")   # gRPC, needs pip install '.[serving]'
    image = client.sample(4, label=5, seed=0)          # float32 [4, H, W, C] in [0, 1]

The functions and their seeds are those of the Python models, so the answers are too; the shapes are the server's.
What a server answers is not believed: names, dtypes, shapes and numbers are those of the contract, or it is a
`ServingError`. TensorFlow is not imported.
"""

import contextlib

import numpy as np

from export import answers, transport
from export.answers import AnswerError, Deadline, LateError, ServingError
from export.tensors import cast
from tfgen import checks, inputs

__all__ = ["Client", "ServingError"]

ROWS_A_REQUEST = 256  # larger batches are sent in parts, rows being independent; of large images fewer
LONGEST = 86_400  # seconds
ORDER = ("latent_mean", "latent_stddev", "latent", "log_density", "logits", "elbo", "log_likelihood")  # of answers


class Client:
    """A model on a server.

    Args:
        url: http://HOST:PORT for REST, or grpc://HOST:PORT for gRPC.
        model: its name on the server.
        version: its number; None means the server's latest.
        version_label: a label of a version, such as stable, in place of its number (`export.rollout`).
        timeout: seconds that a request may take: connection, answer and its check together. A call that sends several
            requests has this time for each. A name that the system is slow to resolve may take longer over REST.
        classes: the names of the model's classes, in order (`classes` in the version's signatures.json), so that
            labels may be names. Without them a label is an int, and the server knows which there are.

    Every call raises ValueError or TypeError for what the model does not take, before anything is sent, and
    `ServingError` for what the server refuses, with its message, does not answer in time, or answers otherwise than
    the contract allows. A label that only the server can check raises ValueError with the answer. Redirects are not
    followed. A request whose connection is closed before an answer is sent again, three times in all.

    A client asks once which signatures there are. Make a new one if a label moves to a version with other shapes.

    A client is closed by `close()`, or at the end of a `with` block.
    """

    def __init__(
        self,
        url: str,
        model: str,
        *,
        version: int | None = None,
        version_label: str | None = None,
        timeout: float = 30.0,
        classes=None,
    ):
        if checks.in_range("timeout", timeout, 0, LONGEST) == 0:
            raise ValueError(f"timeout must be above 0 seconds, got {timeout}")
        self.model, self.timeout = model, float(timeout)
        self.classes = None if classes is None else checks.class_names(classes)
        self._transport = transport.connect(url, model, version, version_label)
        self._signatures = None
        self._closed = False

    def close(self) -> None:
        """Closes the connections. Whatever is asked later raises ValueError."""
        self._closed = True
        self._transport.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def signatures(self) -> dict:
        """Name -> {"inputs": {name: (dtype, shape)}, "outputs": {the same}}, as the server says; asked for once."""
        if self._signatures is None:
            with self._request() as deadline:
                self._signatures = answers.signatures(self._transport.signatures(deadline))
        return self._signatures

    def sample(self, n: int | None = None, *, label=None, digit=None, seed=None) -> np.ndarray:
        """Draws images.

        Args:
            n: how many; None means as many as there are labels, or one.
            label: for a conditional model, a class (an int, or a name if the client knows `classes`) or n of them.
            digit: the same as label.
            seed: an int, n row seeds, or None for fresh ones.

        Returns:
            float32 [n, H, W, C] in [0, 1].
        """
        label = self._label(label, digit)
        if n is None:
            n = 1 if inputs.label_count(label) is None else inputs.label_count(label)
        return self._ask("sample", inputs.row_seeds(seed, n).size, label, seed)["image"]

    def decode(self, latent, *, label=None, digit=None) -> np.ndarray:
        """Codes [B, Z] -> float32 images [B, H, W, C] in [0, 1]."""
        latent = inputs.latents(latent, self._shape("decode", "latent")[0])
        return self._ask("decode", len(latent), self._label(label, digit), latent=latent)["image"]

    def encode(self, image, *, label=None, digit=None, seed=None):
        """The code of images [B, H, W, C]: for most models (latent_mean, latent_stddev) of q(z|x), [B, Z] each.

        A model whose posterior is drawn from gives (latent [B, Z], its log-density [B]) from `seed`; one without a
        density over codes, or whose codes have no mean in closed form, gives its one array alone, latent or logits
        [B, Z].
        """
        return self._ask_image("encode", image, self._label(label, digit), seed)

    def reconstruct(self, image, *, label=None, digit=None) -> np.ndarray:
        """Images [B, H, W, C] as the model gives them back from their codes: float32 [B, H, W, C] in [0, 1]."""
        return self._ask_image("reconstruct", image, self._label(label, digit))

    def score(self, image, *, label=None, digit=None, seed=None):
        """Images [B, H, W, C] -> (elbo [B], log_likelihood [B]), nats; K is on the model's card.

        A model that knows log p(x) exactly takes no seed and gives log_likelihood [B] alone.
        """
        return self._ask_image("score", image, self._label(label, digit), seed)

    def discriminate(self, image) -> np.ndarray:
        """The discriminator's logit [B] of images [B, H, W, C]."""
        return self._ask_image("discriminate", image)

    def classify(self, image) -> np.ndarray:
        """The probabilities [B, classes] of the classes of images [B, H, W, C]."""
        return self._ask_image("classify", image)

    def complete(self, damaged, *, seed=None) -> np.ndarray:
        """Damaged images [B, ...] in [0, 1], -1 where a pixel is missing -> whole ones, float32 [B, H, W, C]."""
        damaged = np.asarray(damaged, np.float32)
        return self._ask("complete", len(damaged), None, seed, damaged=damaged)["image"]

    def predict(self, signature: str, tensors: dict) -> dict:
        """Any signature: named arrays of equal length -> its named arrays.

        Arrays are cast to the dtypes that the signature takes. Raises TypeError where numbers would change, and
        ValueError for other names and shapes.
        """
        outputs = self._specs(signature, "outputs")
        tensors = cast(signature, tensors, self._specs(signature))
        rows, most = (
            len(next(iter(tensors.values()))),
            answers.rows_a_request(self.signatures[signature], ROWS_A_REQUEST),
        )
        parts = [
            self._part(signature, {name: value[start : start + most] for name, value in tensors.items()})
            for start in range(0, rows, most)
        ]
        if not parts:
            return {name: np.zeros([0, *shape[1:]], dtype) for name, (dtype, shape) in outputs.items()}
        return {name: np.concatenate([part[name] for part in parts]) for name in outputs}

    def _part(self, signature: str, inputs: dict) -> dict:
        """What the server answers to one request."""
        expected = answers.expected(self._specs(signature, "outputs"), len(next(iter(inputs.values()))))
        with self._request() as deadline:
            answer = self._transport.predict(signature, inputs, expected, deadline)
            answers.check(answer, expected, inputs, self.classes)
        return answer

    @contextlib.contextmanager
    def _request(self):
        """One request and its answer, read and checked: its deadline, and whatever goes wrong as a ServingError."""
        if self._closed:
            raise ValueError("this client is closed")
        deadline, name = Deadline(self.timeout), self._transport.name
        try:
            yield deadline
            deadline.left()
        except LateError as late:
            raise ServingError(f"{name} does not answer within {self.timeout:g} s{late}") from None
        except AnswerError as error:
            raise ServingError(f"{name} {answers.without(str(error), self._transport.secrets)}") from None

    def _ask_image(self, signature: str, image, label=None, seed=None):
        """What a signature answers to images: its one output, or a tuple of them."""
        image = inputs.images(image, self._shape(signature, "image"))
        answer = self._ask(signature, len(image), label, seed, image=image)
        outputs = [answer[name] for name in ORDER if name in answer] or list(answer.values())
        return tuple(outputs) if len(outputs) > 1 else outputs[0]

    def _ask(self, signature: str, rows: int, label=None, seed=None, **tensors) -> dict:
        """What a signature answers to named arrays of `rows` rows, with a label and a seed if it takes them."""
        takes = self._specs(signature)
        if "seed" in takes:
            tensors["seed"] = inputs.row_seeds(seed, rows)
        elif seed is not None:
            raise TypeError(f"{signature} of {self.model} takes no seed, got seed={seed!r}")
        if "label" not in takes:
            if label is not None:
                raise TypeError(f"{signature} of {self.model} takes no label, got label={label!r}")
            return self.predict(signature, tensors)
        tensors["label"] = inputs.labels(label, rows, self.classes, self.model)
        answer = self.predict(signature, tensors)
        if len(unknown := np.unique(tensors["label"][answers.blank(answer, rows)])):
            raise ValueError(f"{self.model} on this server has no class {', '.join(map(str, unknown))}")
        return answer

    def _label(self, label, digit):
        """The label, under either of its two names. Raises TypeError for both, and for digits of other classes."""
        if digit is None:
            return label
        if label is not None:
            raise TypeError(f"label= and digit= are the same argument, got label={label!r} and digit={digit!r}")
        if self.classes not in (None, inputs.DIGITS):
            raise TypeError(f"the classes of {self.model} are not digits, use label=; got digit={digit!r}")
        return digit

    def _shape(self, signature: str, name: str) -> list[int]:
        """The shape of one row of an input."""
        takes = self._specs(signature)
        if name not in takes:
            raise ValueError(f"{signature} of {self.model} takes no {name}; it takes {', '.join(sorted(takes))}")
        return takes[name][1][1:]

    def _specs(self, signature: str, side: str = "inputs") -> dict:
        if signature not in self.signatures:
            raise ValueError(f"{self.model} has no {signature}; it has {', '.join(sorted(self.signatures))}")
        return self.signatures[signature][side]
