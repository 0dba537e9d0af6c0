"""TensorFlow Serving's REST interface: a request's tensors as whole columns of JSON."""

import base64
import itertools
import json
import math
import re
from http.client import HTTPException, RemoteDisconnected
from urllib.parse import quote, urlsplit

import numpy as np
import requests
import urllib3
from requests.utils import select_proxy

from export import answers, wire
from export.answers import AnswerError, Deadline, LateError, said

DIGITS, BRACKETS = 48, 16  # bytes that a number, and a list, takes at most, with spaces and commas
ERROR = 2**16  # bytes of an error message that are read
RETRIES = urllib3.Retry(  # after a closed connection only: every request is idempotent
    total=2, connect=0, read=2, redirect=0, status=0, other=0, allowed_methods=None, respect_retry_after_header=False
)


class Rest:
    """The interface at a URL.

    Attributes:
        name: the URL of the model, without user and password.
        secrets: texts that must not stand in a message.
    """

    def __init__(self, url: str, model: str, version: int | None = None, label: str | None = None):
        path = f"/v1/models/{quote(model, safe='')}"
        path += f"/versions/{version}" if version is not None else f"/labels/{label}" if label is not None else ""
        self.session = requests.Session()
        self.session.headers["Accept-Encoding"] = "identity"  # what is compressed has no known size
        for scheme in ("http://", "https://"):
            self.session.mount(scheme, wire.Adapter(pool_maxsize=32, max_retries=RETRIES))
        self.url = url + path
        self.name = without_user(self.url)
        request = self.session.prepare_request(requests.Request("GET", self.url))  # raises for what is not a URL
        self.secrets = _secrets(url, request.headers.get("Authorization", ""))

    def signatures(self, deadline: Deadline) -> dict:
        """What the server says it serves, unchecked: the JSON form of a SignatureDefMap."""
        return listing(self._ask("GET", "/metadata", answers.LISTING, deadline))

    def predict(self, signature: str, inputs: dict, expected: dict, deadline: Deadline) -> dict:
        """Sends named arrays; the answer's, by name -> (dtype, shape) that are expected."""
        columns = {name: value.tolist() for name, value in inputs.items()}
        body = json.dumps({"signature_name": signature, "inputs": columns}, allow_nan=False).encode()
        return arrays(self._ask("POST", ":predict", largest(expected), deadline, body), expected)

    def close(self) -> None:
        """Closes the connections."""
        self.session.close()

    def _ask(self, method: str, path: str, size: int, deadline: Deadline, body: bytes | None = None) -> bytearray:
        """The body of an answer of status 200. Raises AnswerError for any other, LateError."""
        headers = {"Content-Type": "application/json"} if body else {}
        request = self.session.prepare_request(requests.Request(method, self.url + path, headers, data=body))
        settings = self.session.merge_environment_settings(request.url, {}, True, None, None)
        proxy = select_proxy(self.url, settings["proxies"])
        through = f" (through the proxy {without_user(proxy)})" if proxy else ""
        try:
            with wire.limits(deadline, max(size, ERROR)):
                # the session itself would read, and decompress, what a redirect holds
                reply = self.session.get_adapter(request.url).send(request, timeout=deadline.left(), **settings)
                try:
                    return self._body(reply, size)
                finally:
                    reply.close()
        except LateError:
            raise LateError(through) from None
        except AnswerError as error:
            raise AnswerError(f"{error}{through}") from None
        except (requests.RequestException, urllib3.exceptions.HTTPError, HTTPException, OSError, ValueError) as error:
            deadline.left()
            raise AnswerError(_failure(error, through)) from None

    def _body(self, reply, size: int) -> bytearray:
        """The body of an answer, which has `size` bytes at most."""
        encoding, length = (reply.headers.get(name, "") for name in ("Content-Encoding", "Content-Length"))
        if reply.is_redirect or 300 <= reply.status_code < 400:
            place = without_user(reply.headers.get("Location", "nowhere"))
            raise AnswerError(f"answers {reply.status_code}, a redirect to {said(place)}, which is not followed")
        if encoding.lower() not in ("", "identity"):
            raise AnswerError(f"answers what is compressed by {said(encoding, 30)}, which was not asked for")
        if reply.status_code == 200 and length.isdecimal() and int(length[:20]) > size:
            raise AnswerError(f"answers {said(length, 30)} bytes, where {size} are expected at most")
        body = bytearray()
        while len(body) <= size and (part := reply.raw.read(2**16, decode_content=False)):
            body += part
            if reply.status_code != 200 and len(body) >= ERROR:
                break
        if reply.status_code != 200:
            raise AnswerError(f"answers {reply.status_code}: {said(_message(bytes(body)) or reply.reason)}")
        if len(body) > size:
            raise AnswerError(f"answers more than the {size} bytes that are expected")
        return body


def listing(body: bytes | bytearray) -> dict | None:
    """The JSON form of a SignatureDefMap, where an answer has one."""
    metadata = parsed(body).get("metadata")
    return metadata.get("signature_def") if isinstance(metadata, dict) else None


def largest(expected: dict) -> int:
    """The bytes that an answer takes at most."""
    numbers = sum(math.prod(shape) for _, shape in expected.values())
    return DIGITS * numbers + BRACKETS * sum(_lists(shape) for _, shape in expected.values()) + 2**12


def arrays(body: bytes | bytearray, expected: dict) -> dict:
    """The named arrays of an answer, {"outputs": ...}, by name -> (dtype, shape) that are expected.

    Its brackets, commas and quotes are counted before it is parsed, so that no more is made of it than is expected.
    """
    numbers, lists = (sum(count(shape) for _, shape in expected.values()) for count in (math.prod, _lists))
    few = 64 + 4 * len(expected)
    for mark, most in ((b"[", lists), (b"{", 8), (b'"', few), (b",", numbers + lists + few)):
        if (count := body.count(mark)) > most:
            raise AnswerError(f"answers JSON with {count} of {mark.decode()!r}, where {most} are expected at most")
    if not body.isascii() and all(map(str.isascii, expected)):  # such text takes four bytes a character
        raise AnswerError("answers JSON that is not ASCII")
    answer = parsed(body)
    if "outputs" not in answer:
        raise AnswerError(f"answers no outputs, but {said(', '.join(answer)) or 'nothing'}")
    outputs = answer["outputs"]
    if len(expected) == 1:  # the server leaves out the name of a single output
        outputs = dict.fromkeys(expected, outputs)
    if not isinstance(outputs, dict):
        raise AnswerError("answers outputs without names")
    answers.check_names(outputs, expected)
    return {name: _array(name, outputs[name], *expected[name]) for name in expected}


def parsed(body: bytes | bytearray) -> dict:
    """The object that JSON holds. Raises AnswerError for anything else, and for the server's own errors."""
    try:
        answer = json.loads(body.decode())
    except (ValueError, RecursionError) as error:
        raise AnswerError(f"answers no JSON ({said(error, 80)})") from None
    if not isinstance(answer, dict):
        raise AnswerError("answers JSON that is not an object")
    if "error" in answer:
        raise AnswerError(f"answers an error: {said(answer['error'])}")
    return answer


def without_user(url: str) -> str:
    """A URL as it may stand in a message: without user and password."""
    return re.sub(r"^([a-z][a-z0-9+.-]*://)?.*@", r"\1", url, flags=re.DOTALL | re.IGNORECASE)


def _array(name: str, value, dtype, shape) -> np.ndarray:
    """Nested lists of numbers as an array of a shape; of integers, if that is its dtype."""
    level = [value]
    for size in shape:
        if set(map(type, level)) != {list} or set(map(len, level)) != {size}:
            raise AnswerError(f"answers {name} in another shape than {list(shape)}")
        level = list(itertools.chain.from_iterable(level))
    kinds = {int} if dtype.kind == "i" else {int, float}
    if wrong := set(map(type, level)) - kinds:
        raise AnswerError(f"answers {name} with {sorted(kind.__name__ for kind in wrong)[0]} for {dtype}")
    try:
        with np.errstate(over="ignore"):  # infinity, which is refused later
            return np.array(level, dtype).reshape(shape)
    except OverflowError:
        raise AnswerError(f"answers {name} with integers beyond {dtype}") from None


def _lists(shape) -> int:
    """The lists that an array of a shape is nested in."""
    return sum(math.prod(shape[:axis]) for axis in range(len(shape)))


def _message(body: bytes) -> str:
    """The message of an error answer: that of the server's JSON, or its text."""
    text = body.decode(errors="replace")
    try:
        return json.loads(text)["error"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return text


def _secrets(url: str, authorization: str) -> list[str]:
    """What must not stand in a message: the password as it is sent, as it is meant, and as the URL has it."""
    token = authorization.rpartition(" ")[2]
    meant = base64.b64decode(token).decode("latin-1").partition(":")[2]
    return sorted(filter(None, {token, meant, urlsplit(url).password}), key=len, reverse=True)


def _failure(error: BaseException, through: str) -> str:
    """What is at the bottom of an exception of requests or urllib3, in the words of the system where it has any."""
    for _ in range(8):
        inner = [getattr(error, "reason", None), *reversed(error.args)]
        deeper = next((each for each in inner if isinstance(each, BaseException)), None)
        if deeper is None:
            break
        error = deeper
    words = re.sub(r"^\[SSL: \w+\] ", "", str(error))
    reason = said(words.rpartition(": ")[2] or type(error).__name__)
    if "wrong version number" in words:  # what follows https:// is no TLS
        reason = "the server answers without TLS, try http://"
    if isinstance(error, HTTPException) and not isinstance(error, RemoteDisconnected):
        return f"answers no whole HTTP message{through}: {reason}"
    return f"cannot be reached{through}: {reason}"
