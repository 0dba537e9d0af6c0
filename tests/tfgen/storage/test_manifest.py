"""The manifest: a file is read if it is the one on record, and refused with both hashes otherwise."""

import json
import os
import shlex

import numpy as np
import pytest

from tfgen.storage import manifest, weights


@pytest.fixture
def recorded(tmp_path):
    """A file on record."""
    path = tmp_path / "some.weights.h5"
    path.write_bytes(b"what was trained")
    manifest.record(path, entry="vae")
    return path


def test_a_file_on_record_passes_with_what_is_known_about_it(recorded):
    assert manifest.checked(recorded) == b"what was trained"
    (record,) = manifest.read(recorded.parent).values()
    assert record == manifest.fingerprint(recorded) | {"entry": "vae"}
    assert record["bytes"] == 16


@pytest.mark.parametrize("position", [0, 7, 15])
def test_one_flipped_byte_is_refused_with_the_file_and_both_hashes(recorded, position):
    expected = manifest.fingerprint(recorded)["sha256"]
    content = bytearray(recorded.read_bytes())
    content[position] ^= 1
    recorded.write_bytes(content)
    with pytest.raises(ValueError, match=r"some\.weights\.h5") as caught:
        manifest.checked(recorded)
    assert expected in str(caught.value)
    assert manifest.fingerprint(recorded)["sha256"] in str(caught.value)


def test_a_damaged_file_is_refused_before_anything_parses_it(small_vae, tmp_path, monkeypatch):
    path, model = tmp_path / "model.weights.h5", small_vae()
    weights.save(model, path)
    path.write_bytes(path.read_bytes() + b"\0")
    monkeypatch.setattr(model, "load_weights", lambda *arguments: pytest.fail("the file was parsed"))
    with pytest.raises(ValueError, match="SHA-256 mismatch"):
        weights.load(model, path)


def test_what_is_parsed_is_what_was_checked(small_vae, tmp_path, monkeypatch):
    """Another file takes its place as soon as it has been read, as when a training goes on."""
    path, good, other = tmp_path / "model.weights.h5", small_vae(), small_vae()
    other.set_weights([array + 1 for array in other.get_weights()])
    weights.save(good, path)
    expected = good.get_weights()
    content = manifest.checked(path)
    monkeypatch.setattr(manifest, "checked", lambda path, largest: weights.save(other, path) or content)
    weights.load(good, path)
    for ours, theirs in zip(good.get_weights(), expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("name", ["a'b", 'a"b', "a$(touch gone)b", "a b"])
def test_the_line_that_records_a_file_is_quoted_for_a_shell(tmp_path, name):
    folder = tmp_path / name
    folder.mkdir()
    path = folder / "some.weights.h5"
    path.write_bytes(b"from somewhere")
    with pytest.raises(ValueError, match="if you trust the file: ") as caught:
        manifest.checked(path)
    program, option, code = shlex.split(str(caught.value).rpartition("if you trust the file: ")[2])
    assert (program, option) == ("python", "-c")
    exec(code)
    assert manifest.checked(path) == b"from somewhere"


def test_a_file_that_is_not_on_record_is_refused_with_what_to_do(recorded):
    other = recorded.with_name("other.weights.h5")
    other.write_bytes(b"from somewhere")
    with pytest.raises(ValueError, match=r"no record of other\.weights\.h5; if you trust the file: python -c"):
        manifest.checked(other)
    manifest.record(other)
    manifest.checked(other)
    manifest.checked(recorded)


def test_symbolic_links_are_refused(recorded):
    link = recorded.with_name("link.weights.h5")
    link.symlink_to(recorded)
    with pytest.raises(ValueError, match="symbolic link"):
        manifest.checked(link)
    records = recorded.parent / manifest.NAME
    records.rename(recorded.parent / "elsewhere.json")
    records.symlink_to("elsewhere.json")
    with pytest.raises(ValueError, match="symbolic link"):
        manifest.checked(recorded)


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{", b'{"some.weights.h5": 1}', b'{"some.weights.h5": {"bytes": 16}}', b"\xff", b"[" * 10**5],
)
def test_a_damaged_manifest_is_named(recorded, content):
    (recorded.parent / manifest.NAME).write_bytes(content)
    with pytest.raises(ValueError, match=r"manifest\.json' is damaged: "):
        manifest.checked(recorded)


def test_a_file_of_another_size_is_refused_unread(recorded):
    os.truncate(recorded, 10**12)  # sparse
    with pytest.raises(ValueError, match=r"has 1,000,000,000,000 bytes, more than the 1,000 it may have"):
        manifest.checked(recorded, 1000)


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_plain_file_is_refused_at_once(recorded, make):
    for path in (recorded, recorded.parent / manifest.NAME):
        path.unlink()
        make(path)
        with pytest.raises(ValueError, match=r"no weights at|is not a plain file|Is a directory"):
            manifest.checked(recorded)


def test_a_reader_that_meets_a_replacement_reads_again(recorded, monkeypatch):
    """The record is read before the file is replaced, and the file after it."""
    read, times = manifest.read, []

    def read_and_replace(folder):
        records = read(folder)
        if not times:
            times.append(1)
            with manifest.replacing(recorded) as temporary:
                temporary.write_bytes(b"the next epoch")
        return records

    monkeypatch.setattr(manifest, "read", read_and_replace)
    assert manifest.checked(recorded) == b"the next epoch"


@pytest.mark.parametrize("killed_before", ["the manifest", "the file", "the manifest again"])
def test_a_folder_loads_whenever_its_writer_is_killed(recorded, monkeypatch, killed_before):
    """The three renames of a replacement, each of which may be the one that does not happen."""
    renames, happens = [], os.replace

    def replace(source, target):
        if len(renames) == ["the manifest", "the file", "the manifest again"].index(killed_before):
            raise KeyboardInterrupt
        renames.append(target)
        happens(source, target)

    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises(KeyboardInterrupt), manifest.replacing(recorded) as temporary:
        temporary.write_bytes(b"trained further")
    monkeypatch.undo()
    manifest.checked(recorded)
    new = killed_before == "the manifest again"
    assert recorded.read_bytes() == (b"trained further" if new else b"what was trained")
    with manifest.replacing(recorded, entry="cvae") as temporary:
        temporary.write_bytes(b"trained to the end")
    assert json.loads((recorded.parent / manifest.NAME).read_text()) == {
        recorded.name: manifest.fingerprint(recorded) | {"entry": "cvae"}
    }
    assert len(list(recorded.parent.iterdir())) == 2
