"""Adam, and Muon for networks of convolutions."""

import torch

# Coefficients of an odd polynomial whose iterates bring singular values near 1.
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
N_ITERATIONS = 5
ADAMS_RMS = 0.2  # that the entries of Adam's steps have, in units of its rate


class Adam(torch.optim.Adam):
    """PyTorch's Adam, all parameters in one pass.

    Parameters
    ----------
    params : iterable of torch.nn.Parameter
        What to train.
    lr : float
        Learning rate.
    """

    def __init__(self, params, lr):
        super().__init__(params, lr=lr, fused=True)


class Muon(Adam):
    """Momentum whose steps are orthogonalised, for matrices; Adam for other parameters.

    Every weight of two axes or more is a matrix, of as many rows as it has output
    channels. Its step is Nesterov's momentum with all singular values brought near 1
    [1]_, at a length that gives it the root mean square of Adam's steps, so that
    learning rates mean the same to both [2]_.

    Parameters
    ----------
    params : iterable of torch.nn.Parameter
        What to train.
    lr : float
        Learning rate.
    momentum : float, default=0.9
        Share of the past in the momentum. Shorter than in [1]_, for trainings are.

    References
    ----------
    .. [1] K. Jordan et al., "Muon: an optimizer for hidden layers in neural networks",
       2024.
    .. [2] J. Liu et al., "Muon is scalable for LLM training", arXiv:2502.16982, 2025,
       section 2.2.

    Examples
    --------
    >>> import torch
    >>> from sklearn_cass.optimizers import Muon
    >>> layer = torch.nn.Linear(3, 2)
    >>> optimizer = Muon(layer.parameters(), lr=0.01)
    >>> layer(torch.ones(1, 3)).sum().backward()
    >>> optimizer.step()
    """

    def __init__(self, params, lr, momentum=0.9):
        super().__init__(params, lr)
        # with the groups, for copies of optimizers have nothing else
        self.defaults["momentum"] = momentum
        for group in self.param_groups:
            group["momentum"] = momentum

    @torch.no_grad()
    def step(self, closure=None):
        """One step of all parameters that have a gradient."""
        loss = None
        if closure is not None:  # before gradients are put aside
            with torch.enable_grad():
                loss = closure()
        aside = []
        for group in self.param_groups:
            trained = (p for p in group["params"] if p.grad is not None)
            weights = [p for p in trained if p.ndim > 1]
            self.step_matrices(weights, group)
            aside += [(weight, weight.grad) for weight in weights]
        for weight, _ in aside:
            weight.grad = None  # Adam passes over what has none
        super().step()
        for weight, gradient in aside:
            weight.grad = gradient
        return loss

    def step_matrices(self, weights, group):
        """Orthogonalised steps, together where matrices are of one shape."""
        alike = {}
        for weight in weights:
            matrix = as_matrix(self.direction(weight, group["momentum"]))
            alike.setdefault(matrix.shape, []).append((weight, matrix))
        for shape, members in alike.items():
            same, matrices = zip(*members, strict=True)
            length = group["lr"] * ADAMS_RMS * max(shape) ** 0.5
            steps = length * orthogonalized(torch.stack(matrices))
            for weight, step in zip(same, steps, strict=True):
                weight.sub_(like(step, weight))

    def direction(self, parameter, share):
        """Nesterov's momentum, ``share`` of the past in it."""
        state = self.state[parameter]
        if not state:
            state["step"] = torch.zeros(())  # which Adam looks for in a loaded state
            state["momentum"] = torch.zeros_like(parameter)
        state["step"] += 1
        momentum = state["momentum"].mul_(share).add_(parameter.grad)
        return parameter.grad.add(momentum, alpha=share)


OPTIMIZERS = {"adam": Adam, "muon": Muon}


def as_matrix(weight):
    """(n_out, n_in, ...) to (n_out, n): a view where channels lie last."""
    return weight.movedim(1, -1).flatten(1)


def like(matrix, weight):
    """Undo :func:`as_matrix`."""
    moved = weight.movedim(1, -1)
    return matrix.unflatten(1, moved.shape[1:]).movedim(-1, 1)


def orthogonalized(matrices):
    """The nearest matrices (n, rows, columns) with singular values near 1.

    Near is between 0.6 and 1.3; those that vanish beside the largest stay smaller. The
    iteration runs on the smaller Gram matrix, which it commutes with.
    """
    if matrices.shape[1] > matrices.shape[2]:
        return orthogonalized(matrices.mT).mT
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
