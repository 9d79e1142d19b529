"""Loops that stay loops: a Newton iteration that is batched, and the rates of an epidemic, fitted through an ODE.

    python examples/control_flow.py

The root of Kepler's equation is found with `while_loop`, for 1,000 orbits at once: each stops by itself. The epidemic
is 500 Runge-Kutta steps with `scan`. Compiled, they are one step in a loop, and compiling takes as long as for 5 steps.
"""

import time

import numpy as np

import autograd_lite as ag
from autograd_lite import optim

# ------------------------------------------------------------------------------------------- Kepler's equation


def eccentric_anomaly(M, e):
    """The root E of ``E - e sin E = M``."""

    def too_far(E):
        return abs(E - e * np.sin(E) - M) > 1e-13

    def step(E):
        return E - (E - e * np.sin(E) - M) / (1 - e * np.cos(E))

    return ag.while_loop(too_far, step, M)


# ------------------------------------------------------------------------------------------------ an epidemic

STEP, STEPS = 0.2, 500
TRUTH = np.array([0.4, 0.1])  # infections and recoveries a day


def change(state, rates):
    ill, healthy = state[0], state[1]
    new, gone = rates[0] * ill * healthy, rates[1] * ill
    return np.stack([new - gone, -new])


def epidemic(rates):
    """The fraction that is ill, after each step of the Runge-Kutta method."""

    def step(state, _):
        k1 = change(state, rates)
        k2 = change(state + STEP / 2 * k1, rates)
        k3 = change(state + STEP / 2 * k2, rates)
        k4 = change(state + STEP * k3, rates)
        state = state + STEP / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        return state, state[0]

    return ag.scan(step, np.array([0.01, 0.99]), length=STEPS)[1]


def main():
    rng = np.random.default_rng(0)
    M, e = rng.uniform(0, np.pi, 1000), rng.uniform(0, 0.9, 1000)
    solve = ag.jit(ag.vmap(eccentric_anomaly))
    E = solve(M, e)
    worst = np.max(np.abs(E - e * np.sin(E) - M))
    slope = ag.jvp(ag.vmap(eccentric_anomaly), (M, e), (np.ones(1000), np.zeros(1000)))[1]
    error = np.max(np.abs(slope * (1 - e * np.cos(E)) - 1))  # dE/dM by hand
    print(f"Kepler's equation for 1000 orbits: the residual is below {worst:.0e}, the slope differs by {error:.0e}")

    observed = epidemic(TRUTH) * (1 + 0.05 * rng.standard_normal(STEPS))
    p = ag.tensor(np.log([0.7, 0.2]), requires_grad=True, name="log_rates")
    optimizer = optim.Adam([p], lr=0.05)

    @ag.jit
    def train():
        optimizer.zero_grad()
        loss = np.mean((epidemic(np.exp(p)) - observed) ** 2)
        loss.backward()
        optimizer.step()
        return loss

    start = time.perf_counter()
    train()
    first = time.perf_counter() - start
    start = time.perf_counter()
    for _ in range(200):
        train()
    rates = np.exp(p.numpy())
    took = (time.perf_counter() - start) / 200
    print(f"the first training step took {first:.2f} s, a later one {1e3 * took:.1f} ms ({STEPS} steps of the ODE)")
    print(f"rates: {rates.round(3)} found, {TRUTH} true")
    if worst > 1e-12 or error > 1e-9 or np.abs(rates / TRUTH - 1).max() > 0.05:
        raise SystemExit("a root, a slope or a rate is wrong")


if __name__ == "__main__":
    main()
