"""Checks that a separator, also one of another package, keeps the contract.

The checks of scikit-learn pass only labels as y. These pass mixtures X, and components
y of shape ``(n_samples, n_components, ...)``. A separator has the methods ``fit(X,
y)``, ``transform(X)``, ``predict(X)``, which returns the same, and ``score(X, y)``, and
after ``fit`` the attribute ``n_components_``.

Waveforms of shape ``(n_samples, n_times)`` must be supported. Everything else (several
channels, complex spectrograms, images, labels as y, the method ``separate``) is
optional: a separator without support raises a ValueError in ``fit`` that names X or y,
or does not have the method. The check is then skipped with that reason.
"""

from ._suite import (
    check_separator,
    parametrize_with_separator_checks,
    separator_checks_generator,
)

__all__ = [
    "check_separator",
    "parametrize_with_separator_checks",
    "separator_checks_generator",
]
