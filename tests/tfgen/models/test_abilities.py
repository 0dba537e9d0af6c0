"""What a model lacks is said with the models that have it; every other name fails as in Python."""

import pytest

from tfgen.storage import entries


@pytest.fixture(scope="module")
def small():
    """A function that builds an entry, small, once."""
    built = {}

    def get(entry: str):
        if entry not in built:
            built[entry] = entries.build(entry, entries.module(entry).SMALL)
        return built[entry]

    return get


@pytest.mark.parametrize(
    ("entry", "name", "words"),
    [
        ("dcgan", "encode", "dcgan has no encoder, which vae, cvae, iaf_vae, aae"),
        ("dcgan", "reconstruct", "dcgan has no encoder, which vae, cvae, iaf_vae, aae"),
        ("dcgan", "elbo", "dcgan has no bound on the likelihood, which vae, cvae, iaf_vae"),
        ("aae", "log_likelihood", "aae has no bound on the likelihood, which vae, cvae, iaf_vae"),
        ("vae", "discriminate", "vae has no discriminator of images, which dcgan"),
    ],
)
def test_the_error_says_who_can(small, entry, name, words):
    model = small(entry)
    with pytest.raises(AttributeError, match=words) as caught:
        getattr(model, name)
    assert str(caught.value).startswith(f"'{type(model).__name__}' object has no attribute '{name}': ")
    assert caught.value.name == name
    assert not hasattr(model, name)


@pytest.mark.parametrize("name", ["encodes", "_encode", "__encode__"])
def test_other_names_fail_as_ever(small, name):
    with pytest.raises(AttributeError, match=f"^'DCGAN' object has no attribute '{name}'$"):
        getattr(small("dcgan"), name)
