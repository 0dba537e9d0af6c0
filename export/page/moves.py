"""Operations that move numbers about without computing any: each is a list of places to take them from."""

import numpy as np

NAMES = {  # of TensorFlow's operations
    *("BroadcastTo", "ConcatV2", "DepthToSpace", "GatherV2", "MirrorPad", "Pack", "Pad", "PadV2", "ReverseV2", "Roll"),
    *(
        "ResizeNearestNeighbor",
        "Slice",
        "SpaceToDepth",
        "Split",
        "SplitV",
        "StridedSlice",
        "Tile",
        "Transpose",
        "Unpack",
    ),
}


def runs(places: np.ndarray) -> list[int]:
    """Places as runs of neighbours: first, how many, first, how many, ...

    Args:
        places: of any shape, of the numbers behind one another, from 1 on; 0 where a zero is taken.
    """
    flat = np.asarray(places).ravel().astype(np.int64)
    breaks = np.flatnonzero((np.diff(flat) != 1) | (flat[1:] == 1)) + 1  # a zero has no neighbour
    starts = np.concatenate([[0], breaks])
    lengths = np.diff(np.concatenate([starts, [len(flat)]]))
    return np.stack([flat[starts], lengths], 1).ravel().tolist() if len(flat) else []
