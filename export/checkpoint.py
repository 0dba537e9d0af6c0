"""The index of a checkpoint, `variables.index`: which tensors the data file holds, and where.

It is a table of sorted keys as LevelDB writes it (https://github.com/google/leveldb/blob/main/doc/table_format.md):
blocks of key and value, a block that lists the blocks, and a footer. TensorFlow writes neither compressed blocks nor
filters. The values are protocol buffers, of `BundleHeaderProto` under the empty key, else of `BundleEntryProto`.
"""

import math

from export import graph, library, limits, metagraph
from export.limits import RefusedError

MAGIC = bytes.fromhex("57fb808b247547db")
FOOTER, TRAILER = 48, 5  # bytes: two block handles and the magic number; a block's kind of compression and checksum


def check(content: bytes, variables: dict, size: int) -> None:
    """Raises RefusedError unless an index lists the variables of a graph, one after the other, and no other tensors.

    Args:
        content: the bytes of variables.index.
        variables: name -> (data type, shape), as `metagraph.check` returns them.
        size: the bytes of the one data file.
    """
    bundle = library.protocol("core.protobuf.tensor_bundle_pb2")
    try:
        listed = dict(entries(content))
    except (IndexError, ValueError):
        raise RefusedError(f"{limits.INDEX} is damaged") from None
    header = limits.message(bundle.BundleHeaderProto, listed.pop(b"", b"-"), limits.INDEX)
    if header.num_shards != 1 or header.endianness != bundle.BundleHeaderProto.LITTLE:
        raise RefusedError(f"the checkpoint has {header.num_shards} files, must be 1, little-endian")
    found = {
        key.decode(errors="replace"): limits.message(bundle.BundleEntryProto, value, limits.INDEX)
        for key, value in listed.items()
    }
    objects = found.pop(metagraph.RESTORED.decode(), None)
    if set(found) != set(variables):
        raise RefusedError(f"the checkpoint holds {len(found)} variables, the graph restores {len(variables)} others")
    for name, entry in found.items():
        dtype, shape = variables[name]
        if entry.dtype != dtype or [dim.size for dim in entry.shape.dim] != shape or entry.shape.unknown_rank:
            raise RefusedError(f"the checkpoint has another data type or shape of {name} than the graph")
        if entry.size != graph.ITEM_SIZES.get(dtype, -1) * math.prod(shape):
            raise RefusedError(f"the checkpoint has {entry.size} bytes of {name}, of shape {shape}")
    places = [*found.values(), *([objects] if objects is not None else [])]
    if objects is not None and (objects.dtype != graph.STRING or objects.shape.dim or objects.size > len(content) * 64):
        raise RefusedError("the checkpoint's object graph is not a string")
    end = 0
    for entry in sorted(places, key=lambda entry: (entry.offset, entry.size)):
        if entry.shard_id or entry.slices or entry.offset != end:
            raise RefusedError("the tensors of the checkpoint do not lie one after the other in one file")
        end += entry.size
    if end != size:
        raise RefusedError(f"{limits.DATA} has {size} bytes, its index lists {end}")


def entries(content: bytes):
    """The keys and values of a table."""
    if content[-len(MAGIC) :] != MAGIC:
        raise ValueError("no table")
    footer, place = content[-FOOTER:], 0
    _, place = _handle(footer, place)  # of the block that lists filters
    block, _ = _handle(footer, place)
    for _, value in _pairs(content, *block):
        yield from _pairs(content, *_handle(value, 0)[0])


def _pairs(content: bytes, offset: int, size: int):
    """The keys and values of a block, whose keys are stored without what they share with the one before."""
    block = content[offset : offset + size]
    if len(block) != size or content[offset + size : offset + size + 1] != b"\0":
        raise ValueError("no block, or a compressed one")
    restarts = int.from_bytes(block[-4:], "little")
    end, place, key = size - 4 * (restarts + 1), 0, b""
    while place < end:
        shared, place = _varint(block, place)
        rest, place = _varint(block, place)
        length, place = _varint(block, place)
        if shared > len(key) or place + rest + length > end:
            raise ValueError("an entry beyond its block")
        before, key = key, key[:shared] + block[place : place + rest]
        if before >= key and before:
            raise ValueError("keys out of order")
        yield key, block[place + rest : place + rest + length]
        place += rest + length
    if place != end:
        raise ValueError("a block without an end")


def _handle(content: bytes, place: int):
    """Offset and size of a block, and the place behind them."""
    offset, place = _varint(content, place)
    size, place = _varint(content, place)
    return (offset, size), place


def _varint(content: bytes, place: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 64, 7):
        byte = content[place]
        value, place = value | (byte & 0x7F) << shift, place + 1
        if byte < 0x80:
            return value, place
    raise ValueError("no number")
