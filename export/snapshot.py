"""A private copy of a version, file by file: what is checked is what is executed, whatever happens to the version.

Each file is read once, from a handle that is known to be a plain file, up to the size that the manifest states, and has
the SHA-256 of the manifest before anything parses it.
"""

import hashlib
import os
from pathlib import Path

from export import limits, manifest
from export.limits import RefusedError
from tfgen import files

CHUNK = 2**20


class Snapshot:
    """A version's files, copied one by one into a folder of this process.

    Raises ValueError where the version lacks a file, has one too many, or one that is not a plain file or too large.

    Attributes:
        folder: the copy; it holds the files taken so far.
        sizes: bytes of every file by name, as found on disk and stated by the manifest.
        sha256: of the manifest.
    """

    def __init__(self, version: Path, folder: Path, pin: str = ""):
        self.folder, self._version = folder, version
        names = set(_names(version))
        if missing := [name for name in limits.FILES if name not in names and name != limits.PICTURE]:
            raise RefusedError(f"{missing[0]} is missing")
        content, self.sha256 = self._copy(manifest.NAME, limits.FILES[manifest.NAME])
        if pin and pin.lower() != self.sha256:
            raise RefusedError(f"{manifest.NAME}: SHA-256 mismatch, {self.sha256} where the pin is {pin}")
        self._records = manifest.parse(content)
        if set(self._records) != names - {manifest.NAME}:
            raise RefusedError(f"{manifest.NAME} lists other files than there are")
        self.sizes = {manifest.NAME: len(content)} | {name: each["bytes"] for name, each in self._records.items()}
        for name, size in self.sizes.items():
            with files.opened(version / name) as file:
                if (found := os.fstat(file.fileno()).st_size) != size:
                    raise RefusedError(f"{name} has changed: it has {found} bytes, its record {size}")
            if size > limits.FILES[name]:
                raise RefusedError(f"{name} has {size} bytes, at most {limits.FILES[name]} are allowed")

    def take(self, name: str, most: int = 2**62) -> bytes:
        """Copies a file, compares it with its record, and returns its bytes; but for the data file, which may be large.

        Args:
            name: the file, relative to the version.
            most: the bytes that it may have.
        """
        size = self.sizes[name]
        if size > most:
            raise RefusedError(f"{name} has {size} bytes, at most {most} are expected")
        content, digest = self._copy(name, size)
        if digest != self._records[name]["sha256"]:
            raise RefusedError(
                f"{name} has changed: SHA-256 mismatch, {digest} where its record has {self._records[name]['sha256']}"
            )
        return content

    def _copy(self, name: str, most: int) -> tuple[bytes, str]:
        digest, kept, left = hashlib.sha256(), [], most
        target = self.folder / name
        if target.parent != self.folder:  # which is gone, for good, when this process is ended
            target.parent.mkdir(exist_ok=True)
        with files.opened(self._version / name) as file, open(target, "wb") as copy:
            while chunk := file.read(CHUNK):
                left -= len(chunk)
                if left < 0:
                    raise RefusedError(f"{name} has more than {most} bytes")
                digest.update(chunk)
                copy.write(chunk)
                if name != limits.DATA:
                    kept.append(chunk)
        return b"".join(kept), digest.hexdigest()


def _names(version: Path):
    """The files of a version, relative to it. Raises RefusedError at the first thing that no version holds."""
    for place, prefix in ((version, ""), *((version / folder, f"{folder}/") for folder in limits.FOLDERS)):
        if prefix and not os.path.lexists(place):
            continue
        try:
            entries = os.scandir(place)
        except OSError as error:
            raise RefusedError(f"{place} cannot be read: {error.strerror}") from None
        with entries:
            for entry in entries:
                name = f"{prefix}{entry.name}"
                if entry.is_symlink():
                    raise RefusedError(f"{name} is a symbolic link")
                if entry.is_dir(follow_symlinks=False):
                    if name not in limits.FOLDERS:
                        raise RefusedError(f"{name} is a foreign folder")
                elif name not in limits.FILES:
                    raise RefusedError(f"{name} is foreign")
                elif not entry.is_file(follow_symlinks=False):
                    raise RefusedError(f"{name} is not a plain file")
                else:
                    yield name
