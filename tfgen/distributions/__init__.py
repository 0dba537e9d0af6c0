"""The distributions of the zoo, as TensorFlow Probability objects.

likelihoods      p(x|z): pixels given the raw parameters of a decoder, and how training images are prepared for them
posteriors       q(z|x): normal, with a diagonal or a full covariance
priors           p(z): standard normal, uniform, petals
learned_priors   p(z) whose parameters are learned with the model
divergence       KL(q(z|x) || p(z)), in closed form or at samples
categorical      codes of categorical variables: one-hot draws, and relaxed ones
flows            inverse autoregressive flow, RealNVP

Every normal here is a bijector over standard normal noise, so `q.bijector.forward(noise)` is the reparameterised sample
z = mu + L eps (Kingma and Welling 2014, section 2.4), whoever drew the noise and however it was seeded.
"""

from tfgen import quiet

quiet.import_tensorflow()
