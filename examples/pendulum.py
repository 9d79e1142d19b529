"""A pendulum's length and friction from measured angles: a fit in physics, without a net.

    python examples/pendulum.py

The motion is integrated step by step (Runge-Kutta, plain NumPy), and the gradient goes back through all steps. The
length, the friction and the initial angle come from 60 noisy angles, each with its uncertainty.
"""

import numpy as np

import autograd_lite as ag
from autograd_lite import optim

GRAVITY = 9.81
TIMES = np.linspace(0, 6, 61)
NOISE = 0.05
TRUTH = {"length": 1.3, "friction": 0.25, "start": 2.0}


def speed(state, length, friction):
    angle, turning = state[0], state[1]
    return np.stack([turning, -GRAVITY / length * np.sin(angle) - friction * turning])


def angles(parameters):
    """The angle at each time, from the parameters (length, friction, angle at the start)."""
    length, friction, start = parameters[0], parameters[1], parameters[2]
    h = TIMES[1] - TIMES[0]
    state = np.stack([start, 0.0 * start])
    seen = [state[0]]
    for _ in TIMES[1:]:
        k1 = speed(state, length, friction)
        k2 = speed(state + h / 2 * k1, length, friction)
        k3 = speed(state + h / 2 * k2, length, friction)
        k4 = speed(state + h * k3, length, friction)
        state = state + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        seen.append(state[0])
    return np.stack(seen)


def main():
    truth = np.array(list(TRUTH.values()))
    film = angles(truth) + NOISE * np.random.default_rng(0).standard_normal(len(TIMES))

    p = ag.tensor([1.0, 0.1, 1.5], requires_grad=True, name="p")
    optimizer = optim.LBFGS([p], lr=0.5, max_iter=10)

    def closure():
        optimizer.zero_grad()
        loss = np.mean((angles(p) - film) ** 2) / NOISE**2
        loss.backward()
        return loss

    print("round     loss    length  friction   start")
    for k in range(8):
        loss = optimizer.step(closure)
        print(f"{k:5}  {loss.item():9.3f}", *(f"{value:8.4f}" for value in p.numpy()))

    # The uncertainty of a least-squares fit: the inverse of JᵀJ, times the variance of the noise.
    J = ag.jacobian(angles)(p.numpy())
    error = NOISE * np.sqrt(np.diag(np.linalg.inv(J.T @ J)))
    print()
    for (name, true), value, e in zip(TRUTH.items(), p.numpy(), error, strict=True):
        print(f"{name:9} {value:.4f} ± {e:.4f}   (truth {true})")
    if np.any(np.abs(p.numpy() - truth) > 4 * error) or np.any(error > 0.1):
        raise SystemExit("the fit is further from the truth than it says")


if __name__ == "__main__":
    main()
