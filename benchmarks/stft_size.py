"""Which STFT serves generated ECG: relative errors after five epochs for each n_fft.

    python -m benchmarks.stft_size

The rows are those that ``benchmarks.demo`` trains on; a fifth of their traces is kept
for the comparison, so that the test rows of the demonstration take no part in a choice.
"""

from sklearn.model_selection import GroupShuffleSplit

from sklearn_cass import AESeparator, STFTTransformer
from sklearn_cass.metrics import relative_error

from .demo import N_TRAIN
from .experiments import ecg
from .report import machine

SIZES = (16, 32, 64, 128)
SETTINGS = {"max_epochs": 5, "random_state": 0}


def main():
    """Print one line for each size."""
    experiment = ecg(None, N_TRAIN["quick"], seed=0)
    X, y, groups = experiment.rows("train")
    splitter = GroupShuffleSplit(1, test_size=0.2, random_state=0)
    ((train, kept),) = splitter.split(X, groups=groups)
    print(f"AESeparator, {len(train)} rows, {SETTINGS}; {machine()}")
    print(f"{'n_fft':>6}{'hop':>5}{'maternal L2':>13}{'fetal L2':>10}")
    for n_fft in SIZES:
        stft = STFTTransformer(n_fft, n_fft // 4)
        separator = AESeparator(stft=stft, **SETTINGS).fit(X[train], y[train])
        errors = relative_error(y[kept], separator.transform(X[kept])).mean(axis=0)
        print(f"{n_fft:6}{n_fft // 4:5}{errors[0]:13.3f}{errors[1]:10.3f}", flush=True)


if __name__ == "__main__":
    main()
