"""A function of SciPy's that does not know tensors is named in the error, with what to use instead."""

import os
import re
import subprocess
import sys
import textwrap

import numpy as np
import pytest

import autograd_lite as ag

fft, integrate, interpolate, linalg, optimize, signal, special, stats = (
    pytest.importorskip(f"scipy.{name}", reason="install autograd_lite[scipy]")
    for name in ("fft", "integrate", "interpolate", "linalg", "optimize", "signal", "special", "stats")
)

pytest.importorskip("scipy")

X = ag.tensor([[2.0, 1.0], [1.0, 3.0]], requires_grad=True, name="x")
V = ag.tensor([0.1, 0.2, 0.3], requires_grad=True)
CALLS = {
    "linalg.expm": (lambda: linalg.expm(X), "Use ag.linalg.expm;"),
    "linalg.solve": (lambda: linalg.solve(X, V[:2]), "Use ag.linalg.solve;"),
    "special.logsumexp": (lambda: special.logsumexp(V), "Use ag.special.logsumexp;"),
    "fft.fft": (lambda: fft.fft(V), "Use ag.fft.fft;"),
    "signal.convolve": (lambda: signal.convolve(V, V), "Use ag.convolve;"),
    "stats.norm.logpdf": (lambda: stats.norm.logpdf(V), "Use ag.stats.norm.logpdf;"),
    "stats.norm.pdf": (lambda: stats.norm(V).pdf(1.0), "Use ag.stats.norm.pdf;"),
    "stats.multivariate_normal.logpdf": (
        lambda: stats.multivariate_normal.logpdf(V, np.zeros(3)), "Use ag.stats.multivariate_normal.logpdf;"),
    "optimize.minimize": (lambda: optimize.minimize(lambda p: (p**2).sum(), V), "ag.optimize"),
    "integrate.odeint": (lambda: integrate.odeint(lambda y, t: -y, V, [0, 1]), "Use ag.integrate.odeint"),
    "integrate.trapezoid": (lambda: integrate.trapezoid(V), "Use ag.trapezoid;"),
    "interpolate.CubicSpline": (lambda: interpolate.CubicSpline(np.arange(3), V), "ag.table.define;"),
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_it_is_named_with_what_to_use_instead(name):
    call, remedy = CALLS[name]
    with pytest.raises(RuntimeError, match=rf"^scipy\.{re.escape(name)} does not take tensors.*{re.escape(remedy)}"):
        call()


def test_in_a_trace():
    with pytest.raises(RuntimeError, match=r"^scipy\.linalg\.expm does not take tensors.*Use ag\.linalg\.expm"):
        ag.jit(lambda x: linalg.expm(x))(np.eye(2))


def test_it_takes_a_tensor_without_a_gradient_as_an_array():
    np.testing.assert_array_equal(linalg.expm(X.detach()), linalg.expm(X.numpy()))


def test_the_users_own_conversion_is_told_as_before():
    with pytest.raises(RuntimeError, match=r"^np\.array\(x\) or array\[i\] = \.\.\. would drop the graph"):
        np.array(X)


def test_functions_that_follow_the_array_standard_differentiate():
    """A new process, because SciPy reads the variable when it is imported."""
    program = """
        import numpy as np, autograd_lite as ag
        from scipy import fft, special, stats
        from autograd_lite.testing import assert_gradients
        for f in (stats.gmean, stats.skew, special.softmax, lambda x: fft.fft(x).real):
            assert_gradients(f, np.array([0.1, 0.5, 0.3]), order=1)
    """
    env = {**os.environ, "SCIPY_ARRAY_API": "1"}
    subprocess.run([sys.executable, "-W", "ignore", "-c", textwrap.dedent(program)], check=True, env=env)
