"""History of a training: numbers by name, also as lists over the components."""

from skorch.history import History


class EpochRow(dict):
    """Values of one epoch, which callbacks of skorch find to be numbers.

    A loss has one entry for each component, such as ``reconstruction_loss_0``; they are
    also read as a list, by the name without the number. The list is no entry: callbacks
    that log all entries do not meet it.
    """

    def __missing__(self, name):
        values = []
        while dict.__contains__(self, numbered(name, len(values))):
            values.append(self[numbered(name, len(values))])
        if not values:
            raise KeyError(name)
        return values

    def __contains__(self, name):
        return super().__contains__(name) or super().__contains__(numbered(name, 0))

    def get(self, name, default=None):
        """Return a value, or a list of values, or the default if there is none."""
        return self[name] if name in self else default


class EpochHistory(History):
    """History whose rows are :class:`EpochRow`.

    Parameters
    ----------
    rows : iterable of dict, default=()
        The epochs.
    """

    def __init__(self, rows=()):
        super().__init__(map(EpochRow, rows))

    def new_epoch(self):
        """Append the row of another epoch."""
        self.append(EpochRow(batches=[]))

    def record_each(self, name, values):
        """Record a value of each component."""
        for k, value in enumerate(values):
            self.record(numbered(name, k), value)


def numbered(name, k):
    """Return the name of the entry of a component."""
    return f"{name}_{k}"
