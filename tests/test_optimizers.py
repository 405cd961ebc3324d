"""Muon: what it does to matrices, and that all else is Adam's."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from sklearn_cass import AESeparator
from sklearn_cass.training.optimizers import (
    ADAMS_RMS,
    Adam,
    Muon,
    as_matrix,
    like,
    orthogonalized,
)

pytestmark = pytest.mark.usefixtures("torch_seeded")


@pytest.mark.parametrize("shape", [(3, 4, 9), (2, 9, 4), (1, 1, 7), (2, 5, 5)])
def test_singular_values_come_near_one_and_vectors_stay(shape):
    matrices = torch.randn(shape, dtype=torch.float64)
    u, s, vt = torch.linalg.svd(matrices, full_matrices=False)
    found = orthogonalized(1e-5 * matrices)
    inside = u.mT @ found @ vt.mT
    values = torch.diagonal(inside, dim1=-2, dim2=-1)
    # small ones beside the largest need more iterations
    large = s > 0.05 * s.amax(-1, keepdim=True)
    assert ((values > 0.6) & (values < 1.3))[large].all()
    assert (inside - torch.diag_embed(values)).abs().max() < 1e-6


def test_no_gradient_makes_no_step():
    assert not orthogonalized(torch.zeros(2, 3, 4)).any()


@pytest.mark.parametrize("shape", [(4, 3), (4, 3, 2, 5), (2, 1, 3)])
def test_matrices_go_back_into_their_weights(shape):
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


def test_a_step_is_as_long_as_adams():
    (before, after), *_ = trained(Muon, n_steps=1)
    for old, new in zip(before, after, strict=True):
        if old.ndim > 1:
            rms = (new - old).square().mean().sqrt().item()
            assert rms == pytest.approx(0.01 * ADAMS_RMS, rel=0.35)


def test_vectors_are_adams():
    by_adam, by_muon = (trained(cls, n_steps=1)[0] for cls in (Adam, Muon))
    assert torch.equal(by_adam[1][1], by_muon[1][1])  # a bias, after the first step
    assert not torch.equal(by_adam[1][0], by_muon[1][0])


def test_momentum_is_nesterovs():
    parameter = nn.Parameter(torch.zeros(2, 3))
    optimizer = Muon([parameter], lr=1.0)
    gradients = torch.randn(3, 2, 3)
    momentum = torch.zeros(2, 3)
    for gradient in gradients:
        parameter.grad = gradient.clone()
        momentum = 0.5 * momentum + gradient
        expected = gradient + 0.5 * momentum
        torch.testing.assert_close(optimizer.direction(parameter, 0.5), expected)


def test_gradients_are_left_as_they_were():
    _, optimizer, net = trained(Muon, n_steps=1)
    before = [p.grad.clone() for p in net.parameters()]
    optimizer.step()
    for old, parameter in zip(before, net.parameters(), strict=True):
        assert torch.equal(old, parameter.grad)


def test_a_closure_is_called_once_and_its_gradients_are_used():
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


def test_the_layout_in_memory_does_not_matter():
    plain, last = (
        trained(Muon, layout=layout)[0][-1]
        for layout in (torch.contiguous_format, torch.channels_last)
    )
    for a, b in zip(plain, last, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-5)


def test_a_state_goes_on_where_it_was_taken():
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


def test_a_copy_steps_as_the_original_does():
    _, optimizer, net = trained(Muon, n_steps=2)
    before = [p.grad.clone() for p in net.parameters()]
    both = copy.deepcopy((net, optimizer))
    for parameter, gradient in zip(both[0].parameters(), before, strict=True):
        parameter.grad = gradient
    optimizer.step()
    both[1].step()
    assert all(map(torch.equal, net.parameters(), both[0].parameters()))


@pytest.mark.parametrize(("first", "second"), [("muon", "adam"), ("adam", "muon")])
def test_a_warm_start_may_change_the_optimizer(first, second):
    y = np.random.default_rng(0).normal(size=(6, 2, 32))
    separator = AESeparator(
        n_filters=2, n_latent=2, max_epochs=1, optimizer=first, warm_start=True
    ).fit(y.sum(1), y)
    separator.set_params(optimizer=second).fit(y.sum(1), y)
    assert type(separator.net_.optimizer_) is {"adam": Adam, "muon": Muon}[second]
    assert separator.n_iter_ == 2
