"""Adam and Muon: steps, weight decay, states; gradient clipping."""

import copy
from functools import partial

import pytest
import torch
from cases import FAST, equal_states, make_mixtures, states
from skorch.callbacks import Callback, GradientNormClipping
from torch import nn

from sklearn_cass import AESeparator, CASSSeparator
from sklearn_cass.training.optimizers import (
    ADAM_RMS,
    Adam,
    Muon,
    as_matrix,
    in_one_size,
    iterated,
    like,
    orthogonalize,
    unit,
)

pytestmark = pytest.mark.usefixtures("torch_seeded")


@pytest.mark.parametrize("shape", [(3, 4, 9), (2, 9, 4), (1, 1, 7), (2, 5, 5)])
def test_orthogonalize_brings_singular_values_near_one(shape):
    matrices = torch.randn(shape, dtype=torch.float64)
    u, s, vt = torch.linalg.svd(matrices, full_matrices=False)
    (found,) = orthogonalize([1e-5 * matrices])
    inside = u.mT @ found @ vt.mT
    values = torch.diagonal(inside, dim1=-2, dim2=-1)
    # small ones beside the largest need more iterations
    large = s > 0.05 * s.amax(-1, keepdim=True)
    assert ((values > 0.6) & (values < 1.3))[large].all()
    assert (inside - torch.diag_embed(values)).abs().max() < 1e-6


def test_orthogonalize_keeps_zeros():
    assert not orthogonalize([torch.zeros(2, 3, 4)])[0].any()


def test_matrices_of_several_sizes_are_iterated_together():
    # as on a GPU: padded with zeros, they keep their values
    batches = [torch.randn(n, k, k, dtype=torch.float64) for n, k in ((2, 5), (3, 2))]
    grams = [unit(batch) @ unit(batch).mT for batch in batches]
    for found, gram in zip(in_one_size(iterated, grams), grams, strict=True):
        torch.testing.assert_close(found, iterated(gram))


@pytest.mark.parametrize("shape", [(4, 3), (4, 3, 2, 5), (2, 1, 3)])
def test_as_matrix_is_inverted_by_like(shape):
    weight = torch.randn(shape)
    matrix = as_matrix(weight)
    assert matrix.shape == (shape[0], weight[0].numel())
    assert torch.equal(like(matrix, weight), weight)


def trained(optimizer, n_steps=3, layout=torch.contiguous_format):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(2, 6, 3), nn.Conv2d(6, 4, 3)).to(memory_format=layout)
    steps = optimizer(net.parameters(), lr=0.01)
    x = torch.randn(5, 2, 9, 9)
    states = [[p.detach().clone() for p in net.parameters()]]
    for _ in range(n_steps):
        steps.zero_grad()
        net(x).square().mean().backward()
        steps.step()
        states.append([p.detach().clone() for p in net.parameters()])
    return states, steps, net


def test_muon_steps_have_the_size_of_adams():
    (before, after), *_ = trained(Muon, n_steps=1)
    for old, new in zip(before, after, strict=True):
        if old.ndim > 1:
            rms = (new - old).square().mean().sqrt().item()
            assert rms == pytest.approx(0.01 * ADAM_RMS, rel=0.35)


def test_muon_updates_vectors_as_adam_does():
    by_adam, by_muon = (trained(cls, n_steps=1)[0] for cls in (Adam, Muon))
    assert torch.equal(by_adam[1][1], by_muon[1][1])  # a bias, after the first step
    assert not torch.equal(by_adam[1][0], by_muon[1][0])


def test_muon_momentum_is_nesterovs():
    parameter = nn.Parameter(torch.zeros(2, 3))
    optimizer = Muon([parameter], lr=1.0)
    gradients = torch.randn(3, 2, 3)
    momentum = torch.zeros(2, 3)
    for gradient in gradients:
        parameter.grad = gradient.clone()
        momentum = 0.5 * momentum + gradient
        expected = gradient + 0.5 * momentum
        (found,) = optimizer.directions([parameter], 0.5)
        torch.testing.assert_close(found, expected)


def test_muon_keeps_gradients():
    _, optimizer, net = trained(Muon, n_steps=1)
    before = [p.grad.clone() for p in net.parameters()]
    optimizer.step()
    for old, parameter in zip(before, net.parameters(), strict=True):
        assert torch.equal(old, parameter.grad)


def test_muon_calls_a_closure_once_and_uses_its_gradients():
    parameter = nn.Parameter(torch.eye(2, 3))
    optimizer = Muon([parameter], lr=0.1)
    calls = []

    def closure():
        optimizer.zero_grad()
        loss = parameter.square().sum()
        loss.backward()
        calls.append(loss.item())
        return loss

    assert optimizer.step(closure).item() == calls[0]
    assert len(calls) == 1
    assert (parameter.square().sum() < calls[0]).item()


def test_muon_does_not_depend_on_the_memory_format():
    plain, last = (
        trained(Muon, layout=layout)[0][-1]
        for layout in (torch.contiguous_format, torch.channels_last)
    )
    for a, b in zip(plain, last, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-5)


def test_muon_continues_from_a_loaded_state():
    (*_, whole), *_ = trained(Muon, n_steps=4)
    states, optimizer, net = trained(Muon, n_steps=2)
    other = nn.Sequential(nn.Conv2d(2, 6, 3), nn.Conv2d(6, 4, 3))
    other.load_state_dict(net.state_dict())
    again = Muon(other.parameters(), lr=0.5)
    again.load_state_dict(optimizer.state_dict())
    torch.manual_seed(0)
    nn.Sequential(nn.Conv2d(2, 6, 3), nn.Conv2d(6, 4, 3))  # draws as in the first run
    x = torch.randn(5, 2, 9, 9)
    for _ in range(2):
        again.zero_grad()
        other(x).square().mean().backward()
        again.step()
    assert all(map(torch.equal, whole, other.parameters()))


def test_muon_copies_step_alike():
    _, optimizer, net = trained(Muon, n_steps=2)
    before = [p.grad.clone() for p in net.parameters()]
    both = copy.deepcopy((net, optimizer))
    for parameter, gradient in zip(both[0].parameters(), before, strict=True):
        parameter.grad = gradient
    optimizer.step()
    both[1].step()
    assert all(map(torch.equal, net.parameters(), both[0].parameters()))


# --- weight decay ---------------------------------------------------------------------


@pytest.mark.parametrize("cls", [Adam, Muon])
def test_weight_decay_of_a_zero_gradient_is_a_factor(cls):
    # a step without a gradient takes off lr * weight_decay of each weight
    layer = nn.Conv2d(2, 3, 3)
    optimizer = cls(layer.parameters(), lr=0.1, weight_decay=0.5)
    before = [p.detach().clone() for p in layer.parameters()]
    for n_steps in (1, 2):
        for parameter in layer.parameters():
            parameter.grad = torch.zeros_like(parameter)
        optimizer.step()
        for old, parameter in zip(before, layer.parameters(), strict=True):
            expected = (1 - 0.1 * 0.5) ** n_steps * old
            torch.testing.assert_close(parameter.detach(), expected)


def test_weight_decay_of_adam_is_torchs_adamw():
    def adamw(params, lr):
        return torch.optim.AdamW(params, lr, weight_decay=0.3)

    expected, found, without = (
        trained(optimizer)[0][-1]
        for optimizer in (adamw, partial(Adam, weight_decay=0.3), Adam)
    )
    for a, b, c in zip(expected, found, without, strict=True):
        torch.testing.assert_close(b, a)
        assert not torch.allclose(b, c)


def test_weight_decay_of_muon_is_taken_off_beside_its_step():
    # after one step, with the gradients of the same weights
    (before, plain), *_ = trained(Muon, n_steps=1)
    (_, decayed), *_ = trained(partial(Muon, weight_decay=0.3), n_steps=1)
    for old, a, b in zip(before, plain, decayed, strict=True):
        torch.testing.assert_close(b, a - 0.01 * 0.3 * old)


# --- optimizers of separators ---------------------------------------------------------


def fitted(cls=CASSSeparator, **settings):
    return cls(**FAST | {"max_epochs": 2} | settings).fit(*make_mixtures())


def all_equal(a, b):
    return all(map(equal_states, states(a), states(b)))


@pytest.mark.parametrize(("name", "own"), [("muon", Muon), ("adam", Adam)])
def test_optimizer_as_a_callable_equals_the_named_one(name, own):
    named = fitted(optimizer=name)
    assert all_equal(fitted(optimizer=own), named)
    decayed = fitted(optimizer=partial(own, weight_decay=0.1))
    for state, other in zip(states(decayed), states(named), strict=True):
        assert not equal_states(state, other)


def test_optimizer_is_called_for_each_role_with_its_learning_rate():
    calls = []

    def sgd(params, lr):
        parameters = list(params)
        calls.append((len(parameters), lr))
        return torch.optim.SGD(parameters, lr)

    separator = fitted(optimizer=sgd, lr=0.01, discriminator_lr=0.02)
    net = separator.net_
    sizes = [len(list(m.parameters())) for m in (net.module_, net.discriminators_)]
    assert calls == [(sizes[0], 0.01), (sizes[1], 0.02)]


@pytest.mark.parametrize(("first", "second"), [("muon", "adam"), ("adam", "muon")])
def test_warm_start_may_change_the_optimizer(first, second):
    separator = fitted(AESeparator, optimizer=first, warm_start=True)
    optimizer = separator.net_.optimizer_
    separator.set_params(optimizer=second).fit(*make_mixtures())
    assert type(separator.net_.optimizer_) is {"adam": Adam, "muon": Muon}[second]
    assert type(optimizer) is not type(separator.net_.optimizer_)
    assert separator.n_iter_ == 4


def test_warm_start_keeps_the_moments_of_an_equal_partial():
    # a clone holds a copy of the partial, which is still the same optimizer
    settings = {"optimizer": partial(Muon, weight_decay=0.1), "warm_start": True}
    separator = fitted(AESeparator, **settings)
    steps = steps_of(separator)
    separator.set_params(optimizer=partial(Muon, weight_decay=0.1))
    assert steps_of(separator.fit(*make_mixtures())) == [2 * n for n in steps]
    separator.set_params(optimizer=partial(Muon, weight_decay=0.2))
    assert steps_of(separator.fit(*make_mixtures())) == steps


def steps_of(separator):
    """Number of steps of each parameter's moments."""
    return [int(state["step"]) for state in separator.net_.optimizer_.state.values()]


# --- gradient clipping ----------------------------------------------------------------


def test_gradient_clipping_changes_the_weights_of_both_roles():
    # plain gradient descent: Adam and Muon do not depend on the gradients' scale
    settings = {"optimizer": torch.optim.SGD, "lr": 0.1, "discriminator_lr": 0.1}
    plain = fitted(**settings)
    loose, tight = (
        fitted(**settings, callbacks=[GradientNormClipping(threshold)])
        for threshold in (1e6, 1e-3)
    )
    assert all_equal(plain, loose)
    for state, other in zip(states(plain), states(tight), strict=True):
        assert not equal_states(state, other)


class Norms(Callback):
    """Record the norm of the gradients of both roles before their steps."""

    def __init__(self, norms):
        self.norms = norms

    def on_grad_computed(self, net, named_parameters, **kwargs):
        norms = [p.grad.norm() for _, p in named_parameters if p.grad is not None]
        self.norms.append(float(torch.stack(norms).norm()))


def test_gradient_clipping_bounds_the_norm_of_each_role():
    norms = []
    callbacks = [GradientNormClipping(1e-3), Norms(norms)]
    fitted(callbacks=callbacks)
    n_steps, n_roles = 4, 2
    assert norms == pytest.approx([1e-3] * n_steps * n_roles, rel=1e-3)


def test_gradient_clipping_bounds_the_length_of_a_step():
    # a step of plain gradient descent is lr times the clipped gradient
    settings = {"max_epochs": 1, "batch_size": 12, "lr_schedule": "constant"}
    settings |= {
        "optimizer": torch.optim.SGD,
        "callbacks": [GradientNormClipping(1e-3)],
    }
    initial, stepped = (
        fitted(AESeparator, lr=lr, **settings).net_.module_ for lr in (1e-30, 0.5)
    )
    pairs = zip(initial.parameters(), stepped.parameters(), strict=True)
    squares = [(a - b).square().sum() for a, b in pairs]
    length = torch.stack(squares).sum().sqrt().item()
    assert length == pytest.approx(0.5e-3, rel=1e-3)
