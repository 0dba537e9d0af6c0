"""`compile`: what it takes, what it refuses, and how models with phases get their optimisers."""

import keras
import pytest

from zoo.models import aae

PHASES = ("reconstruction", "discriminator", "generator")


@pytest.fixture(scope="module")
def model():
    return aae.AAE(latent_dim=2, hidden_units=(8,))


def test_each_phase_gets_a_copy_of_the_optimiser(model):
    given = keras.optimizers.SGD(0.3, momentum=0.5)
    model.compile(given)
    assert tuple(model.optimizers) == PHASES
    assert len({id(each) for each in (given, *model.optimizers.values())}) == 4
    for each in model.optimizers.values():
        assert each.get_config() == given.get_config()


def test_phases_are_set_one_by_one_and_the_rest_by_the_common_one(model):
    mine = keras.optimizers.SGD(0.1)
    model.compile("adam", generator=mine, discriminator=mine)
    kinds = {phase: type(each) for phase, each in model.optimizers.items()}
    sgd, adam = keras.optimizers.SGD, keras.optimizers.Adam
    assert kinds == {"reconstruction": adam, "discriminator": sgd, "generator": sgd}
    assert model.optimizers["generator"] is not model.optimizers["discriminator"]


def test_learning_rate_of_the_whole_is_that_of_each(model):
    model.compile("sgd")
    model.optimizer.learning_rate = 0.25
    assert [float(each.learning_rate) for each in model.optimizers.values()] == [0.25] * 3
    assert float(model.optimizer.learning_rate) == 0.25


def test_state_of_all_optimisers_is_made_for_the_networks_of_their_phases(model):
    model.compile("adam")
    model.build_optimizers()
    shapes = {phase: [tuple(v.shape) for v in each.variables[2:]] for phase, each in model.optimizers.items()}
    for phase in PHASES:
        expected = [tuple(variable.shape) for variable in model.variables_of(phase) for _ in ("momentum", "velocity")]
        assert sorted(shapes[phase]) == sorted(expected)
    assert len(model.optimizer.variables) == sum(len(each.variables) for each in model.optimizers.values())


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"loss": "mse"}, ValueError, ["loss", "its own loss"]),
        ({"loss_weights": [1]}, ValueError, ["loss_weights"]),
        ({"metrics": ["mse"]}, ValueError, ["metrics", "target", "distortion"]),
        ({"weighted_metrics": ["mse"]}, ValueError, ["weighted_metrics"]),
        ({"generator": "adam"}, ValueError, ["reconstruction, discriminator", "optimizer="]),
        ({"optimizer": "adam", "encoder": "adam"}, TypeError, ["'encoder'", "generator"]),
        ({"optimizer": "adamm"}, ValueError, ["adamm"]),
        ({"optimizer": 3}, ValueError, ["3"]),
    ],
)
def test_what_has_no_meaning_is_refused_with_the_reason(model, options, error, words):
    with pytest.raises(error) as caught:
        model.compile(**options)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_gradients_belong_to_phases(model):
    model.compile("adam")
    with pytest.raises(TypeError, match="each phase has an optimiser of its own: reconstruction"):
        model.optimizer.apply([], [])


def test_model_without_phases_takes_none(small_vae):
    with pytest.raises(TypeError, match="no argument 'generator'"):
        small_vae().compile(generator="adam")
