"""Samples that are generated group by group."""

import numpy as np
from sklearn.utils import check_random_state


def seed_sequence(random_state):
    """Return a SeedSequence, which spawns one seed for each group.

    Parameters
    ----------
    random_state : int, RandomState instance or None
        As everywhere in scikit-learn.

    Returns
    -------
    seeds : numpy.random.SeedSequence
        The first seeds that it spawns do not depend on how many are spawned.
    """
    words = check_random_state(random_state).randint(0, 2**32, size=4, dtype=np.uint32)
    return np.random.SeedSequence(words.tolist())


def concatenate_groups(groups, n_samples=None):
    """Concatenate the arrays of several groups.

    Parameters
    ----------
    groups : list of dict of str to ndarray
        For each group, arrays whose first axis is that of its samples.
    n_samples : int, default=None
        Number of samples to keep, the first ones. None keeps all.

    Returns
    -------
    samples : dict of str to ndarray
        The arrays of all groups.
    """
    return {
        name: np.concatenate([group[name] for group in groups])[:n_samples]
        for name in groups[0]
    }
