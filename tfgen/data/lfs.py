"""Git LFS pointers: small text files that stand where a large file was not fetched."""

from pathlib import Path

MARK = b"version https://git-lfs.github.com/spec/"


def is_pointer(content: bytes) -> bool:
    """Whether a file that begins with these bytes is a Git LFS pointer."""
    return content.startswith(MARK)


def is_pointer_file(path: Path) -> bool:
    """Whether a file is a Git LFS pointer. OSError if it cannot be read."""
    with open(path, "rb") as file:
        return is_pointer(file.read(len(MARK)))
