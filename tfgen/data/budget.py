"""How much memory images may take: by default half of what is free, on the machine or in its container."""

from pathlib import Path

OWN_GROUPS = Path("/proc/self/cgroup")
GROUPS = Path("/sys/fs/cgroup")
FILES = {  # of a control group, by version: its limit, what it uses, and how much of that the kernel would drop
    1: ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    2: ("memory.max", "memory.current", "inactive_file"),
}


def default() -> int:
    """Half of the free memory, in bytes: images in memory are copied to the device, which may be the same memory."""
    return free() // 2


def free() -> int:
    """The bytes of memory that this process may still take: the machine's, or fewer where a control group says so."""
    import psutil

    return min([psutil.virtual_memory().available, *_left_in_groups()])


def _left_in_groups() -> list[int]:
    """What the control groups of this process leave it, the container's among them; [] where there are none."""
    try:
        lines = OWN_GROUPS.read_text().splitlines()
    except OSError:
        return []
    left = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        version, root = (1, GROUPS / "memory") if controllers else (2, GROUPS)
        group = root / path.lstrip("/")
        # A container may see its own group as the root, under a path that it does not see.
        for folder in (group, *group.parents):
            if folder.is_relative_to(root):
                left += _left_in(folder, *FILES[version])
    return left


def _left_in(folder: Path, limit: str, used: str, droppable: str) -> list[int]:
    """[the bytes that a group leaves], or [] where it has no limit."""
    try:
        largest, taken = int((folder / limit).read_text()), int((folder / used).read_text())
        counts = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
    except (OSError, ValueError):  # no such group, or a limit of "max"
        return []
    return [max(0, largest - taken + int(counts.get(droppable, 0)))]
