"""Compare lengths of the STFT on generated ECG: `python -m benchmarks.stft_size`.

Relative errors after five epochs for each n_fft, on rows from traces of their own.
"""

from sklearn_cass import AESeparator, STFTTransformer
from sklearn_cass.metrics import relative_error

from .markdown import table
from .report import machine
from .signals import ecg_split

SIZES = (16, 32, 64, 128)
N_TRAIN, N_TEST = 768, 192
SETTINGS = {"max_epochs": 5, "random_state": 0}


def main():
    """Print a table with a row for each size."""
    (X, y), test = ecg_split(N_TRAIN, N_TEST, seed=0)
    print(f"AESeparator, {len(X)} rows, {SETTINGS}; {machine()}\n")
    print(table([row_of(n_fft, X, y, *test) for n_fft in SIZES]))


def row_of(n_fft, X, y, X_test, y_test):
    """Return the errors with one size."""
    stft = STFTTransformer(n_fft, n_fft // 4)
    separator = AESeparator(stft=stft, **SETTINGS).fit(X, y)
    errors = relative_error(y_test, separator.transform(X_test)).mean(axis=0)
    sizes = {"n_fft": n_fft, "hop_length": n_fft // 4}
    return sizes | {"maternal L2": float(errors[0]), "fetal L2": float(errors[1])}


if __name__ == "__main__":
    main()
