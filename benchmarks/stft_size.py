"""Compare lengths of the STFT on generated ECG: `python -m benchmarks.stft_size`.

Relative errors after five epochs for each n_fft, on validation rows: no test row takes
part in a choice.
"""

from sklearn_cass import AESeparator, STFTTransformer
from sklearn_cass.metrics import relative_error

from .experiments import EXPERIMENTS, make
from .markdown import table
from .report import machine

SIZES = (8, 16, 32, 64, 128)
SETTINGS = {"max_epochs": 5, "random_state": 0}


def main():
    """Print a table with a row for each size."""
    rows, _ = EXPERIMENTS["ecg"].quick
    experiment = make("ecg", EXPERIMENTS["ecg"].rows | rows, seed=0)
    training, validation = experiment.rows("train"), experiment.rows("validation")
    print(f"AESeparator, {len(training[0])} rows, {SETTINGS}; {machine()}\n")
    print(table([row_of(n_fft, training, validation) for n_fft in SIZES]))


def row_of(n_fft, training, validation):
    """Return the errors with one size."""
    stft = STFTTransformer(n_fft, n_fft // 4)
    separator = AESeparator(stft=stft, **SETTINGS).fit(*training)
    X, y = validation
    errors = relative_error(y, separator.transform(X)).mean(axis=0)
    sizes = {"n_fft": n_fft, "hop_length": n_fft // 4}
    return sizes | {"maternal L2": float(errors[0]), "fetal L2": float(errors[1])}


if __name__ == "__main__":
    main()
