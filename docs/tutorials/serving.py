# %% [markdown]
# # From training to TensorFlow Serving
#
# A model in a notebook helps nobody but you. Here you train a small one, export it, have the export verified, serve
# it, ask it over the network, publish a better version under traffic, and roll back. Everything runs on your machine:
# the server is tfgen's own for development, which speaks the REST interface of TensorFlow Serving. At the end stands
# the one command that starts the real one.
#
# It runs in about two minutes.

# %%
import atexit
import json
import re
import shutil
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np

import tfgen
from export.client import Client, ServingError
from tfgen import data
from tfgen.figures import grid
from zoo.models.cvae import CVAE

import keras  # behind tfgen, which silences what TensorFlow prints when it is imported


def run(*arguments):
    """`python ARGUMENTS`, with what it prints."""
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True)
    print(done.stdout + done.stderr, end="")
    if done.returncode:
        print(f"exit code {done.returncode}")


# %% [markdown]
# ## 1. Train
#
# A conditional VAE of scikit-learn's small digits, for a few seconds. It will not be good. It is a Keras model, so this
# is Keras's own `fit`.

# %%
digits = data.load("digits")
keras.utils.set_random_seed(0)  # the same weights and noise in every run
model = CVAE(latent_dim=10, hidden_units=(256, 256))
model.compile("adam")
history = model.fit(digits.train.images, digits.train.labels, epochs=30, batch_size=50, verbose=0)
print(f"loss {history.history['loss'][0]:.0f} -> {history.history['loss'][-1]:.0f} nats per picture")

run_1 = model.save_run("runs/first", dataset="digits")
print(*sorted(path.name for path in run_1.iterdir() if path.is_file()))

# %% [markdown]
# `save_run` writes what every command takes: configuration, weights, and their SHA-256. A run that `python -m
# zoo.train` wrote would do as well.
#
# ## 2. Export
#
# A server does not run your Python. It runs a graph of TensorFlow operations, frozen in a *SavedModel*, and it runs
# that for years. So the export is pedantic: before a version appears, a fresh process without Keras loads it with the
# same C++ code that TensorFlow Serving runs, and compares its answers with those of your model.
#
# **Before you run it:** what could go wrong between your model and its export? Write down three things, and look for
# them in the table.

# %%
run("-m", "export", "runs/first", "--to", "served")

# %% [markdown]
# The last lines name what was written. A version is a folder with a number, and a server takes the highest:

# %%
for path in sorted(Path("served").rglob("*")):
    if path.is_file() and not path.name.startswith("."):
        print(f"{path.stat().st_size:9,}  {path}")

# %% [markdown]
# `signatures.json` is the contract: what the server can be asked, with dtypes and shapes. The *golden requests* are
# eight rows for each signature with the answers of your Python model. The warm-up records make the server run each
# signature once before it accepts traffic.
#
# You can verify a version again at any time, for instance on the machine that will serve it:

# %%
run("-m", "export.verify", "served/cvae/1")

# %% [markdown]
# What happens to a version that somebody damaged on the way? Copy it, flip one byte of its weights, and ask again.

# %%
shutil.copytree("served/cvae/1", "damaged")
weights = next(Path("damaged/variables").glob("*.data-*"))
content = bytearray(weights.read_bytes())
content[len(content) // 2] ^= 1
weights.write_bytes(content)
run("-m", "export.verify", "damaged")

# %% [markdown]
# ## 3. Serve
#
# `export.serve` is for development and for tests. Port 0 takes a free one, which it prints.

# %%
server = subprocess.Popen(
    [sys.executable, "-m", "export.serve", "served", "--port", "0"], stdout=subprocess.PIPE, text=True
)
atexit.register(server.kill)  # also if this script fails on the way
address = ""
while not address:
    line = server.stdout.readline()
    if not line:
        raise RuntimeError("the server ended before it listened")
    found = re.search(r"http://[^/]+", line)
    address = found[0] if found else ""
print("listening")

# %% [markdown]
# ## 4. Ask
#
# The interface is plain JSON over HTTP. Any language can speak it:

# %%
body = json.dumps({"signature_name": "sample", "instances": [{"seed": 1, "label": 5}]}).encode()
with urllib.request.urlopen(f"{address}/v1/models/cvae:predict", body) as answer:
    image = np.array(json.load(answer)["predictions"][0])
print(image.shape, f"values from {image.min():.3f} to {image.max():.3f}")

# %% [markdown]
# From Python the client is shorter. It has the methods of the model, needs no TensorFlow, and checks every answer
# against the contract.
#
# Sampling is *stateless*: the noise of a row comes from the row's own seed and from nothing else. So the server must
# give the same pictures as the model in this process, whatever else it is asked at the same time.
#
# **Before you look:** how large will the difference between both rows be?

# %% First row: digits from the server. Second row: the same from the model in this process; they look alike
client = Client(address, "cvae")
labels = list(range(10))
served = client.sample(10, label=labels, seed=7)
local = np.asarray(model.sample(10, label=labels, seed=7))
print("signatures:", ", ".join(sorted(client.signatures)))
print(f"largest difference: {np.abs(served - local).max():.1g}")
grid(np.concatenate([served, local]), columns=10, row_labels=["served", "local"], column_labels=labels).saved(
    "serving-samples.png"
)

# %% [markdown]
# And the same with a hundred rows in one request, of which the first ten are these:

# %%
many = client.sample(100, label=labels * 10, seed=7)
print(f"difference of the first ten: {np.abs(many[:10] - served).max():.1g}")
elbo, log_likelihood = client.score(digits.test.images[:3] > 127, label=digits.test.labels[:3], seed=0)
print("log p(x) of three test pictures:", np.round(log_likelihood, 1))

# %% [markdown]
# ## 5. Ask for nonsense
#
# Clients make mistakes. What they get back should say which.

# %%
try:
    client.sample(1, label=12, seed=0)
except (ValueError, ServingError) as error:
    print(f"label 12:        {error}")
try:
    client.decode([[1.0, 2.0]])
except (ValueError, ServingError) as error:
    print(f"a short latent:  {error}")
try:
    urllib.request.urlopen(f"{address}/v1/models/cvae:predict", b'{"instances": [{"sed": 1, "label": 5}]}')
except urllib.error.HTTPError as error:
    print(f"a typing error:  {error.code} {json.load(error)['error'][:150]}")

# %% [markdown]
# A label that does not exist gives a row of NaN and leaves its neighbours alone. An error inside the graph would fail
# every request that the server has merged into the same batch, and that is worse.
#
# ## 6. A better version, under traffic
#
# Train on, and export again. The new version is 2; version 1 is not touched. The server looks for new versions every
# second. Meanwhile another client goes on asking: it must not notice anything but better pictures.

# %%
over, answered, failed = threading.Event(), [], []


def ask_on():
    with Client(address, "cvae") as another:
        while not over.wait(0.2):
            try:
                answered.append(another.sample(1, label=3, seed=0))
            except ServingError as error:
                failed.append(error)


def version():
    with urllib.request.urlopen(f"{address}/v1/models/cvae") as answer:
        states = json.load(answer)["model_version_status"]
    return [int(each["version"]) for each in states if each["state"] == "AVAILABLE"]


traffic = threading.Thread(target=ask_on)
traffic.start()
model.fit(digits.train.images, digits.train.labels, epochs=100, batch_size=50, verbose=0)
model.save_run("runs/second", dataset="digits")
subprocess.run([sys.executable, "-m", "export", "runs/second", "--to", "served"], capture_output=True, check=True)
while version() != [2]:
    time.sleep(0.2)
time.sleep(1)
over.set()
traffic.join()
print(f"the server now answers with version {version()[0]}")
print(f"requests that failed meanwhile: {len(failed)}; different answers: {len({one.tobytes() for one in answered})}")

# %% [markdown]
# Two different answers to one and the same request: those of version 1, and from some moment on those of version 2.
#
# **Before you look:** the seeds are the same, the weights are not. Will the digits have the same shapes?

# %% First row: version 1. Second row: version 2, trained for longer, with the same seeds
better = client.sample(10, label=labels, seed=7)
grid(np.concatenate([served, better]), columns=10, row_labels=["version 1", "version 2"], column_labels=labels).saved(
    "serving-versions.png"
)

# %% [markdown]
# Related, but not the same: a seed fixes the code, and the longer training has moved what a code means. If version 2
# turns out to be worse, you want version 1 back *now*, and you do not want to think. Labels do that: clients ask for
# `stable`, and you decide which version that is. (In Python: `Client(address, "cvae", version_label="stable")`.)

# %%
run("-m", "export.rollout", "served/cvae", "--label", "stable=1", "--label", "canary=2")

# %% [markdown]
# The note is about a trap of TensorFlow Serving: it refuses a label for a version that it has not loaded, and until now
# it was told to keep the newest alone. The command has written both versions and the labels to `models.config`, which
# the server reads while it serves ([guide](../serving.md)).
#
# ## 7. The real server
#
# Stop the small one. The folder `served` is complete: it holds `models.config`, `batching.config`, `docker-compose.yml`
# and `kubernetes.yaml`. On a machine with Docker the real server starts with
#
#     cd served && docker compose up
#
# and everything above works unchanged on port 8501, or, with `Client("grpc://localhost:8500", "cvae")`, on 8500. To
# check the running server, replay the golden requests on it: `python -m export.replay served/cvae/2 --url
# http://localhost:8501`.

# %%
run("-m", "export.replay", "served/cvae/2", "--url", address)
client.close()
server.terminate()
server.wait()
print(tfgen.load("runs/second").entry, "is still here: a run loads as it was saved")

# %% [markdown]
# ## What to try next
#
# - `python -m export.benchmark served/cvae/2` prints latency and images per second of each signature.
# - `python -m export.play runs/second` opens a page in the browser on which you move the code of the model by hand.
# - Export the weights that ship: `python -m export iaf_vae --to served`. Two models then share the folder and the
#   server.
# - Read [how an export is verified](../verification.md), and what that does not prove.
