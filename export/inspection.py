"""What is checked of a version before any of it runs: files, contract, graph, weights, requests, records, card.

Each check reads from a private copy, and the first that fails must be the last. What passes them holds one graph of
known operations, whose every node is there for a known reason, and files no larger than the contract lets expect.
"""

import re
import zlib
from pathlib import Path

import numpy as np

from export import checkpoint, contract, golden, graph, library, limits, metagraph, warmup
from export.limits import RefusedError
from export.snapshot import Snapshot

PNG = b"\x89PNG\r\n\x1a\n"
CHUNKS = (b"IHDR", b"PLTE", b"IDAT", b"IEND", b"pHYs", b"sRGB", b"gAMA", b"tEXt", b"tRNS")
SIDE = 2**13  # pixels
HTML = re.compile(r"<[A-Za-z/!?]")


class Inspection:
    """The checks of one version, each a method that returns what it found, to be called in the order of `CHECKS`.

    Attributes:
        snapshot: the private copy; None before the first check.
        facts: what signatures.json holds.
        requests: the golden requests.
    """

    CHECKS = ("manifest", "contract", "signatures", "operations", "weights", "golden requests", "warm-up", "model card")

    def __init__(self, version: Path, folder: Path, pin: str = ""):
        self._version, self._folder, self._pin = version, folder, pin
        self.snapshot = self.facts = self.requests = None

    def run(self, name: str) -> str:
        """One of the checks. Raises RefusedError at the first fault."""
        return getattr(self, "_" + name.replace(" ", "_").replace("-", "_"))()

    def _manifest(self) -> str:
        self.snapshot = Snapshot(self._version, self._folder, self._pin)
        sizes = self.snapshot.sizes.values()
        return f"{len(sizes)} files, {sum(sizes) / 1e6:.1f} MB, SHA-256"

    def _contract(self) -> str:
        self.facts = contract.parse(self.snapshot.take(contract.FILE))
        return ", ".join(self.facts["signatures"])

    def _signatures(self) -> str:
        self._meta = metagraph.read(self.snapshot.take(limits.GRAPH))
        return check_signatures(self._meta, self.facts)

    def _operations(self) -> str:
        self._variables = metagraph.check(self._meta)
        check_fingerprint(self.snapshot.take(limits.FINGERPRINT))
        kinds = {node.op for function in self._meta.graph_def.library.function for node in function.node_def}
        return f"{len(kinds)} kinds, all of which a stock server runs"

    def _weights(self) -> str:
        size = self.snapshot.sizes[limits.DATA]
        checkpoint.check(self.snapshot.take(limits.INDEX), self._variables, size)
        self.snapshot.take(limits.DATA)
        return f"{len(self._variables)} variables, {size / 1e6:.1f} MB"

    def _golden_requests(self) -> str:
        content = self.snapshot.take(golden.NAME, golden.most(self.facts["signatures"]))
        self.requests = golden.parse(content, self.facts["signatures"])
        for name, sides in self.requests.items():
            if not all(np.isfinite(array).all() for array in sides["outputs"].values()):
                raise RefusedError(f"the model answers {name} with NaN or infinity")
        return f"{len(self.requests)} requests of {golden.ROWS} rows"

    def _warm_up(self) -> str:
        records = self.snapshot.take(warmup.FILE, golden.most(self.facts["signatures"]))
        return warmup.check(records, self.facts["model"], self.requests)

    def _model_card(self) -> str:
        found = check_card(self.snapshot.take(limits.CARD), self.facts)
        if limits.PICTURE in self.snapshot.sizes:
            check_picture(self.snapshot.take(limits.PICTURE))
        return found


def check_signatures(meta, facts: dict) -> str:
    """Names, dtypes and shapes of the graph are those that `signatures.json` states, to the letter."""
    served = {name: definition for name, definition in meta.signature_def.items() if name != metagraph.INIT}
    if set(served) != set(facts["signatures"]):
        raise RefusedError(f"the graph has {sorted(served)}, {contract.FILE} {sorted(facts['signatures'])}")
    for name, expected in facts["signatures"].items():
        for side in ("inputs", "outputs"):
            found = {key: _spec(info) for key, info in getattr(served[name], side).items()}
            if found != expected[side]:
                raise RefusedError(f"{side} of {name} are {found}, {contract.FILE} has {expected[side]}")
    return f"{len(served)} with the names, dtypes and shapes of {contract.FILE}"


def check_fingerprint(content: bytes) -> None:
    """The fingerprint, which servers put into their metrics, is one."""
    fingerprint_pb2 = library.protocol("core.protobuf.fingerprint_pb2")
    found = limits.message(fingerprint_pb2.FingerprintDef, content, limits.FINGERPRINT)
    if not (found.uuid.isascii() and found.uuid.isdigit() and found.saved_model_checksum):
        raise RefusedError(f"{limits.FINGERPRINT} has no identity")


def check_card(content: bytes, facts: dict) -> str:
    """The model card is plain Markdown of this model: no control characters, no HTML, every signature named."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise RefusedError(f"{limits.CARD} is not UTF-8") from None
    if not all(character.isprintable() or character == "\n" for character in text) or HTML.search(text):
        raise RefusedError(f"{limits.CARD} holds control characters or HTML")
    missing = [name for name in facts["signatures"] if f"\n| `{name}` |" not in text]
    if not text.startswith(f"# {facts['model']}\n") or missing:
        raise RefusedError(f"{limits.CARD} is the card of another model than {facts['model']}")
    return f"{len(text):,} characters of {facts['model']}"


def check_picture(content: bytes) -> None:
    """The picture is a whole PNG of a bounded size (https://www.w3.org/TR/png-3/#5DataRep), and nothing else."""
    kinds, place = [], len(PNG)
    while place < len(content) and kinds[-1:] != [b"IEND"]:
        end = place + 8 + int.from_bytes(content[place : place + 4])
        kind, checksum = content[place + 4 : place + 8], content[end : end + 4]
        kinds.append(kind)
        if kind not in CHUNKS or zlib.crc32(content[place + 4 : end]).to_bytes(4) != checksum:
            raise RefusedError(f"{limits.PICTURE} is damaged, or holds more than a picture: {kind!r}")
        place = end + 4
    sides = [int.from_bytes(content[start : start + 4]) for start in (16, 20)]
    whole = content[: len(PNG)] == PNG and kinds[:1] == [b"IHDR"] and kinds[-1:] == [b"IEND"]
    if not whole or place != len(content) or not all(0 < side <= SIDE for side in sides):
        raise RefusedError(f"{limits.PICTURE} is not a picture of at most {SIDE} x {SIDE} pixels")


def _spec(info) -> dict:
    dtype = graph.NUMPY.get(info.dtype, str(info.dtype))
    shape = [-2] if info.tensor_shape.unknown_rank else [dim.size for dim in info.tensor_shape.dim]
    return {"dtype": dtype, "shape": shape}
