"""The progress bar, with and without a console."""

import io
import sys

import pytest
from cases import FAST, equal_states, make_mixtures, states

from sklearn_cass import AESeparator


class Broken:
    """A pipe that nobody reads."""

    def write(self, text=""):
        raise BrokenPipeError(32, "Broken pipe")

    flush = write


def closed():
    stream = io.StringIO()
    stream.close()
    return stream


STREAMS = {
    "none": lambda: None,  # pythonw
    "closed": closed,
    "broken": Broken,
    "no stream": object,
    "cp1252": lambda: io.TextIOWrapper(io.BytesIO(), encoding="cp1252"),
    "ascii": lambda: io.TextIOWrapper(io.BytesIO(), encoding="ascii"),
}


@pytest.mark.parametrize("make", STREAMS.values(), ids=STREAMS)
def test_fit_needs_no_console(make, monkeypatch, tmp_path):
    X, y = make_mixtures()
    expected = AESeparator(**FAST).fit(X, y)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", make())
        patch.setattr(sys, "stdout", make())
        separator = AESeparator(**FAST, verbose=1, checkpoint=tmp_path).fit(X, y)
    assert all(map(equal_states, states(separator), states(expected)))


def test_bar_counts_all_batches(capsys):
    AESeparator(**FAST | {"max_epochs": 2}, verbose=1).fit(*make_mixtures())
    shown = capsys.readouterr().err
    assert "epoch 2/2" in shown
    assert "4/4" in shown  # two batches in each epoch
