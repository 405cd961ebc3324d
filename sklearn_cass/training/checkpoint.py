"""Checkpoints: where and when the state of a training is saved."""

from numbers import Integral
from os import PathLike

from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval
from skorch.callbacks import Callback

from ..numeric import check_number_parameters
from ..numeric.warning import warn_user
from .state import load_callback_states, load_net_state, training_state


class Checkpoint(BaseEstimator):
    """Folder and interval of a separator's checkpoints.

    The value of a separator's parameter ``checkpoint``; a folder alone stands for
    ``Checkpoint(folder)``.

    Parameters
    ----------
    folder : path-like
        Folder in which the states of trainings are saved, created if missing; a leading
        ``~`` is the user's home.
    every : int, default=1
        Epochs between two savings; the state of the last epoch is always saved.

    Notes
    -----
    Every training has a sub-folder: one for each set of data and parameters (except
    ``callbacks``, ``checkpoint`` and ``verbose``), which ``training.json`` there
    describes. A warning says so where a new training starts although the folder holds
    an unfinished one that differs in one parameter, or in the data, alone.

    A training locks its sub-folder: the same one cannot run twice at a time (an
    ``OSError`` says so), also not in threads of one process; different ones can. The
    lock ends with the process, however that ends.

    A training with ``lr_schedule="constant"`` is extended by a ``fit`` with a larger
    ``max_epochs``, with the result of a single long training. With "cosine" the
    learning rate depends on the number of epochs, and a new training starts.

    If a state cannot be written (a full disk), a warning says so, training continues,
    and the state written before is kept. Another one says where a training is resumed
    with other releases of the libraries, which may change its result.

    Examples
    --------
    >>> from sklearn_cass import CASSSeparator, Checkpoint
    >>> CASSSeparator(checkpoint=Checkpoint("training", every=5))
    CASSSeparator(checkpoint=Checkpoint(every=5, folder='training'))
    """

    _parameter_constraints: dict = {
        "folder": [str, PathLike],
        "every": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(self, folder, every=1):
        self.folder = folder
        self.every = every

    def _validate_params(self):
        super()._validate_params()
        check_number_parameters(self)


class CheckpointWriter(Callback):
    """Save the state of the training after epochs; resume from the state saved.

    It must be the last of the callbacks.

    Parameters
    ----------
    file : CheckpointFile
        Where the state is read from and written to.
    every : int
        Epochs between two savings.
    """

    def __init__(self, file, every):
        self.file, self.every = file, every

    def resume(self, net):
        """Join an initialized net and load the saved state, if any.

        Parameters
        ----------
        net : CASSNet
            The net.

        Returns
        -------
        n_epochs : int
            Number of epochs left to train.
        """
        net.callbacks_.append(("checkpoint", self.initialize()))
        self.state_ = self.file.state
        if self.state_ is None:
            return net.max_epochs
        self.file.check_state(net)
        load_net_state(net, self.state_)
        return net.max_epochs - self.file.n_epochs

    def on_train_begin(self, net, **kwargs):
        # the other callbacks have begun, and their states can be loaded
        if self.state_ is not None:
            load_callback_states(net, self.state_)
            self.state_ = None

    def on_epoch_end(self, net, **kwargs):
        n_epochs = len(net.history)
        if n_epochs % self.every and n_epochs != net.max_epochs:
            return
        try:
            self.file.write(training_state(net), n_epochs)
        except OSError as error:
            warn_user(
                f"epoch {n_epochs} could not be saved in checkpoint="
                f"{str(self.file.folder)!r} ({error}); training continues, and the "
                "state saved before is kept"
            )
