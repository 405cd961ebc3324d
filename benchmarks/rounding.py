"""Rounding of nested numbers; nothing but the standard library is imported here."""


def rounded(value, n_digits):
    """Return numbers with so many significant digits, also in lists and dicts."""
    if isinstance(value, dict):
        return {name: rounded(v, n_digits) for name, v in value.items()}
    if isinstance(value, list):
        return [rounded(v, n_digits) for v in value]
    return float(f"{value:.{n_digits}g}") if isinstance(value, float) else value
