"""What lies beside the versions: a server's configuration for every model of a folder, and a README for each model."""

import importlib.resources
import string
from pathlib import Path

from export import publish
from tfgen import files

MODELS = "models.config"
ONCE = ("batching.config", "monitoring.config", "docker-compose.yml")  # written if absent: they are the user's to edit
HEADER = "# Written by every `python -m export` to this folder, from the models that it holds.\n"


def write(folder: Path, name: str, facts: dict) -> None:
    """Writes the configuration of a folder of models, and the README of one of them.

    Args:
        folder: holds models.config and one folder a model.
        name: the model whose README is written.
        facts: what its `signatures.json` holds.
    """
    with publish.locked(folder):
        files.write_text(folder / MODELS, models_config(folder))
        for file in ONCE:
            if not (folder / file).exists():
                files.write_text(folder / file, _template(file))
    files.write_text(folder / name / "README.md", readme(name, facts))


def models_config(folder: Path) -> str:
    """The text of models.config: every folder with a numbered SavedModel in it is a model of the server."""
    names = sorted({path.parent.parent.name for path in folder.glob("*/[0-9]*/saved_model.pb")})
    configs = [
        f'  config {{ name: "{name}" base_path: "/models/{name}" model_platform: "tensorflow" }}' for name in names
    ]
    return "\n".join([f"{HEADER}model_config_list {{", *configs, "}"]) + "\n"


def readme(name: str, facts: dict) -> str:
    """The README of one model: how to run a server, and how to ask it, line by line."""
    conditional = facts["capabilities"]["conditional"]
    digits = ', "digit": 5' if conditional else ""
    rows = ", ".join(f'{{"seed": {seed}{digits}}}' for seed in (0, 1))
    zeros = f"[{', '.join(['0.0'] * facts['capabilities']['latent_dim'])}]"
    curl = [
        f'curl -d \'{{"signature_name": "sample", "instances": [{rows}]}}\'',
        f'curl -d \'{{"signature_name": "decode", "instances": [{{"latent": {zeros}{digits}}}]}}\'',
    ]
    grpc = ["inputs = {'seed': [0, 1]" + (", 'digit': [5, 5]}" if conditional else "}")]
    grpc += ["for key, value in inputs.items():"]
    grpc += ["    request.inputs[key].CopyFrom(tf.make_tensor_proto(value, tf.int64))"]
    return string.Template(_template("README.md")).substitute(
        name=name,
        curl=_indented(f"{line} \\\n        http://localhost:8501/v1/models/{name}:predict" for line in curl),
        python=_indented(_calls(facts)),
        grpc=_indented(grpc),
    )


def _calls(facts: dict) -> list[str]:
    """A line of Python for every signature that a model has."""
    capabilities = facts["capabilities"]
    digit = ", digit=5" if capabilities["conditional"] else ""
    answers = {
        "sample": f"image = client.sample(4{digit}, seed=0)  # float32 [4, 28, 28, 1] in [0, 1]",
        "decode": f"image = client.decode(latent{digit})  # latent: float32 [B, {capabilities['latent_dim']}]",
        "encode": f"latent_mean, latent_stddev = client.encode(image{digit})",
        "reconstruct": f"image = client.reconstruct(image{digit})",
        "score": f"elbo, log_likelihood = client.score(image{digit}, seed=0)  # nats, K = {facts.get('score_samples')}",
        "discriminate": "logit = client.discriminate(image)",
    }
    if capabilities["posterior"] == "draw":
        answers["encode"] = f"latent, log_density = client.encode(image{digit}, seed=0)"
    return [line for name, line in answers.items() if name in facts["signatures"]]


def _indented(lines) -> str:
    return "\n".join(f"    {line}" for line in lines)


def _template(name: str) -> str:
    return (importlib.resources.files("export") / "templates" / name).read_text()
