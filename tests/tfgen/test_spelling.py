"""The name that was meant, whatever the case it is written in."""

import pytest

from tfgen import spelling


@pytest.mark.parametrize(
    ("word", "words"),
    [
        ("vea", " (did you mean 'vae'?)"),
        ("VAE", " (did you mean 'vae'?)"),
        ("sandel", " (did you mean 'Sandal'?)"),
        ("xyz", ""),
        ("", ""),
    ],
)
def test_the_closest_name_is_suggested(word, words):
    assert spelling.meant(word, ("vae", "cvae", "Sandal", 7)) == words


def test_who_has_something_is_one_or_several():
    assert spelling.had_by(["vae"]) == ", which vae has"
    assert spelling.had_by(["vae", "aae"]) == ", which vae, aae have"
    assert spelling.had_by([]) == ""
