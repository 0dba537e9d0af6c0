# %% [markdown]
# # Your first VAE on your own pictures
#
# You have a folder of pictures, of products, leaves, faces or icons. Here you train a variational autoencoder on it: a
# model that squeezes each picture into a few numbers, its *code*, and draws pictures from codes. You then draw new
# pictures, walk from one to another, find out what the numbers mean, measure how good the model is, find odd pictures,
# and keep the model.
#
# The script runs as it is: it draws its own folder of a thousand faces. To use yours, say where it is before you start:
#
#     PICTURES=my-photos python docs/tutorials/own_pictures.py
#
# It runs in about two minutes.

# %%
import os
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from sklearn.decomposition import PCA

import tfgen
from tfgen import data
from tfgen.figures import Picture, grid
from zoo.models.vae import VAE

import keras  # behind tfgen, which silences what TensorFlow prints when it is imported

keras.utils.set_random_seed(0)  # the same weights and noise in every run
random = np.random.default_rng(0)

# %% [markdown]
# ## 1. A folder
#
# A folder is all that is needed: PNG, JPEG, GIF, BMP or WebP, of any size, in sub-folders or not. The faces below
# differ in six things: two of place, size, colour, eyes and mood. Nobody will tell the model.


# %%
def draw_face(path):
    """A face of a random colour and place, with eyes and a mouth of a random size and mood."""
    side = 96
    picture = Image.new("RGB", (side, side), "white")
    pen = ImageDraw.Draw(picture)
    x, y = side / 2 + random.uniform(-7, 7, size=2)
    radius, mood, eye = random.uniform(26, 38), random.uniform(-1, 1), random.uniform(3, 7)
    skin = tuple(int(value) for value in np.array([255, 205, 60]) + random.uniform(0, 1) * np.array([-120, -10, 150]))
    pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=skin, outline=(90, 60, 30), width=3)
    for sign in (-1, 1):
        center = x + sign * radius * 0.4
        pen.ellipse((center - eye, y - radius * 0.3 - eye, center + eye, y - radius * 0.3 + eye), fill=(40, 30, 20))
    across = np.linspace(-0.5, 0.5, 21) * radius
    down = y + radius * (0.42 + 0.28 * mood * (0.5 - 4 * (across / radius) ** 2))
    pen.line([*zip(x + across, down, strict=True)], fill=(40, 30, 20), width=5)
    picture.save(path)


folder = Path(os.environ.get("PICTURES", "faces"))
if "PICTURES" not in os.environ and not folder.exists():
    folder.mkdir()
    for number in range(1000):
        draw_face(folder / f"{number:04}.png")
    odd = Image.new("RGB", (96, 96), "white")  # one picture that does not belong here
    ImageDraw.Draw(odd).polygon([(48, 12), (86, 82), (10, 82)], fill=(200, 40, 40), outline=(90, 60, 30), width=3)
    odd.save(folder / "0500.png")

# %% [markdown]
# `data.load` reads it: crops each picture to a square, resizes it, and splits the folder into pictures to train on, to
# choose by (validation), and to report on (test). Small pictures train fast. 24 x 24 pixels are enough to begin with.

# %% The first pictures of the folder, 24 x 24 pixels each
pictures = data.load(folder, image_size=24)
for name, split in [("train", pictures.train), ("validation", pictures.validation), ("test", pictures.test)]:
    print(f"{name:10} {split.images.shape} {split.images.dtype}")
tfgen.show(pictures.train.images[:20], columns=10).saved("own-folder.png")

# %% [markdown]
# **Look before you train.** Are they the right way up? Is the crop sensible? Most disappointments with own data are
# visible here.
#
# ## 2. A model
#
# The model has a prior over codes, a decoder that says how each pixel is distributed given a code, and an encoder that
# guesses codes from pictures:
#
#     p(z)   = N(0, I)                                  8 numbers
#     p(x|z) = N(x; decoder(z), s^2)                    for each colour value of each pixel; s is learned
#     q(z|x) = N(m(x), t(x)^2)
#
#     loss = E_q[-log p(x|z)] + KL(q(z|x) || p(z))      distortion + rate, in nats
#
# The distortion says how badly the decoder describes the picture, the rate how much the code tells about it. Their sum
# bounds -log p(x) from above. ([From a coin to the ELBO](coin.md) explains why.)

# %%
model = VAE(
    image_shape=pictures.image_shape,
    likelihood="normal_global_stddev",  # "bernoulli" for black and white pictures
    latent_dim=8,
    hidden_units=(256, 256),
)
print(f"{model.parameter_count():,} parameters")

# %% [markdown]
# ## 3. Train
#
# This is Keras's own `fit`, so callbacks, validation and history are what you know. `compile_recipe` sets the optimiser
# that the library's own command uses, with a learning rate that falls towards the end.

# %%
batch_size = 50
steps_per_epoch = -(-len(pictures.train.images) // batch_size)
epochs = max(10, 1600 // steps_per_epoch)  # some 1,600 steps, however many pictures there are
model.compile_recipe(learning_rate=4e-3, steps=epochs * steps_per_epoch)
history = model.fit(
    pictures.train.images,
    validation_data=(pictures.validation.images,),
    epochs=epochs,
    batch_size=batch_size,
    verbose=0,
).history
for epoch in (1, epochs // 10, epochs // 3, epochs):
    print(f"epoch {epoch:3}  loss {history['loss'][epoch - 1]:7.0f}  validation {history['val_loss'][epoch - 1]:7.0f}")

# %% [markdown]
# **Before you look:** if the model learned its pictures by heart, which of the two curves would turn up again?

# %% Loss on training and validation pictures over the epochs
figure = Picture(figsize=(6, 2.8), dpi=100, layout="constrained")
axes = figure.subplots()
for name, label in [("loss", "training"), ("val_loss", "validation")]:
    axes.plot(range(1, epochs + 1), history[name], label=label)
axes.set(xlabel="epoch", ylabel="nats per picture", ylim=(min(history["loss"]) - 100, history["loss"][1]))
axes.legend(frameon=False)
figure.saved("own-history.png")

# %% [markdown]
# The validation curve. If yours turns up: stop earlier, take more pictures, or a smaller model.
#
# ## 4. What does it remember?
#
# The first test of an autoencoder: test pictures that it has never seen, above, and their copies through eight numbers,
# below.
#
# **Before you look:** which detail will be lost first?

# %% First row: test pictures. Second row: their copies through the code
test = pictures.test.images[:10]
copies = np.asarray(model.reconstruct(test))
grid(np.concatenate([test / 255, copies]), columns=10, row_labels=["test", "copy"]).saved("own-copies.png")

# %% [markdown]
# The mood: a mouth is a few pixels, so it is worth few nats, and the code learns it last. What is soft in the copies is
# what the code leaves open ([why VAEs blur](blur.md)).
#
# ## 5. New pictures
#
# Draw codes from the prior, decode them. None of these is in your folder.

# %% Twenty new pictures, drawn from the model
tfgen.show(model.sample(20, seed=0), columns=10).saved("own-samples.png")

# %% [markdown]
# Some are good, some are smudges: their codes fell where no picture of the folder has its code. A longer training
# helps, and so does a [prior that is learned](flows.md).
#
# Between two pictures lies a line of codes:

# %% Three lines, each from one test picture to another through the code
lines = model.interpolate(test[:3], test[3:6], steps=10)
tfgen.show(lines).saved("own-lines.png")

# %% [markdown]
# ## 6. What do the numbers mean?
#
# Nobody told the model that faces have a mood. Did it find out? First: which of the eight numbers are used at all? A
# dimension whose posterior is the prior carries nothing, and the rate of a dimension says how much it carries.

# %%
mean, stddev = (np.asarray(part) for part in model.encode(pictures.test.images))
rates = np.mean((mean**2 + stddev**2 - 1) / 2 - np.log(stddev), axis=0)
print("nats in each dimension:", *(f"{value:.1f}" for value in np.sort(rates)[::-1]))
print(f"dimensions in use: {np.sum(rates > 0.1)}")

# %% [markdown]
# Now move one number at a time, from -2.5 to 2.5, and leave the others as they are for one picture.
#
# **Before you look:** six things vary in the faces. How many rows will show just one of them?

# %% A row for each dimension in use: what changes when this number alone goes from -2.5 to 2.5
order = np.argsort(-rates)[: min(6, np.sum(rates > 0.1))]
codes = np.repeat(mean[None, :1], 9, axis=1).repeat(len(order), axis=0)  # [rows, 9, Z]
for row, dimension in enumerate(order):
    codes[row, :, dimension] = np.linspace(-2.5, 2.5, 9)
walk = model.decode(codes.reshape(-1, model.latent_dim))
grid(np.asarray(walk), columns=9, row_labels=[f"z{dimension}" for dimension in order]).saved("own-walk.png")

# %% [markdown]
# Some numbers move one thing, some move several together. Nothing in the loss asks for one thing in each dimension.
#
# ## 7. How good is it?
#
# A number alone says little. Put a simple method with as many numbers beside it: PCA, which also squeezes a picture
# into a code, but by straight lines only. Below both stands the average picture, with no code at all. A model worth
# keeping is better than PCA, on pictures that neither has seen.

# %%
flat = [split.images.reshape(len(split.images), -1) / 255 for split in (pictures.train, pictures.test)]
pca = PCA(model.latent_dim).fit(flat[0])
by_pca = pca.inverse_transform(pca.transform(flat[1]))
by_model = np.asarray(model.reconstruct(pictures.test.images)).reshape(flat[1].shape)
print("root mean squared error of a colour value, of 255")
for name, copy in [
    ("the model", by_model),
    (f"PCA, {model.latent_dim} numbers", by_pca),
    ("the average", flat[0].mean(0)),
]:
    print(f"{name:16} {255 * np.sqrt(np.mean((copy - flat[1]) ** 2)):5.1f}")
measured = model.evaluate(pictures.test.images, verbose=0, return_dict=True)
print("test:", "  ".join(f"{name} {measured[name]:.1f}" for name in ("neg_elbo", "rate", "distortion")), "nats")

# %% [markdown]
# ## 8. Which pictures do not belong?
#
# A model of your pictures notices the odd ones. How far is each picture from its copy?

# %% The ten strangest pictures of the folder, the strangest first
everything = np.concatenate([pictures.train.images, pictures.validation.images, pictures.test.images])
strangeness = tfgen.tasks.anomaly_score(model, everything, score="reconstruction")
strangest = np.argsort(-strangeness)[:10]
print(
    "squared errors:", *(f"{value:.1f}" for value in strangeness[strangest]), f"  median {np.median(strangeness):.1f}"
)
tfgen.show(everything[strangest], columns=10).saved("own-strange.png")

# %% [markdown]
# One of the drawn files is no face, and it should come first. In your own folder this finds pictures of another
# product, upside-down scans, and screenshots. For alarms that keep a promise, see [anomaly detection that you can
# trust](anomalies.md).
#
# ## 9. Keep it

# %%
run = model.save_run("my-first-vae", dataset=str(folder))
again = tfgen.load(run)
same = np.array_equal(again.sample(4, seed=0), model.sample(4, seed=0))
print(f"loaded from {run}: the same samples? {same}")

# %% [markdown]
# The run is a folder that all commands take:
#
#     python -m zoo.sample my-first-vae --n 64 --out samples.png
#     python -m zoo.apply anomaly my-first-vae --dataset my-new-pictures
#     python -m export.play my-first-vae             # move the code by hand, in the browser
#     python -m export my-first-vae --to served      # for TensorFlow Serving
#
# And all of the above without any Python of your own:
#
#     python -m zoo.train vae --dataset my-photos --image-size 32
#
# which trains for as long as the recipe says, keeps the best weights, writes checkpoints, and can be stopped and
# resumed.
#
# ## What to try next
#
# - Your own folder. Photographs and icons vary in more ways than faces do: begin with `latent_dim=32`. With a few
#   hundred pictures add `augment`: `python -m zoo.train vae --dataset my-photos --image-size 32 --augment flip shift`.
# - `latent_dim=2`. Which of the six things survive in two numbers?
# - `prior="flow"`: are the samples better? ([flows in the posterior and in the prior](flows.md))
# - Put your pictures into a sub-folder for each class and train `cvae`: then you can ask for a class.
# - [The guide to data](../data.md) goes on from here.
