"""Optimizers: Adam with decoupled weight decay, and Muon for convolutions."""

import torch

# Coefficients of an odd polynomial whose iterates bring singular values near 1.
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
N_ITERATIONS = 5
ADAM_RMS = 0.2  # root mean square of Adam's steps, in units of its learning rate


class Adam(torch.optim.AdamW):
    """Adam with decoupled weight decay, in a fused implementation.

    Parameters
    ----------
    params : iterable of torch.nn.Parameter
        Parameters to train.
    lr : float
        Learning rate.
    weight_decay : float, default=0.0
        Share of each weight, times the learning rate, that a step takes off
        (I. Loshchilov and F. Hutter, "Decoupled weight decay regularization", ICLR
        2019, arXiv:1711.05101). 0 is Adam.

    Examples
    --------
    >>> from functools import partial
    >>> from sklearn_cass import AESeparator
    >>> from sklearn_cass.training import Adam
    >>> separator = AESeparator(optimizer=partial(Adam, weight_decay=0.01))
    """

    def __init__(self, params, lr, weight_decay=0.0):
        super().__init__(params, lr=lr, weight_decay=weight_decay, fused=True)


class Muon(Adam):
    """Momentum with orthogonalized steps for matrices, Adam for other parameters.

    Every weight of two axes or more is treated as a matrix with one row for each output
    channel. Its step is Nesterov's momentum with all singular values brought near 1
    [1]_, scaled to the root mean square of Adam's steps, so that the same learning
    rates suit both [2]_.

    Parameters
    ----------
    params : iterable of torch.nn.Parameter
        Parameters to train.
    lr : float
        Learning rate.
    momentum : float, default=0.9
        Momentum; less than in [1]_, because trainings are shorter.
    weight_decay : float, default=0.0
        As for :class:`Adam`, for all parameters.

    References
    ----------
    .. [1] K. Jordan et al., "Muon: an optimizer for hidden layers in neural networks",
       2024, https://kellerjordan.github.io/posts/muon.
    .. [2] J. Liu et al., "Muon is scalable for LLM training", arXiv:2502.16982, 2025,
       section 2.2.

    Examples
    --------
    >>> import torch
    >>> from sklearn_cass.training import Muon
    >>> layer = torch.nn.Linear(3, 2)
    >>> optimizer = Muon(layer.parameters(), lr=0.01)
    >>> layer(torch.ones(1, 3)).sum().backward()
    >>> optimizer.step()
    """

    def __init__(self, params, lr, momentum=0.9, weight_decay=0.0):
        super().__init__(params, lr, weight_decay)
        # in the groups, the only state that copies of optimizers keep
        self.defaults["momentum"] = momentum
        for group in self.param_groups:
            group["momentum"] = momentum

    @torch.no_grad()
    def step(self, closure=None):
        """Update all parameters that have a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        aside = []
        for group in self.param_groups:
            trained = (p for p in group["params"] if p.grad is not None)
            weights = [p for p in trained if p.ndim > 1]
            self.update_matrices(weights, group)
            aside += [(weight, weight.grad) for weight in weights]
        for weight, _ in aside:
            weight.grad = None  # Adam skips parameters without a gradient
        super().step()
        for weight, gradient in aside:
            weight.grad = gradient
        return loss

    def update_matrices(self, weights, group):
        """Update matrices, those of one shape together."""
        alike = {}
        for weight in weights:
            matrix = as_matrix(self.direction(weight, group["momentum"]))
            alike.setdefault(matrix.shape, []).append((weight, matrix))
        for shape, members in alike.items():
            same, matrices = zip(*members, strict=True)
            length = group["lr"] * ADAM_RMS * max(shape) ** 0.5
            steps = length * orthogonalize(torch.stack(matrices))
            for weight, step in zip(same, steps, strict=True):
                if group["weight_decay"]:
                    weight.mul_(1 - group["lr"] * group["weight_decay"])
                weight.sub_(like(step, weight))

    def direction(self, parameter, momentum):
        """Return Nesterov's momentum."""
        state = self.state[parameter]
        if not state:
            state["step"] = torch.zeros(())  # Adam requires it in a loaded state
            state["momentum"] = torch.zeros_like(parameter)
        state["step"] += 1
        average = state["momentum"].mul_(momentum).add_(parameter.grad)
        return parameter.grad.add(average, alpha=momentum)


def as_matrix(weight):
    """Reshape (n_out, n_in, ...) to (n_out, n): a view in channels_last memory."""
    return weight.movedim(1, -1).flatten(1)


def like(matrix, weight):
    """Invert :func:`as_matrix`."""
    moved = weight.movedim(1, -1)
    return matrix.unflatten(1, moved.shape[1:]).movedim(-1, 1)


def orthogonalize(matrices):
    """Bring the singular values of matrices (n, rows, columns) near 1.

    They come to lie between 0.6 and 1.3; those that vanish beside the largest stay
    smaller. The iteration runs on the smaller Gram matrix.
    """
    if matrices.shape[1] > matrices.shape[2]:
        return orthogonalize(matrices.mT).mT
    norms = torch.linalg.matrix_norm(matrices, keepdim=True)
    unit = matrices / norms.clamp_min(torch.finfo(matrices.dtype).tiny)
    linear, cubic, quintic = COEFFICIENTS
    gram, product = unit @ unit.mT, None
    for _ in range(N_ITERATIONS):
        factor = torch.baddbmm(gram, gram, gram, beta=cubic, alpha=quintic)
        factor.diagonal(dim1=-2, dim2=-1).add_(linear)
        product = factor if product is None else factor @ product
        gram = factor @ gram @ factor
    return product @ unit
