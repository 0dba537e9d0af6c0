"""What the files of a run and of the shipped weights hold, one schema a file, and the reader that keeps to it.

A file is read once, whole, if it is a plain file of a size that such files have; its content is what its schema says,
or a ValueError names the file and the field.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic
from pydantic import Field, JsonValue

from tfgen import checks, files

LARGEST = 16_000_000  # bytes of a JSON or CSV file
Name = Annotated[str, Field(pattern=r"^[^\W\d]\w*$", max_length=100)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=1, le=2**53)]
Number = int | float
Numbers = dict[str, Number]


class Schema(pydantic.BaseModel):
    """Fields of exactly these types: a string is not a number, and a field that is not declared is refused.

    A schema is compiled when it is first used, because most commands use few of them.
    """

    model_config = pydantic.ConfigDict(extra="forbid", strict=True, defer_build=True)


class Recipe(Schema):
    """How a model is trained. A default here only says that a file may leave the field out; it is never filled in."""

    epochs: Count = 1
    batch_size: Count = 1
    learning_rate: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1e-3
    passes: Count = 1
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = "float32"
    clip_norm: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    cycles: Count = 1
    patience: Count | None = None
    augment: list[str] = []
    init_from: str | None = None
    init_sha256: Sha256 | None = None
    init_layers: list[str] | None = None
    ema: Annotated[float, Field(gt=0, lt=1)] | None = None
    importance_samples: Count | None = None
    labels: Count | None = None


class Data(Schema):
    """What is read of a data set."""

    source: str | None
    image_size: Count | None = None
    image_channels: Literal[1, 3] | None = None
    sha256: str = ""


class Config(Schema):
    """config.json of a run: what its model is built from, and what is known of its training, to resume it."""

    entry: Name
    module: str = ""
    hyperparameters: dict[str, JsonValue]
    recipe: Recipe = Recipe()
    safety: dict[str, JsonValue] = {}
    dataset: str | None = None
    data: Data | None = None
    classes: list[str] = []
    protocol: str | None = None
    splits: dict[str, JsonValue] = {}
    seed: Annotated[int, Field(ge=0, lt=2**31)] | None = None
    device: str | None = None
    versions: dict[str, str] = {}


class Metrics(Schema, extra="allow"):
    """metrics.json of a run: numbers, lists of numbers and words by name."""

    __pydantic_extra__: dict[str, Number | str | list[Number] | dict[str, JsonValue] | None]
    protocol: str = ""


class Fingerprint(Schema, extra="allow"):
    """What a file must be: its size and its SHA-256."""

    bytes: Annotated[int, Field(ge=0, le=2**53)]
    sha256: Sha256


class Record(Fingerprint):
    """What manifest.json has of a file of weights; `before` is the file that it may still be while it is replaced."""

    __pydantic_extra__: dict[str, JsonValue]
    before: Fingerprint | None = None


class Shipped(Record):
    """What manifest.json has of the weights that ship for an entry."""

    entry: Name
    hyperparameters: dict[str, JsonValue]
    recipe: Recipe
    dataset: str
    command: str
    metrics: Metrics
    quick: Metrics


Manifest = pydantic.RootModel[dict[str, Record]]


def read(path: Path, schema: type[pydantic.BaseModel]) -> dict:
    """The content of a JSON file, with the fields that it has.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it is not a plain file, too large, or not what its schema says; the message names file and field.
    """
    return check(files.read(path, LARGEST), schema, path)


def check(content: bytes | dict, schema: type[pydantic.BaseModel], path: Path, within: str = "") -> Any:
    """The content of a file, or of a part of it, if it is what its schema says; raises ValueError as `read` does."""
    try:
        of_schema = schema.model_validate_json if isinstance(content, bytes) else schema.model_validate
        return of_schema(content).model_dump(exclude_unset=True)
    except pydantic.ValidationError as error:
        fault = error.errors(include_url=False)[0]
        field = checks.shortened(".".join([*([within] if within else []), *map(str, fault["loc"])]), 100)
        no_value = fault["type"] in ("missing", "json_invalid")
        found = "" if no_value else f", got {checks.shortened(repr(fault['input']))}"
        raise ValueError(f"{str(path)!r} is damaged: {f'{field}: ' if field else ''}{fault['msg']}{found}") from None
