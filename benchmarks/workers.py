"""Compare a grid search in one process and in two: `python -m benchmarks.workers`.

Four candidates and two folds on generated ECG, with one and two workers in turns; times
of different runs cannot be compared.
"""

import statistics
import time

from joblib import Parallel, delayed
from sklearn.model_selection import GridSearchCV

from sklearn_cass import AESeparator
from sklearn_cass.datasets import make_ecg_mixtures

from .report import machine

N_ROUNDS = 3


def seconds(n_jobs, ecg):
    """Return the seconds of a search."""
    grid = {"lr": [2e-3, 4e-3, 6e-3, 8e-3]}
    separator = AESeparator(max_epochs=1, random_state=0)
    search = GridSearchCV(separator, grid, cv=2, n_jobs=n_jobs, refit=False)
    start = time.perf_counter()
    search.fit(ecg.data, ecg.target)
    return time.perf_counter() - start


def main():
    """Print the times and their ratio."""
    ecg = make_ecg_mixtures(n_samples=384, random_state=0)
    print(f"AESeparator, 384 rows, 4 candidates, 2 folds, seed 0; {machine()}")
    # imports of the workers and first convolutions are not measured
    Parallel(n_jobs=2)(delayed(seconds)(1, ecg) for _ in range(2))
    times = [[seconds(n_jobs, ecg) for n_jobs in (1, 2)] for _ in range(N_ROUNDS)]
    ratios = []
    for one, two in times:
        ratios.append(two / one)
        print(f"n_jobs=1 {one:6.1f} s   n_jobs=2 {two:6.1f} s   ratio {ratios[-1]:.2f}")
    print(f"median ratio {statistics.median(ratios):.2f}")


if __name__ == "__main__":
    main()
