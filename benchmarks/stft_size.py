"""Which STFT serves generated ECG: relative errors after five epochs for each n_fft.

    python -m benchmarks.stft_size

The errors are those of validation rows: no test row takes part in a choice.
"""

from sklearn_cass import AESeparator, STFTTransformer
from sklearn_cass.metrics import relative_error

from .experiments import EXPERIMENTS, make
from .report import machine

SIZES = (16, 32, 64, 128)
SETTINGS = {"max_epochs": 5, "random_state": 0}


def main():
    """Print one line for each size."""
    rows, _ = EXPERIMENTS["ecg"].quick
    experiment = make("ecg", EXPERIMENTS["ecg"].rows | rows, seed=0)
    X, y = experiment.rows("train")
    X_validation, y_validation = experiment.rows("validation")
    print(f"AESeparator, {len(X)} rows, {SETTINGS}; {machine()}")
    print(f"{'n_fft':>6}{'hop':>5}{'maternal L2':>13}{'fetal L2':>10}")
    for n_fft in SIZES:
        stft = STFTTransformer(n_fft, n_fft // 4)
        separator = AESeparator(stft=stft, **SETTINGS).fit(X, y)
        errors = relative_error(y_validation, separator.transform(X_validation))
        maternal, fetal = errors.mean(axis=0)
        print(f"{n_fft:6}{n_fft // 4:5}{maternal:13.3f}{fetal:10.3f}", flush=True)


if __name__ == "__main__":
    main()
