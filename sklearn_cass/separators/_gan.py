"""One generator and one discriminator for all components: what CASS departs from."""

from dataclasses import replace

from ._cass import RegularCASSSeparator
from ._docs import documented


@documented
class GANSeparator(RegularCASSSeparator):
    """One generator for all components, one discriminator on all of them.

    The practice that sections 1, 3.1 and 3.4 of [1]_ set CASS apart from, as in [2]_:
    a single network takes the mixture's spectrogram and returns all components
    (sources), one after the other along the channels, and a single discriminator tells
    true sets of components from reconstructed ones. Networks, losses, Eq. (7) and (8),
    and training are those of :class:`RegularCASSSeparator`.

    The generator has the size of one autoencoder pair there: ``n_filters`` larger by
    the root of the number of components gives it as many parameters as all pairs have.

    {parameters}

    {attributes}

    See Also
    --------
    RegularCASSSeparator : A pair and a discriminator for each component.
    CASSSeparator : With cross adversarial training.

    Notes
    -----
    The losses of ``history_`` are lists of one entry, for there is one pair.

    {references}
    .. [2] Z.-C. Fan, Y.-L. Lai and J.-S. R. Jang, "SVSGAN: singing voice separation via
       generative adversarial network", ICASSP 2018.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_cass import GANSeparator
    >>> rng = np.random.default_rng(0)
    >>> y = rng.normal(size=(8, 2, 64))
    >>> separator = GANSeparator(n_filters=4, max_epochs=1, random_state=0)
    >>> separator.fit(y.sum(axis=1), y).discriminate(y).shape
    (8,)
    """

    def _network(self):
        network = super()._network()
        shape = replace(network["shape"], n_joint=self.n_components_)
        return network | {"n_components": 1, "shape": shape}

    def discriminate(self, y, X=None):
        """What the discriminator says of sets of components.

        Parameters
        ----------
        y : array-like of shape (n_samples, n_components, ...)
            Components, true ones or estimates, as ``fit`` was given them.
        X : array-like of the shape seen in ``fit``, default=None
            Their mixtures, whose level the components are seen at. None takes the sum
            of the components for the mixture.

        Returns
        -------
        probabilities : ndarray of shape (n_samples,)
            The probability given to each set for being true.
        """
        return super().discriminate(y, X)[:, 0, 0]
