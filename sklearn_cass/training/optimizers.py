"""Optimizers: Adam with decoupled weight decay, and Muon for convolutions."""

import torch
from torch.nn import functional as F

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
        """Update matrices."""
        if not weights:
            return
        rate, decay = group["lr"], group["weight_decay"]
        directions = self.directions(weights, group["momentum"])
        places, batches = by_shape([as_matrix(d) for d in directions])
        moves = [None] * len(weights)
        for indices, steps in zip(places, orthogonalize(batches), strict=True):
            length = rate * ADAM_RMS * max(steps.shape[1:]) ** 0.5
            for i, step in zip(indices, length * steps, strict=True):
                moves[i] = like(step, weights[i])
        if decay:
            torch._foreach_mul_(weights, 1 - rate * decay)
        torch._foreach_sub_(weights, moves)

    def directions(self, parameters, momentum):
        """Return Nesterov's momentum of each parameter."""
        states = [self.state[parameter] for parameter in parameters]
        for parameter, state in zip(parameters, states, strict=True):
            if not state:
                state["step"] = parameter.new_zeros(())  # as Adam has it
                state["momentum"] = torch.zeros_like(parameter)
        gradients = [parameter.grad for parameter in parameters]
        averages = [state["momentum"] for state in states]
        torch._foreach_add_([state["step"] for state in states], 1)
        torch._foreach_mul_(averages, momentum)
        torch._foreach_add_(averages, gradients)
        return torch._foreach_add(gradients, averages, alpha=momentum)


def as_matrix(weight):
    """Reshape (n_out, n_in, ...) to (n_out, n): a view in channels_last memory."""
    return weight.movedim(1, -1).flatten(1)


def like(matrix, weight):
    """Invert :func:`as_matrix`."""
    moved = weight.movedim(1, -1)
    return matrix.unflatten(1, moved.shape[1:]).movedim(-1, 1)


def by_shape(matrices):
    """Stack matrices of one shape; return their places in the list, and the stacks."""
    places = {}
    for i, matrix in enumerate(matrices):
        places.setdefault(matrix.shape, []).append(i)
    stacks = [torch.stack([matrices[i] for i in alike]) for alike in places.values()]
    return list(places.values()), stacks


def orthogonalize(batches):
    """Bring the singular values of matrices near 1, of batches (n, rows, columns).

    They come to lie between 0.6 and 1.3; those that vanish beside the largest stay
    smaller. The iteration runs on the smaller Gram matrix.
    """
    are_tall = [batch.shape[1] > batch.shape[2] for batch in batches]
    units = [unit(b.mT if t else b) for b, t in zip(batches, are_tall, strict=True)]
    products = near_inverse_roots([u @ u.mT for u in units])
    steps = [product @ u for product, u in zip(products, units, strict=True)]
    return [step.mT if t else step for step, t in zip(steps, are_tall, strict=True)]


def unit(matrices):
    """Divide matrices (n, rows, columns) by their norms."""
    norms = torch.linalg.matrix_norm(matrices, keepdim=True)
    return matrices / norms.clamp_min(torch.finfo(matrices.dtype).tiny)


def near_inverse_roots(grams):
    """Return for each batch of Gram matrices what brings singular values near 1.

    On a GPU, which computes many matrices in the time of one, those of several sizes
    are computed together, padded with zeros.
    """
    if not grams[0].is_cuda:
        return [iterated(gram) for gram in grams]
    return in_one_size(iterated, grams)


def in_one_size(function, batches):
    """Apply a function of square matrices (n, size, size) to all batches at once."""
    size = max(batch.shape[-1] for batch in batches)
    padded = [F.pad(b, [0, size - b.shape[-1]] * 2) for b in batches]
    results = function(torch.cat(padded)).split([len(b) for b in batches])
    return [
        result[:, : b.shape[-1], : b.shape[-1]]
        for result, b in zip(results, batches, strict=True)
    ]


def iterated(gram):
    """Return the product of an odd polynomial's iterates, from Gram matrices."""
    linear, cubic, quintic = COEFFICIENTS
    product = None
    for _ in range(N_ITERATIONS):
        factor = torch.baddbmm(gram, gram, gram, beta=cubic, alpha=quintic)
        factor.diagonal(dim1=-2, dim2=-1).add_(linear)
        product = factor if product is None else factor @ product
        gram = factor @ gram @ factor
    return product
