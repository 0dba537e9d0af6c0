"""Free memory is the machine's, or what the control groups of the process leave of it."""

import psutil
import pytest

from tfgen.data import budget


@pytest.fixture
def groups(tmp_path, monkeypatch):
    """A function that plays control groups: the lines of /proc/self/cgroup, and files by their path below the root."""

    def play(lines: str, files: dict[str, str]):
        for name, text in files.items():
            path = tmp_path / "groups" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        (tmp_path / "own").write_text(lines)
        monkeypatch.setattr(budget, "OWN_GROUPS", tmp_path / "own")
        monkeypatch.setattr(budget, "GROUPS", tmp_path / "groups")

    return play


def group(limit, used, idle=0, version=2) -> dict[str, str]:
    names = ("memory.max", "memory.current") if version == 2 else ("memory.limit_in_bytes", "memory.usage_in_bytes")
    stat = f"anon 3\n{'' if version == 2 else 'total_'}inactive_file {idle}\n"
    return {names[0]: f"{limit}\n", names[1]: f"{used}\n", "memory.stat": stat}


def below(folder: str, files: dict) -> dict:
    return {f"{folder}/{name}": text for name, text in files.items()}


def test_without_groups_it_is_the_machines(groups):
    groups("", {})
    assert 0 < budget.free() <= psutil.virtual_memory().total
    groups("0::/mine\n", below("mine", group("max", 100)))
    assert budget.free() > 1000


def test_the_tightest_group_counts_and_what_it_can_drop_is_free(groups):
    groups("0::/a/b\n", below("a", group(1000, 400, 100)) | below("a/b", group("max", 300)))
    assert budget.free() == 700
    assert budget.default() == 350
    groups("0::/a/b\n", below("a/b", group(500, 450, 20)))
    assert budget.free() == 70


def test_groups_of_the_first_version_count_too(groups):
    lines = "5:cpu:/x\n4:memory:/outside\n0::/\n"
    groups(lines, below("memory", group(900, 500, 50, version=1)))  # as a container sees its own group
    assert budget.free() == 450
    groups(lines, below("memory/outside", group(400, 500, 50, version=1)))
    assert budget.free() == 0
