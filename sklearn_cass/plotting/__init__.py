"""Displays of separations, of training and of searches, drawn with matplotlib.

A Display holds the data of a figure. It is created by its constructor or by a class
method ``from_...``, which also draws it, and drawn by ``plot``; ``figure_`` and
``axes_`` are matplotlib's objects. Where an estimator is wanted, a separator, a
``Pipeline`` with a separator at its end or a search such as ``GridSearchCV`` may be
passed. matplotlib is an optional dependency: ``pip install sklearn-cass[plot]``.
"""

from ._search import CrossWeightsDisplay
from ._separation import SeparationDisplay
from ._training import DiscriminationDisplay, ErrorCurveDisplay

__all__ = [
    "CrossWeightsDisplay",
    "DiscriminationDisplay",
    "ErrorCurveDisplay",
    "SeparationDisplay",
]
