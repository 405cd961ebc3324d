"""The contract of separators, as a suite of checks for anybody's separator.

scikit-learn's own suite never passes more than labels as y. These checks pass what
separators are for: mixtures X, and components y of shape ``(n_samples, n_components,
...)``. A separator has ``fit(X, y)``, ``transform(X)``, ``predict(X)``, which is the
same, and ``score(X, y)``; fitted, it has ``n_components_``.

Waveforms of shape ``(n_samples, n_times)`` must be separated. Everything else
(several channels, complex spectrograms, images, labels as y, the method ``separate``)
may be lacking: a separator declares so by raising a ValueError in ``fit`` that names
X or y, or by not having the method. The check is then skipped with that reason.
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
