"""Displays of separated waveforms and of training, drawn with matplotlib.

A Display holds the data of a figure. It is created by its constructor or by a class
method ``from_...``, and drawn by ``plot``; ``figure_`` and ``axes_`` are matplotlib's
objects. matplotlib is an optional dependency: ``pip install sklearn-cass[plot]``.
"""

from ._displays import DiscriminationDisplay, ErrorCurveDisplay, SeparationDisplay

__all__ = ["DiscriminationDisplay", "ErrorCurveDisplay", "SeparationDisplay"]
