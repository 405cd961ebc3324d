"""Figures of separations and trainings, drawn with matplotlib.

A Display holds what is drawn; make it with a ``from_...`` class method, draw it again
with ``plot``, and find the drawing in ``figure_`` and ``axes_``.
"""

from ._displays import DiscriminationDisplay, ErrorCurveDisplay, SeparationDisplay

__all__ = ["DiscriminationDisplay", "ErrorCurveDisplay", "SeparationDisplay"]
