"""What hostile versions are made of: an honest one that passes, and an index that is read as it was written."""

from editing import refusal

from export import checkpoint, limits
from tfgen.quiet import tf


def test_the_honest_version_that_all_are_made_of_passes(version):
    assert refusal(version) == ""


def test_an_index_is_read_as_it_was_written(version):
    entries = dict(checkpoint.entries((version / limits.INDEX).read_bytes()))
    reader = tf.train.load_checkpoint(str(version / "variables" / "variables"))
    assert {name.decode() for name in entries} - {""} == set(reader.get_variable_to_shape_map())
