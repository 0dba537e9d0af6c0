"""What hostile versions are made of: an honest one that passes, and an index that is read as it was written."""

import pytest
from editing import honest, refusal

from export import checkpoint, limits
from tfgen.quiet import tf


@pytest.fixture(scope="module")
def version(tmp_path_factory):
    return honest(tmp_path_factory.mktemp("honest"))


def test_the_honest_version_that_all_are_made_of_passes(version):
    assert refusal(version) == ""


def test_an_index_is_read_as_it_was_written(version):
    entries = dict(checkpoint.entries((version / limits.INDEX).read_bytes()))
    reader = tf.train.load_checkpoint(str(version / "variables" / "variables"))
    assert {name.decode() for name in entries} - {""} == set(reader.get_variable_to_shape_map())
