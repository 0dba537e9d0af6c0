"""Whatever a file holds, its parser takes it or refuses it in one line: hypothesis chooses what is wrong with it.

Those of answers are driven in tests/export/clients/test_client_answers.py.
"""

import json
import os
from pathlib import Path

import files
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from export import contract, golden, manifest
from tfgen.storage import runs, schemas, weights

SETTINGS = settings(deadline=None, suppress_health_check=list(HealthCheck), database=None)
numbers = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just(10**400)
values = st.recursive(numbers, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner))
pieces = st.binary(max_size=8) | st.sampled_from([b"[" * 5000, b'{"a":' * 5000, b"\0", b"\xff\xfe", b"1e999", b"\n"])


@pytest.fixture(scope="session")
def parsers(trained_run, version):
    """Kind of file -> (honest content, function of a content)."""
    facts = contract.read(version)["signatures"]

    def of(schema):
        return lambda content: schemas.check(content, schema, Path("x.json"))

    return {
        "config": ((trained_run / runs.CONFIG).read_bytes(), of(schemas.Config)),
        "metrics": ((trained_run / runs.METRICS).read_bytes(), of(schemas.Metrics)),
        "manifest": ((trained_run / "manifest.json").read_bytes(), of(schemas.Manifest)),
        "facts": ((version / contract.FILE).read_bytes(), contract.parse),
        "manifest of a version": ((version / manifest.NAME).read_bytes(), manifest.parse),
        "golden requests": ((version / golden.NAME).read_bytes(), lambda content: golden.parse(content, facts)),
    }


@pytest.fixture(scope="session")
def weighted(small_vae, tmp_path_factory):
    """A model, the content of a file of its weights, and the places in it that hold no numbers."""
    model, path = small_vae(), tmp_path_factory.mktemp("weights") / "model.weights.h5"
    weights.save(model, path)
    return model, path.read_bytes(), files.structure(path.read_bytes()).tolist()


def spoiled(content: bytes, data) -> bytes:
    """A content with pieces of it replaced by others, or, of JSON, a value somewhere in it."""
    if content.startswith(b"{") and data.draw(st.booleans()):
        root = holder = json.loads(content)
        while True:
            key = data.draw(st.sampled_from(sorted(holder) if isinstance(holder, dict) else range(len(holder))))
            if not isinstance(holder[key], dict | list) or not holder[key] or data.draw(st.booleans()):
                break
            holder = holder[key]
        holder[key] = data.draw(values)
        return json.dumps(root).encode()
    places = st.integers(0, len(content))
    for start, removed, piece in data.draw(
        st.lists(st.tuples(places, st.integers(0, 8), pieces), min_size=1, max_size=4)
    ):
        content = content[:start] + piece + content[start + removed :]
    return content


def parse_small(data, parsers):
    honest, parse = parsers[data.draw(st.sampled_from(sorted(parsers)))]
    try:
        parse(spoiled(honest, data))
    except ValueError as error:
        check_line(str(error))


def parse_weights(data, weighted):
    model, honest, places = weighted
    content = bytearray(honest)
    changes = st.tuples(st.sampled_from(places), st.integers(0, 255))
    for place, value in data.draw(st.lists(changes, min_size=1, max_size=16)):
        content[place] = value
    try:
        weights.assign(
            model, bytes(content[: data.draw(st.just(len(honest)) | st.integers(0, len(honest)))]), Path("x.h5")
        )
    except ValueError as error:
        check_line(str(error))
    assert all(np.isfinite(array).all() for array in model.get_weights())


def check_line(text: str) -> None:
    assert "\n" not in text
    assert len(text) < 1000


def drive(examples: int, parse, honest) -> None:
    @settings(SETTINGS, max_examples=examples)
    @given(st.data())
    def driven(data):
        parse(data, honest)

    driven()


def test_small_files_are_taken_or_refused(parsers):
    drive(50, parse_small, parsers)


def test_weights_are_taken_or_refused(weighted):
    drive(15, parse_weights, weighted)


@pytest.mark.slow
@pytest.mark.ci
def test_files_are_taken_or_refused_for_minutes(parsers, weighted):
    """`TFGEN_EXAMPLES=9000` makes ten minutes of it."""
    examples = int(os.environ.get("TFGEN_EXAMPLES", "1500"))
    drive(examples, parse_small, parsers)
    drive(examples // 5, parse_weights, weighted)
