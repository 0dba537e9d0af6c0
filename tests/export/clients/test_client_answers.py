"""What a client believes: the parsers of both transports and the one check, on what is right and on what is not."""

import contextlib
import json
import os
import re

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from tensorflow.core.framework import tensor_pb2
from tensorflow_serving.apis import get_model_metadata_pb2, predict_pb2

from export import answers, rest, rpc
from export.answers import AnswerError

FLOAT, INT = np.dtype(np.float32), np.dtype(np.int64)
ONE = {"image": (FLOAT, (2, 2, 1))}
TWO = {"mean": (FLOAT, (2, 3)), "count": (INT, (2,))}
LABEL = np.array([0, 1, 2, 7])
IMAGE = np.full((4, 2), 0.5, np.float32)


def blank(*rows: int) -> np.ndarray:
    image = IMAGE.copy()
    image[list(rows)] = np.nan
    return image


def check(answer, classes=None, **inputs):
    answers.check({"image": answer}, {"image": (FLOAT, (4, 2))}, inputs, classes)


@pytest.mark.parametrize(
    ("rows", "classes", "inputs"),
    [
        ((), None, {"label": LABEL}),
        ((3,), None, {"label": LABEL}),
        ((2, 3), None, {"label": LABEL}),
        ((0,), None, {"label": np.array([-1, 1, 2, 7])}),
        ((3,), tuple("abc"), {"label": LABEL}),
        ((3,), None, {"label": np.array([0, 1, 2, 2**63 - 1])}),
        ((0,), None, {"label": np.array([2**63 - 1, 0, 0, 2**62])}),
        ((1,), None, {"image": np.array([[0.5], [1.5], [1], [0]])}),
        ((1, 3), None, {"image": np.array([[0.5], [-0.5], [1], [0]]), "label": LABEL}),
    ],
)
def test_a_row_of_nan_is_believed_where_the_model_refuses(rows, classes, inputs):
    check(blank(*rows), classes, **inputs)


@pytest.mark.parametrize(
    ("rows", "classes", "inputs", "row"),
    [
        ((0,), None, {}, 0),
        ((0,), None, {"label": LABEL}, 0),
        ((0, 1, 2, 3), None, {"label": LABEL}, 0),
        ((1,), None, {"label": LABEL}, 1),
        ((1, 3), None, {"label": LABEL}, 1),
        ((2,), tuple("abc"), {"label": LABEL}, 2),
        ((3,), None, {"label": np.array([0, 7, 2, 7])}, 3),
        ((2,), None, {"image": np.array([[0.5], [1.5], [1], [0]])}, 2),
    ],
)
def test_and_nowhere_else(rows, classes, inputs, row):
    with pytest.raises(AnswerError, match=f"answers image with NaN or infinity in row {row}"):
        check(blank(*rows), classes, **inputs)


def test_a_refused_row_is_nothing_but_nan():
    image = blank(3)
    image[3, 1] = 0.5
    with pytest.raises(AnswerError, match="NaN or infinity in row 3, whose label is 7"):
        check(image, label=LABEL)
    both = {"image": (FLOAT, (4, 2)), "share": (FLOAT, (4,))}
    with pytest.raises(AnswerError, match="answers image with NaN"):
        answers.check({"image": blank(3), "share": np.zeros(4, np.float32)}, both, {"label": LABEL})


@pytest.mark.parametrize(("value", "right"), [(1 + 1e-5, True), (-1e-5, True), (1.001, False), (-0.001, False)])
def test_pixels_lie_in_their_range_up_to_rounding(value, right):
    image = IMAGE.copy()
    image[1, 1] = value
    if right:
        check(image)
    else:
        with pytest.raises(AnswerError, match=r"pixels outside \[0, 1\]"):
            check(image)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ({}, "answers nothing, not image"),
        ({"image": IMAGE, "x\x1b": IMAGE}, "answers image, x, not image"),
        ({"image": IMAGE.astype(float)}, "answers image as float64 [4, 2], not float32 [4, 2]"),
        ({"image": IMAGE[:3]}, "answers image as float32 [3, 2], not float32 [4, 2]"),
    ],
)
def test_names_dtypes_and_shapes_are_those_expected(answer, message):
    with pytest.raises(AnswerError, match=re.escape(message)):
        answers.check(answer, {"image": (FLOAT, (4, 2))}, {})


def test_json_of_columns_is_read():
    assert rest.arrays(b'{"outputs": [[[0], [0.25]],\n [[1e-3], [NaN]]]}', ONE)["image"].tolist()[0] == [[0], [0.25]]
    read = rest.arrays(b'{"outputs": {"count": [1, -9223372036854775808], "mean": [[1, 2, 3], [4, 5, 6.5]]}}', TWO)
    assert (read["count"].dtype, read["count"].tolist()) == (INT, [1, -(2**63)])
    assert (read["mean"].dtype, read["mean"].tolist()) == (FLOAT, [[1, 2, 3], [4, 5, 6.5]])


@pytest.mark.parametrize("indent", [None, 1])
def test_no_honest_answer_is_too_large(indent):
    """The longest numbers that there are, written as generously as a server may."""
    expected = {"image": (FLOAT, (3, 16, 16, 3)), "count": (INT, (3,))}
    image = np.full((3, 16, 16, 3), -np.finfo(np.float32).tiny * np.float32(1.2345678))
    body = json.dumps({"outputs": {"image": image.tolist(), "count": [-(2**63)] * 3}}, indent=indent).encode()
    assert len(body) <= rest.largest(expected)
    np.testing.assert_array_equal(rest.arrays(body, expected)["image"], image)
    message = predict_pb2.PredictResponse()
    message.outputs["image"].float_val.extend(image.ravel().tolist())
    message.outputs["count"].int64_val.extend([-1] * 3)
    assert message.ByteSize() <= rpc.largest(expected)


def proto(sizes=(2, 2), dtype=1, **values):
    made = tensor_pb2.TensorProto(dtype=dtype, **values)
    for size in sizes:
        made.tensor_shape.dim.add(size=size)
    return made


@pytest.mark.parametrize(
    ("given", "dtype", "expected"),
    [
        (proto(float_val=[1.0, 2.0, 3.0, 4.0]), FLOAT, [[1, 2], [3, 4]]),
        (proto(float_val=[1.0, 2.0]), FLOAT, [[1, 2], [2, 2]]),  # a run of equal last values is written once
        (proto(tensor_content=np.arange(4, dtype=np.float32).tobytes()), FLOAT, [[0, 1], [2, 3]]),
        (proto(dtype=9, int64_val=[-1]), INT, [[-1, -1], [-1, -1]]),
        (proto(dtype=9, tensor_content=np.arange(4).tobytes()), INT, [[0, 1], [2, 3]]),
    ],
)
def test_a_tensor_of_either_form_is_read(given, dtype, expected):
    read = rpc.decode("x", given, dtype, (2, 2))
    assert (read.dtype, read.flags.writeable) == (dtype, True)
    np.testing.assert_array_equal(read, expected)


# what hypothesis sends through the parsers: anything at all, and what is nearly right
numbers = st.one_of(st.floats(), st.integers(), st.booleans(), st.none(), st.text(max_size=3))
values = st.recursive(numbers, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner))
nearly = arrays.arrays(np.float64, arrays.array_shapes(min_dims=0, max_dims=4, max_side=3)).map(np.ndarray.tolist)
outputs = values | nearly | st.fixed_dictionaries({"mean": nearly | values, "count": nearly | values})
bodies = st.one_of(
    st.binary(max_size=200),
    values.map(lambda value: json.dumps(value).encode()),
    outputs.map(lambda value: json.dumps({"outputs": value}).encode()),
)
tensor = st.builds(
    proto,
    sizes=st.lists(st.integers(-2, 4) | st.integers(-(2**63), 2**63 - 1), max_size=4),
    dtype=st.integers(0, 25) | st.sampled_from([1, 9]),
    float_val=st.lists(st.floats(width=32), max_size=8),
    int64_val=st.lists(st.integers(-(2**63), 2**63 - 1), max_size=8),
    tensor_content=st.binary(max_size=40) | st.just(b""),
)
shapes = st.fixed_dictionaries({"dim": st.lists(st.fixed_dictionaries({"size": st.integers(-2, 4) | values}))})
specs = st.fixed_dictionaries(
    {"dtype": st.sampled_from(["DT_FLOAT", "DT_INT64", "DT_STRING"]) | values},
    optional={
        "tensor_shape": st.fixed_dictionaries({"dim": st.lists(st.fixed_dictionaries({"size": values}))}) | values
    },
)
sides = st.dictionaries(st.sampled_from(["seed", "label", "image", "latent", "x"]), specs | values, max_size=3) | values
signature = st.fixed_dictionaries({"inputs": sides, "outputs": sides}) | values
listings = st.dictionaries(st.sampled_from(["serving_default", "sample", "decode", "f"]), signature) | values


def check_message(text: str) -> None:
    assert text.isprintable()
    assert len(text) < 1000


def believe(parse, expected: dict) -> None:
    """An answer is refused in one short line, or one that the contract allows."""
    try:
        answer = parse()
        answers.check(answer, expected, {})
    except AnswerError as error:
        check_message(str(error))
        return
    assert {name: (each.dtype, each.shape) for name, each in answer.items()} == expected
    assert all(np.isfinite(each).all() for each in answer.values())


@given(bodies)
@example(b'{"outputs": [[[1e400], [1]], [[1], [1]]]}')
@example(b'{"outputs": {"mean": [[1, 2, 3], [4, 5, true]], "count": [1, 2]}}')
def parse_json(body):
    for expected in (ONE, TWO):
        believe(lambda expected=expected: rest.arrays(body, expected), expected)


@given(st.dictionaries(st.sampled_from(["image", "mean", "count"]), tensor), st.data())
def parse_message(given, data):
    message = predict_pb2.PredictResponse()
    for name, each in given.items():
        message.outputs[name].CopyFrom(each)
    body = bytearray(message.SerializeToString())
    places = st.tuples(st.integers(0, max(0, len(body) - 1)), st.binary(max_size=1))
    for place, value in data.draw(st.lists(places, max_size=3)):
        body[place : place + 1] = value
    for expected in (ONE, TWO):

        def parse(expected=expected):
            return rpc.arrays(rpc.read(predict_pb2.PredictResponse(), bytes(body)), expected)

        believe(parse, expected)


@given(listings)
def parse_listing(listed):
    try:
        found = answers.signatures({"signature_def": listed})
    except AnswerError as error:
        check_message(str(error))
        return
    for specs in (each[side] for each in found.values() for side in ("inputs", "outputs")):
        for dtype, shape in specs.values():
            assert dtype in (FLOAT, INT)
            assert shape[0] == -1
            assert all(0 < size <= answers.NUMBERS for size in shape[1:])


@given(st.binary(max_size=300))
def parse_bytes(body):
    with contextlib.suppress(AnswerError):
        answers.signatures(rpc.listing(rpc.read(get_model_metadata_pb2.SignatureDefMap(), body)))
    with contextlib.suppress(AnswerError):
        answers.signatures(rest.listing(body))


PARSERS = (parse_json, parse_message, parse_listing, parse_bytes)
NO_DEADLINE = settings(deadline=None, suppress_health_check=list(HealthCheck), database=None)


@pytest.mark.parametrize("parse", PARSERS)
def test_whatever_is_answered_is_refused_or_believed(parse):
    settings(NO_DEADLINE, max_examples=25)(parse)()


@pytest.mark.slow
@pytest.mark.ci
@pytest.mark.parametrize("parse", PARSERS)
def test_whatever_is_answered_is_refused_or_believed_for_minutes(parse):
    settings(NO_DEADLINE, max_examples=int(os.environ.get("TFGEN_EXAMPLES", "5000")))(parse)()
