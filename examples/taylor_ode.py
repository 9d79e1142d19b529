"""A planet on its orbit, by Taylor steps of order 20: y(t + h) = y + y' h + y'' h²/2 + …

The equation y' = f(y) gives the coefficients of its own solution one after the other: if those of y up to order k are
known, those of f(y) are, and y' = f(y) gives order k + 1. `ag.jet` computes the coefficients of f(y). Such steps are
long: few evaluations of f, each of many coefficients, reach the precision of the numbers. It is how orbits of planets,
and bounds that hold with certainty, are computed.

    python examples/taylor_ode.py
"""

import numpy as np

import autograd_lite as ag


def f(state):
    """The motion of a body around a sun at the origin: position and velocity in one vector of four numbers."""
    position, velocity = state[:2], state[2:]
    distance = np.sqrt(np.sum(position**2))
    return np.concatenate([velocity, -position / distance**3])


def solution(f, y, order):
    """The coefficients of the solution of y' = f(y) that starts at y."""
    series = [y]
    for k in range(order):
        value, terms = ag.jet(f, (y,), (series[1:],), factorial_scaled=False)
        series.append([value, *terms][k] / (k + 1))
    return series


def main():
    eccentricity = 0.6
    start = np.array([1 - eccentricity, 0, 0, np.sqrt((1 + eccentricity) / (1 - eccentricity))])
    order, tolerance = 20, 1e-15

    y, t, steps = start, 0.0, 0
    while t < 2 * np.pi:  # one period
        series = solution(f, y, order)
        longest = min((tolerance / np.abs(series[k]).max()) ** (1 / k) for k in (order - 1, order))
        h = min(longest, 2 * np.pi - t)  # so that the last two terms are below the tolerance
        y, t, steps = sum(c * h**k for k, c in enumerate(series)), t + h, steps + 1
    print(f"after one period of an orbit with eccentricity {eccentricity}: {steps} steps of order {order}")
    error = np.abs(y - start).max()
    print(f"distance from the start: {error:.1e}")
    if error > 1e-11:
        raise SystemExit("the orbit should be closed")

    end = ag.integrate.odeint(lambda y, t: f(y), start, [0.0, 2 * np.pi], rtol=1e-12, atol=1e-12)[-1]
    print(f"by odeint, a Runge-Kutta method of order 5, with tolerance 1e-12: {np.abs(end - start).max():.1e}")


if __name__ == "__main__":
    main()
