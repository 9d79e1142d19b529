"""Names that PyTorch's tensors or NumPy's arrays have and ours lack, with what to write instead."""

from __future__ import annotations

from typing import Any

_GPU = "arrays live in the memory of this computer; there is no GPU here"
_IN_PLACE = "write under `with ag.no_grad():`, x += ... or x[...] = ..., or make a new tensor"

#: Of both tensors and the package.
_OF_BOTH = {
    "kthvalue": "np.take(np.sort(x, axis), k - 1, axis), and the same of np.argsort(x, axis)",
    "mode": "values, counts = np.unique(x, return_counts=True)",
    "msort": "np.sort(x, axis=0)",
    "aminmax": "x.min(axis=...), x.max(axis=...)",
    "rsqrt": "1 / np.sqrt(x)",
    "erf": "ag.special.erf(x)",
    "addmm": "x + a @ b",
    "inverse": "np.linalg.inv(x)",
    "is_floating_point": "x.dtype.kind == 'f'",
}

#: By attribute: the remedy.
REMEDIES = {
    **_OF_BOTH,
    "tile": "np.tile(x, repeats)",
    "cuda": f"omit it: {_GPU}",
    "is_cuda": _GPU,
    "grad_fn": "x.explain() and x.draw() show where it comes from",
    "at": "ag.set_at(x, index, value), ag.add_at and their like",
    "amax": "x.max(axis=...)",
    "amin": "x.min(axis=...)",
    "median": "np.median(x), the mean of the two middle entries",
    **dict.fromkeys(("values", "indices"), "max, min, sort return values; argmax, argmin and argsort return positions"),
    "index_add": "ag.add_at(x, index, value)",
    "new_tensor": "ag.tensor(values, dtype=x.dtype)",
    "is_complex": "x.dtype.kind == 'c'",
    "ndimension": "x.ndim",
    "to_sparse": "a dense array: there are no sparse ones here",
    "fill": _IN_PLACE,
    "put": _IN_PLACE,
    "resize": _IN_PLACE,
    "byteswap": "x.data.byteswap()",
    "tobytes": "x.data.tobytes()",
    "tofile": "x.data.tofile(...)",
    "strides": "x.data.strides",
    "flags": "x.data.flags",
    "base": "x.data.base",
    "ctypes": "x.data.ctypes",
    **dict.fromkeys(("pow_", "exp_", "sqrt_", "masked_fill_", "index_add_", "scatter_add_"), _IN_PLACE),
}


#: The same for the package: names of PyTorch's, JAX's and HIPS autograd's.
OF_THE_LIBRARY = {
    **_OF_BOTH,
    "pmap": "a program runs on one machine, in as many threads as it starts",
    "asarray": "arrays stand beside tensors as they are; ag.as_tensor(x) makes a tensor",
    "random": "ag.manual_seed and ag.randn, or NumPy's generators",
    "make_jaxpr": "ag.trace(f)(x)",
    "linearize": "ag.jvp(f, primals, tangents)",
    "custom_vjp": "ag.table.define",
    "custom_jvp": "ag.table.define",
    "Function": "ag.autograd.Function, or ag.table.define",
    "elementwise_grad": "ag.grad(lambda x: f(x).sum())",
    "gradcheck": "ag.testing.assert_gradients(f, x)",
    "std_mean": "np.std(x, axis, ddof=1), np.mean(x, axis)",
    "var_mean": "np.var(x, axis, ddof=1), np.mean(x, axis)",
    "lerp": "x + weight * (y - x)",
    "svd": "np.linalg.svd(x)",
    "complex": "real + 1j * imag",
    "masked_select": "x[mask]",
    "numel": "x.size",
    "Size": "a shape is a tuple",
    "set_num_threads": "set OPENBLAS_NUM_THREADS before NumPy is imported",
    "distributed": "ag.training.fit(..., communicator=MPI.COMM_WORLD)",
    "compile": "ag.jit(f)",
    "func": "ag.grad, ag.vmap, ag.jacrev, ag.hessian and the others",
    "distributions": "Normal(m, s).log_prob(x) is ag.stats.norm.logpdf(x, m, s), and .sample() ag.normal(m, s)",
    "scipy": "ag.special, ag.linalg, ag.stats, ag.optimize; SciPy's ufuncs work on tensors",
    "make_vjp": "ag.vjp(f, x)",
    "make_jvp": "ag.jvp(f, (x,), (v,))",
    "hessian_vector_product": "ag.hvp(f)(x, v)",
    "grad_and_aux": "ag.grad(f, has_aux=True)",
    "extend": "ag.autograd.Function, or ag.table.define",
    "misc": "ag.optim",
    "test_util": "ag.testing.assert_gradients(f, x)",
    "lax": "scan, fori_loop, while_loop, cond and stop_gradient are ag.scan, …; Python's loops are recorded",
    "make_dot": "ag.draw(x)",
    "numpy": "NumPy's own functions work on tensors: import numpy as np",
}

#: The same for ``ag.autograd``: names of PyTorch's.
OF_AUTOGRAD = {
    "functional": "ag.jacobian(f)(x), ag.hessian(f)(x), ag.hvp(f)(x, v), ag.vjp and ag.jvp",
    "gradcheck": "ag.testing.assert_gradients(f, x)",
    "set_detect_anomaly": "with ag.detect_anomaly(): ...",
    "detect_anomaly": "with ag.detect_anomaly(): ...",
}

#: The same for ``ag.utils``: names of PyTorch's.
OF_UTILS = {
    "checkpoint": "ag.checkpoint(f)(x)",
    "tensorboard": "fit(...) of ag.training returns a history that can be drawn",
}

_GLOBAL = "it has no derivatives to use; polish its result with ag.optimize.minimize(f, x0), which has a derivative"

#: The same for ``ag.optimize``: names of SciPy's.
OF_OPTIMIZE = {
    "fsolve": "ag.optimize.root(f, x0)",
    **dict.fromkeys(("brentq", "brenth", "bisect", "ridder", "toms748"), "ag.optimize.root_scalar(f, bracket=(a, b))"),
    "newton": "ag.optimize.root_scalar(f, x0=x0)",
    "leastsq": "ag.optimize.least_squares(f, x0, method='lm')",
    **dict.fromkeys(("nnls", "lsq_linear"), "ag.optimize.least_squares(lambda x: A @ x - b, x0, bounds=...)"),
    **dict.fromkeys(("fmin", "fmin_bfgs", "fmin_l_bfgs_b", "minimize_scalar"), "ag.optimize.minimize(f, x0)"),
    **dict.fromkeys(
        ("linprog", "milp", "linear_sum_assignment"),
        "a solution at a corner stays or jumps, so it has no derivative of use; call SciPy's function",
    ),
    **dict.fromkeys(("differential_evolution", "basinhopping", "dual_annealing", "shgo", "direct", "brute"), _GLOBAL),
}

#: The same for ``ag.optim``.
OF_OPTIM = {
    name: f"ag.optimize.{name}" for name in ("minimize", "root", "root_scalar", "least_squares", "curve_fit")
}

#: The same for modules of SciPy.
OF_SCIPY = {
    "integrate": "Use ag.integrate.odeint for an ordinary differential equation",
    "optimize": "Use the function of this name in ag.optimize, which takes tensors in args=",
    "sparse": "Use ag.sparse.matvec(A, x) for A @ x",
}


def no_attribute(what: str, name: str, obj: object, remedies: dict[str, str] = REMEDIES) -> AttributeError:
    """The error for an attribute that does not exist, with the remedy where it is known."""
    remedy = f": {remedies[name]}" if name in remedies else ""
    return AttributeError(f"{what} has no attribute {name!r}{remedy}", name=name, obj=obj)


class Hints:
    """The last of ``sys.meta_path``: ``from autograd_lite.distributions import Normal`` raises with what to write.

    Python discards the message of a module's ``__getattr__`` in a ``from`` statement, and looks for a module instead.
    """

    @staticmethod
    def find_spec(fullname: str, path: Any = None, target: Any = None) -> None:
        package, _, name = fullname.partition(".")
        if package == __name__.partition(".")[0] and name in OF_THE_LIBRARY:
            raise ImportError(f"{package} has no {name!r}: {OF_THE_LIBRARY[name]}", name=fullname)
