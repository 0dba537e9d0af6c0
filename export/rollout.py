"""`python -m export.rollout DIR/NAME`: lists the versions of a served model, labels them, and removes old ones.

A label, such as stable or canary, is a name under which a server answers one version:
/v1/models/NAME/labels/stable:predict. Moving it is how a version is rolled out, and rolled back.
"""

import shutil
from pathlib import Path

from export import deployment, labels, manifest, versions
from tfgen import commandline, locks, spelling

NAME = "python -m export.rollout"


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    commandline.run(rollout, arguments, NAME)


def rollout(
    model: Path,
    /,
    *,
    label: commandline.Modules = (),
    unlabel: commandline.Modules = (),
    remove: tuple[int, ...] = (),
) -> None:
    """Lists the versions of a served model with their labels. On request it moves labels or deletes a version.

    Args:
        model: the folder of one model, such as served/vae.
        label: LABEL=VERSION, such as stable=2. If another version has the label, the label moves.
        unlabel: a label to remove.
        remove: a version to delete. A version with a label, and the only version, are never deleted.
    """
    with commandline.bad_input():
        check(model)
        folder = model.resolve().parent
        with locks.held(folder / deployment.LOCK):
            there, found = versions.taken(model), labels.read(model)
            before = dict(found)
            for each in unlabel:
                if each not in found:
                    raise ValueError(
                        f"no version is labelled {each!r}; labels are {', '.join(sorted(found)) or 'none'}"
                    )
                del found[each]
            moved = dict(assigned(each, there) for each in label)
            found |= moved
            check_removed(remove, there, found)
            try:
                if found != before:
                    labels.write(model, found)
                for number in remove:
                    removed(model, number)
                if found != before or remove:
                    deployment.reconfigure(folder)
            except OSError as error:
                commandline.fail(
                    f"{str(model)!r} cannot be changed: {error.strerror or error}", commandline.NOT_WRITTEN
                )
    for name, number in moved.items():
        if number not in {*before.values(), there[-1]}:
            print(f"note: version {number} was not loaded; {name} answers once servers have loaded it")
        if name not in before and (meant := spelling.meant(name, sorted(before))):
            print(f"note: {name!r} is a new label{meant}")
    print(commandline.table([("version", "MB", "labels", ""), *rows(model)]))


def rows(model: Path) -> list[tuple]:
    """The versions, the newest first: number, size, labels, and what is asked without a label."""
    found, there, listed = labels.read(model), versions.taken(model), []
    for number in reversed(there):
        size = sum(path.stat().st_size for path in (model / str(number)).rglob("*") if path.is_file())
        named = " ".join(sorted(name for name, version in found.items() if version == number))
        note = "the newest: requests without a label" if number == there[-1] else "" if named else "not loaded"
        if damage := manifest.damage(model / str(number)):
            note = f"damaged, no server can load it: {damage}"
        listed.append((number, f"{size / 1e6:.1f}", named or "-", note))
    return listed


def check(model: Path) -> None:
    """Raises ValueError unless a path is the folder of a served model."""
    if not model.is_dir():
        raise ValueError(f"{str(model)!r} is not a folder of a served model: there is no such folder")
    versions.check_served(model)
    if versions.is_version(model):
        raise ValueError(f"{str(model)!r} is a version; name the folder of its model, {str(model.parent)!r}")
    if not versions.taken(model):
        below = [path.name for path in sorted(model.iterdir()) if path.is_dir() and versions.served(path)]
        hint = f"; it holds the models {', '.join(below)}, name one" if below else ""
        raise ValueError(f"{str(model)!r} holds no version of a model{hint}")


def assigned(text: str, there: list[int]) -> tuple[str, int]:
    """A label and its version from LABEL=VERSION. Raises ValueError."""
    name, equals, number = text.partition("=")
    if not equals:
        raise ValueError(f"--label must be LABEL=VERSION, such as stable=2; got {text!r}")
    labels.check(name)
    if not (number.isascii() and number.isdigit()) or int(number) not in there:
        raise ValueError(f"--label {text}: there is no version {number!r}; there are {', '.join(map(str, there))}")
    return name, int(number)


def check_removed(remove, there: list[int], found: dict) -> None:
    """Raises ValueError unless versions may be removed: they are there, have no label, and leave one."""
    for number in remove:
        if number not in there:
            raise ValueError(f"there is no version {number}; there are {', '.join(map(str, there))}")
        if named := sorted(name for name, version in found.items() if version == number):
            raise ValueError(f"version {number} is labelled {', '.join(named)}; move the label first")
    if not set(there) - set(remove):
        raise ValueError("one version must stay")


def removed(model: Path, number: int) -> None:
    """Deletes a version: out of sight of servers first, so that none sees half of it."""
    hidden = model / f".removed-{number}"
    (model / str(number)).rename(hidden)
    shutil.rmtree(hidden)


if __name__ == "__main__":
    main()
