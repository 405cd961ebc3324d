"""Output of transformers that no data frame can hold."""


class ArrayOutputMixin:
    """Mixin of transformers whose results are arrays, whatever is asked for.

    It comes before :class:`sklearn.base.TransformerMixin` among the bases.
    """

    def set_output(self, *, transform=None):
        """Return self: results stay arrays, because no data frame can hold them.

        With this method, ``set_output`` of a Pipeline works for its other steps.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"}, default=None
            Without effect.

        Returns
        -------
        self : object
            The estimator.
        """
        return self
