"""The session in front of TensorFlow's C library names what it refuses."""

import numpy as np
import pytest

from export.session import Session, SessionError


def test_the_session_names_what_it_refuses(plain_session):
    with pytest.raises(SessionError, match="there is no signature 'draw'; there are"):
        plain_session.run("draw", {})
    with pytest.raises(SessionError, match=r"sample takes \['seed'\], got \['seeds'\]"):
        plain_session.run("sample", {"seeds": np.arange(2)})
    with pytest.raises(SessionError, match=r"\[2,7\]"):
        plain_session.run("decode", {"latent": np.zeros((2, 7), np.float32)})
    with pytest.raises(SessionError, match="a tensor of dtype bool is fed; there are float32"):
        plain_session.run("sample", {"seed": np.array([True])})
    with pytest.raises(SessionError, match="cannot be read: No such file"):
        Session("/nowhere")
