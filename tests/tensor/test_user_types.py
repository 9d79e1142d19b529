"""The library as used with a strict type checker: `mypy --strict` must agree with every line.

The same lines are run as tests, so that the types and the behaviour cannot differ. Only public
names are used, and nothing is imported but NumPy and the library: the check also runs on a copy of this file
far from the sources, against the installed wheel.
"""

from pathlib import Path
from typing import assert_type

import numpy as np
import numpy.typing as npt

import autograd_lite as ag

X = np.array([[1.0, 0.0, 0.0]])
Y = np.array([[1.0]])


def weights() -> tuple[ag.Tensor, ag.Tensor]:
    V = ag.tensor(np.full((3, 4), 0.5), requires_grad=True, name="V")
    W = ag.tensor([[0.5], [0.5], [0.5], [0.5]], dtype=np.float64, requires_grad=True, name="W")
    return V, W


def loss(V: ag.Tensor, W: ag.Tensor) -> ag.Tensor:
    P = ag.sigmoid(ag.sigmoid(ag.matmul(X, V)) @ W)
    return (0.5 * (P - Y) ** 2).sum()


def test_a_training_step() -> None:
    V, W = weights()
    L = loss(V, W)
    assert_type(L, ag.Tensor)
    before = L.item()
    L.backward()
    with ag.no_grad():
        for parameter in (V, W):
            assert parameter.grad is not None
            assert_type(parameter.grad, ag.Tensor)
            parameter -= 0.1 * parameter.grad
            parameter.zero_grad()
    assert loss(V, W).item() < before


def test_attributes() -> None:
    V, _ = weights()
    assert_type(V.shape, tuple[int, ...])
    assert_type(V.ndim, int)
    entries: int = V.size
    assert entries == 12
    assert_type(V.requires_grad, bool)
    assert_type(V.is_leaf, bool)
    assert_type(V.name, str | None)
    assert_type(V.T, ag.Tensor)
    assert_type(V.detach(), ag.Tensor)
    array: npt.NDArray[np.float64] = V.detach().numpy()
    assert array.shape == V.T.shape[::-1] == (3, 4)
    assert (V.ndim, V.size, V.requires_grad, V.is_leaf, V.name) == (2, 12, True, True, "V")


def test_operators_and_methods_give_tensors() -> None:
    V, W = weights()
    assert_type(V + 1, ag.Tensor)
    assert_type(2.0 * V, ag.Tensor)
    assert_type(V / (X.T + 1), ag.Tensor)
    assert_type(-V, ag.Tensor)
    assert_type(V @ W, ag.Tensor)
    assert_type(V[0], ag.Tensor)
    assert_type(V[:, None, 1:], ag.Tensor)
    assert_type(V.sum(axis=0, keepdims=True), ag.Tensor)
    assert_type(V.mean(axis=(0, 1)), ag.Tensor)
    assert_type(V.reshape(4, 3).transpose(), ag.Tensor)
    assert_type(V.sigmoid(), ag.Tensor)
    assert (V > 0).numpy().all()


def test_functions() -> None:
    V, W = weights()
    assert_type(ag.exp(V), ag.Tensor)
    assert_type(ag.sum(V, axis=0), ag.Tensor)
    assert_type(ag.matmul(V, W), ag.Tensor)
    assert_type(ag.where(V > 0, V, 0.0), ag.Tensor)
    assert_type(ag.logsumexp(V, axis=1), ag.Tensor)
    assert_type(ag.set_at(V, (0, 1), 2.0), ag.Tensor)
    assert ag.set_at(V, (0, 1), 2.0)[0, 1].item() == 2.0


def energy(x: npt.NDArray[np.float64]) -> np.float64:
    """Plain NumPy, as a scientist has it: the transforms take it as it stands."""
    return np.sum(np.sin(x) * x)


def test_transforms_of_a_plain_numpy_function() -> None:
    x = np.array([0.5, 1.0])
    slope = np.cos(x) * x + np.sin(x)
    assert np.allclose(ag.grad(energy)(x), slope)
    value, gradient = ag.value_and_grad(energy)(x)
    assert np.allclose(value, energy(x))
    assert np.allclose(gradient, slope)
    assert np.allclose(ag.hessian(energy)(x), np.diag(2 * np.cos(x) - x * np.sin(x)))
    y, pull = ag.vjp(energy, x)
    assert np.allclose(y, value)
    assert len(pull(1.0)) == 1
    y, tangent = ag.jvp(energy, (x,), (np.ones(2),))
    assert np.allclose(tangent, slope.sum())


def test_gradients_without_touching_the_leaves() -> None:
    V, W = weights()
    gradients = ag.autograd.grad(loss(V, W), [V, W])
    assert_type(gradients, tuple[ag.Tensor, ...])
    assert [g.shape for g in gradients] == [V.shape, W.shape]
    unused = ag.autograd.grad(loss(V, W), ag.tensor(1.0, requires_grad=True), allow_unused=True)
    assert_type(unused, tuple[ag.Tensor | None, ...])
    assert unused == (None,)
    assert V.grad is None


def test_hooks_and_modes() -> None:
    V, W = weights()
    handle = V.register_hook(lambda g: g * 2)
    loss(V, W).backward()
    handle.remove()

    @ag.no_grad()
    def value() -> float:
        return float(loss(V, W).item())

    assert value() > 0
    assert_type(ag.is_grad_enabled(), bool)


def test_functions_made_for_their_dimensions() -> None:
    """`conv1d`, `conv2d` and `conv3d` are made from one definition; each has its types and its argument names."""
    images = np.ones((2, 3, 8, 8))
    y = ag.nn.functional.conv2d(images, weight=np.ones((4, 3, 3, 3)), stride=2, groups=1)
    assert_type(y, ag.Tensor)
    assert_type(ag.nn.functional.avg_pool2d(images, 2, ceil_mode=True), ag.Tensor)
    assert_type(ag.nn.Conv2d(3, 4, kernel_size=3, padding="same").weight, ag.nn.Parameter)
    assert y.shape == (2, 4, 3, 3)
    try:
        ag.nn.functional.conv2d(images, np.ones((4, 3, 3, 3)), strides=2)  # type: ignore[call-arg]
    except TypeError as error:
        assert "strides" in str(error)  # noqa: PT017 - this file imports no pytest


def test_learning(tmp_path: Path) -> None:
    """The lazily imported packages are attributes of the library, and a checker sees their types."""
    net = ag.nn.Sequential(ag.nn.Linear(3, 4), ag.nn.Sigmoid(), ag.nn.Linear(4, 1))
    optimizer = ag.optim.Adam(net.parameters(), lr=0.1)
    schedule = ag.optim.lr_scheduler.StepLR(optimizer, 2)
    history = ag.training.fit(
        net, ag.data.truth_table(), ag.nn.MSELoss(), optimizer,
        epochs=2, callbacks=[ag.training.Schedule(schedule)], metrics={"mae": ag.training.mae},
    )  # fmt: skip
    assert_type(history, ag.training.History)
    assert_type(history["loss"], list[float])
    assert_type(ag.training.binary_accuracy([1.0], [1]), float)
    ag.save(net, tmp_path / "net.npz")
    missing, unexpected = net.load_state_dict(ag.load(tmp_path / "net.npz"))
    assert_type(missing, list[str])
    assert missing == unexpected == []
