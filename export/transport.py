"""How a request reaches TensorFlow Serving: JSON over REST (export.rest), or protocol buffers over gRPC (export.rpc).

A transport has a `name`, the server's address without user and password, `secrets`, texts that must not be shown, and

    signatures(deadline)                             what the server says it serves, as the JSON of a SignatureDefMap
    predict(signature, inputs, expected, deadline)   the named arrays of an answer, from named arrays
    close()

It reads no more than `expected` says, name -> (dtype, shape), and raises `LateError` at the deadline and `AnswerError`
for what it cannot read. Whether that is an answer which the contract allows is for export.answers to say.
"""

import contextlib

from export import labels, limits
from export.rest import Rest, without_user
from export.rpc import Grpc
from tfgen import checks


def connect(url: str, model: str, version: int | None = None, label: str | None = None):
    """The transport that a URL names: http(s)://HOST:PORT for REST, grpc://HOST:PORT for gRPC.

    Raises:
        ValueError, TypeError: another URL, no name of a model, no version or no label, or both. ImportError: gRPC is
            not installed.
    """
    if not isinstance(model, str) or model in ("", ".", "..") or not _is_unicode(model):
        raise ValueError(f"model must be the name of a model, got {model!r}")
    if version is not None and checks.positive_int("version", version, 0) > limits.VERSION:
        raise ValueError(f"version must be below 2**63, got {version}")
    if label is not None:
        if not isinstance(label, str):
            raise TypeError(f"version_label must be a label such as 'stable', got {label!r}")
        labels.check(label)
        if version is not None:
            raise ValueError(f"give version or version_label, not both; got {version} and {label!r}")
    scheme, _, address = url.partition("://") if isinstance(url, str) else ("", "", "")
    wrong = not address or any(not each.isprintable() or each in "?# " for each in url)
    with contextlib.suppress(ValueError):  # as are the errors of requests
        if scheme in ("http", "https") and not wrong:
            return Rest(url.rstrip("/"), model, version, label)
        if scheme == "grpc" and not wrong and "@" not in address:  # it knows no users
            return Grpc(address.rstrip("/"), model, version, label)
    shown = without_user(url) if isinstance(url, str) else url
    raise ValueError(f"url must be http://HOST:PORT or grpc://HOST:PORT, got {shown!r}")


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
