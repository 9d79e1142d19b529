"""Sparse Jacobians and Hessians as SciPy matrices, in as few passes as their zeros allow.

The pattern comes from the program of the function (:mod:`autograd_lite.sparse.pattern`); that of a Hessian is the
pattern of the gradient's Jacobian. Columns or rows that share no entry get one colour
(:mod:`autograd_lite.sparse.colouring`), and one batched pass computes a sum for each colour, of which every entry is
read. Pattern and colours are kept, so a later call is that pass, and one product that shows whether they still fit.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from functools import partial, update_wrapper
from threading import RLock
from typing import Any

import numpy as np
from scipy.sparse import csr_array, eye_array

from ..base.tree import leaves, tree_map
from ..compiling import jit as compiled
from ..engine.context import changed
from ..engine.node import Function
from ..engine.operands import raw
from ..engine.value import live_of
from ..program.equation import key_of
from ..program.program import program_of, traced_program
from ..tensor import Tensor, tensor
from ..transforms.grad import check_asked, grad, linearized, numbers
from ..transforms.jacobian import compressed
from .colouring import Colouring, canonical
from .pattern import dependence

SIZE = 64  # shapes for which a pattern is kept
_PREPARING = RLock()  # a trace changes what Tensors refer to


def sparsity(f: Function, argnums: int = 0, *, local: bool = False) -> Callable[..., csr_array]:
    """The pattern of the Jacobian of `f`, which fits SciPy's ``jac_sparsity=``; the parameters of `sparse_jacobian`.

    Returns
    -------
    callable
        It takes the arguments of `f` and returns a :class:`scipy.sparse.csr_array` of truth values, with a row for each
        entry of the result and a column for each entry of the argument. The values of floating arguments do not
        matter: no entry is missed, whatever they are.

    Examples
    --------
    >>> import numpy as np, autograd_lite as ag
    >>> ag.sparsity(np.diff)(np.zeros(4)).astype(int).toarray()
    array([[1, 1, 0, 0],
           [0, 1, 1, 0],
           [0, 0, 1, 1]])
    """
    check_asked("sparsity", f, argnums)

    def sparsity_of_f(*args: Any, **params: Any) -> csr_array:
        call = _Call("sparsity", f, argnums, args, params)
        with _PREPARING:
            return canonical(_pattern(call, call.function, local))

    return update_wrapper(sparsity_of_f, f, updated=())


def sparse_jacobian(
    f: Function, argnums: int = 0, *, pattern: Any = None, local: bool = False, jit: bool = False
) -> SparseDerivative:
    """The Jacobian as a SciPy matrix, computed in as many passes as its columns or rows need colours.

    Parameters
    ----------
    f : callable
        Of arrays; returns an array, or a list of arrays and numbers. The argument and the result may have any shape:
        the matrix has a row for each entry of the result and a column for each entry of the argument, in C order.
    argnums : int
        The position of the argument, 1 for the ``jac(t, y)`` of :func:`scipy.integrate.solve_ivp`.
    pattern : matrix or Colouring, optional
        The entries that may differ from zero. By default they are found when a call has new shapes.
    local : bool
        Find the pattern at each call, at its point: `f` may branch on values, and an index that depends on them is as
        it is there.
    jit : bool
        Compile the derivative, which is worth it if there are many calls: see :func:`autograd_lite.jit`.

    Returns
    -------
    SparseDerivative
        It takes the arguments of `f` and returns a :class:`scipy.sparse.csr_array` of the dtype of the dense Jacobian.
        Every entry of the pattern is stored, also where it is zero at this point.

    Raises
    ------
    RuntimeError
        If `f` branches on values, unless `local` is true; or if the call is part of a transform or uses a Tensor that
        requires a gradient, because the matrix holds no Tensors.
    ValueError
        If `pattern` has another shape than the Jacobian, or lacks an entry.
    FloatingPointError
        If an entry is infinite or nan: in a sum it would spoil others.

    Notes
    -----
    What `f` reads from outside may change between calls: each call compares the product of the matrix with one vector,
    and the pattern is found anew if they differ.

    Examples
    --------
    >>> import numpy as np, autograd_lite as ag
    >>> J = ag.sparse_jacobian(lambda x: x[1:] - x[:-1] ** 2)
    >>> J(np.array([1.0, 2.0, 3.0])).toarray()
    array([[-2.,  1.,  0.],
           [ 0., -4.,  1.]])
    >>> J.colouring(np.zeros(1000))
    <Colouring of 999 × 1000: 1998 entries, 2 colours by columns>
    """
    return SparseDerivative("sparse_jacobian", f, argnums, pattern, local, jit)


def sparse_hessian(
    f: Function, argnums: int = 0, *, pattern: Any = None, local: bool = False, jit: bool = False
) -> SparseDerivative:
    """The Hessian of a function that returns one number, as a SciPy matrix: forward mode over reverse mode.

    The parameters are those of :func:`sparse_jacobian`. With respect to a real argument the matrix is symmetric, and
    needs fewer colours than a Jacobian.

    Examples
    --------
    >>> import numpy as np, autograd_lite as ag
    >>> H = ag.sparse_hessian(lambda x: np.sum(x[1:] * x[:-1] ** 2))
    >>> H(np.array([1.0, 2.0, 3.0])).toarray()
    array([[4., 2., 0.],
           [2., 6., 4.],
           [0., 4., 0.]])
    """
    return SparseDerivative("sparse_hessian", f, argnums, pattern, local, jit)


class SparseDerivative:
    """The result of :func:`sparse_jacobian` and :func:`sparse_hessian`: a function that keeps patterns and colours.

    >>> import numpy as np, autograd_lite as ag
    >>> ag.sparse_jacobian(np.sin)(np.zeros(2)).toarray()
    array([[1., 0.],
           [0., 1.]])
    """

    def __init__(
        self, what: str, f: Function, argnums: int, pattern: Any, local: bool, jit: bool
    ) -> None:  # fmt: skip
        check_asked(what, f, argnums)
        update_wrapper(self, f, updated=())
        self._what, self._f, self._argnums, self._jit, self.local = what, f, argnums, jit, local
        self._pattern = pattern if pattern is None or isinstance(pattern, Colouring) else canonical(pattern)
        self._kept: dict[Hashable, tuple[Colouring, Function | None, _Call]] = {}

    def __call__(self, *args: Any, **params: Any) -> csr_array:
        call = _Call(self._what, self._f, self._argnums, args, params)
        matrix, fits = self._computed(call)
        if not fits and self._pattern is None:  # the function reads something else from outside than before
            self._kept.pop(call.key, None)
            matrix, fits = self._computed(call)[0], True
        if not fits:
            raise ValueError(
                f"{call.who}: the derivative has an entry that is not in the pattern. Pass another pattern=, or none"
            )
        return matrix

    def _computed(self, call: _Call) -> tuple[csr_array, bool]:
        """The matrix, and whether its product with a vector is that of the derivative."""
        colouring, derivative, _ = self._prepared(call)
        sums, product = map(raw, (derivative or self._derivative(call, colouring))(*call.traced))
        data, p = colouring.entries(sums), colouring.pattern
        if not np.all(np.isfinite(sums)):
            bad = np.flatnonzero(~np.isfinite(data))[:1]
            places = zip(colouring.rows[bad], p.indices[bad], data[bad], strict=True)
            which = next((f"entry ({i}, {j}) is {value}" for i, j, value in places), "a sum of entries is not finite")
            raise FloatingPointError(f"{call.who}: {which} at this point; the dense derivative shows all that are")
        matrix = csr_array((data, p.indices.copy(), p.indptr.copy()), shape=p.shape)
        wide = np.result_type(data, np.float32)  # SciPy has no products of float16
        m = (matrix.T if colouring.by == "rows" else matrix).astype(wide, copy=False)
        v = _direction(m.shape[1], float)
        expected = m @ v if product.dtype.kind == "c" else np.real(m @ v)
        # another pattern costs time only, but no error must come from rounding in the function
        tolerance = np.finfo(data.dtype).eps ** (0.5 if self._pattern is None else 0.25) * (abs(m) @ np.abs(v))
        return matrix, not (colouring.missing(sums) or np.any(np.abs(expected - np.ravel(product)) > tolerance))

    def colouring(self, *args: Any, **params: Any) -> Colouring:
        """The pattern and the colours for these arguments, which later calls with their shapes use.

        It can be passed as ``pattern=`` and has :meth:`Colouring.draw`.
        """
        return self._prepared(_Call(self._what, self._f, self._argnums, args, params))[0]

    def _prepared(self, call: _Call) -> tuple[Colouring, Function | None, _Call]:
        """Colours and compiled derivative, with the call that they were prepared for."""
        prepared = None if self.local else self._kept.get(call.key)
        if prepared is not None:
            return prepared
        with _PREPARING:
            colouring = self._colouring(call)
            derivative = None
            if self._jit:
                call.args = tree_map(lambda x: np.array(x) if isinstance(x, np.ndarray) else x, call.args)
                derivative = compiled(self._derivative(call, colouring))
            prepared = colouring, derivative, call
            if not self.local:
                self._kept[call.key] = prepared
            if len(self._kept) > SIZE:
                self._kept.pop(next(iter(self._kept)))
            return prepared

    def _of(self, call: _Call) -> Function:
        """The function whose Jacobian is computed."""
        return grad(call.function, call.at) if self._what == "sparse_hessian" else call.function

    def _colouring(self, call: _Call) -> Colouring:
        f, n = self._of(call), call.x.size
        by: str | None = "columns" if call.x.dtype.kind == "c" else "symmetric"
        shape = n, n
        if f is call.function:
            run = linearized(f, call.traced, (call.at,))
            shape, by = (np.size(raw(run.outputs[0])), n), "rows" if run.once_differentiable() else None
        result = _pattern(call, f, self.local) if self._pattern is None else self._pattern
        if not isinstance(result, Colouring):
            if self._pattern is None and by == "symmetric":
                result = result * result.T
            result = Colouring(result, by)
        if result.pattern.shape != shape:
            raise ValueError(f"{call.who}: the pattern has shape {result.pattern.shape}; expected {shape}")
        if result.by != by and (by is not None or result.by == "symmetric"):
            raise ValueError(f"{call.who}: the colouring is by {result.by}; expected by {by or 'columns or rows'}")
        return result

    def _derivative(self, call: _Call, colouring: Colouring) -> Function:
        """The function of the traced arguments that returns a sum for each colour, and a product to check it with."""
        backwards = colouring.by == "rows"

        def derivative(*traced: Any) -> Any:
            run = linearized(self._of(call), traced, (call.at,))
            if run.connected and not run.traced:
                raise call.connected_error()
            along = np.asarray(raw(run.outputs[0]) if backwards else call.x)
            v = _direction(along.size, along.dtype).reshape(along.shape)
            [product] = run.pull_from({0: v}) if backwards else run.push_from({0: v})
            if backwards and v.dtype.kind == "c":  # as in the dense Jacobian
                product = np.conj(product)
            return compressed(run, colouring.colours, backwards), product

        return derivative


def _direction(n: int, dtype: Any) -> Any:
    """In which derivatives are compared."""
    return np.cos(np.arange(1.0, n + 1)).astype(dtype)


def _pattern(call: _Call, f: Function, local: bool) -> csr_array:
    """The pattern of the Jacobian of a function of the traced arguments."""
    if local:
        xs = [tensor(x, requires_grad=k == call.at) for k, x in enumerate(call.traced)]
        with changed(recording=True):
            program, variables = program_of(f(*xs))
        x = variables.get(xs[call.at]._node)  # type: ignore[arg-type]  # it has one
    else:
        try:
            program = traced_program(partial(f), call.traced)  # whose variables nobody names
        except RuntimeError as error:
            error.add_note(f"{call.who}: local=True finds the pattern at one point, where a branch is taken as there")
            raise
        x = program.inputs[call.at]
    [y] = program.outputs
    start = {} if x is None else {x: eye_array(call.x.size, dtype=bool, format="csr")}
    [pattern] = dependence(program, start)
    return csr_array((np.size(y), call.x.size), dtype=bool) if pattern is None else pattern


class _Call:
    """One call: the arguments that are traced, and the function of these alone.

    Floating arrays and numbers are traced. Everything else (indices, sizes, options) is part of the function, and of
    the key under which its pattern is kept.
    """

    def __init__(self, what: str, f: Function, argnums: int, args: Any, params: Mapping[str, Any]) -> None:
        name = getattr(f, "__name__", type(f).__name__)
        self.who = f"{what} of {name}"
        if not hasattr(argnums, "__index__"):
            raise TypeError(f"{self.who}: argnums={argnums}; expected the position of one argument")
        [at] = numbers(argnums, args)
        if isinstance(args[at], dict):
            raise TypeError(f"{self.who}: expected one array as argument {at}, got a dict; jacobian takes trees")
        self.args = list(args)
        if isinstance(args[at], (list, tuple, float)):
            self.args[at] = np.asarray(args[at])
        places = [k for k, x in enumerate(self.args) if _is_float(x)]
        if at not in places:
            raise TypeError(
                f"{self.who}: a derivative with respect to data of dtype {np.asarray(raw(self.args[at])).dtype} is not "
                "possible; pass floats (2.0 for 2, .astype(float))"
            )
        if any(live_of(t) for t in leaves([self.args, params])):
            raise self.connected_error()
        self.traced = [np.asarray(raw(self.args[k])) for k in places]
        self.at = places.index(at)
        self.x = self.traced[self.at]
        # ravel(order="K") depends on the strides
        kinds = [(x.shape, x.dtype, x.ndim > 1 and not x.flags.c_contiguous and x.strides) for x in self.traced]
        static = {k: x for k, x in enumerate(self.args) if k not in places}
        self.key = at, *kinds, key_of(tree_map(raw, (static, dict(params))), 1 << 62)  # arrays by value

        def function(*traced: Any) -> Any:
            """The result as one array."""
            values = list(self.args)
            for k, x in zip(places, traced, strict=True):
                values[k] = x
            y = f(*values, **params)
            if y is None or isinstance(y, dict):
                what = "None" if y is None else "a dict"
                raise TypeError(f"{self.who}: expected an array or a list of them as the result, got {what}")
            return np.concatenate([np.ravel(part) for part in leaves(y)]) if isinstance(y, (list, tuple)) else y

        function.__name__ = name  # in messages
        self.function = function

    def connected_error(self) -> RuntimeError:
        return RuntimeError(
            f"{self.who}: the result is a SciPy matrix, which holds no Tensors, so it cannot be differentiated, mapped "
            "or traced itself. Write jacobian or hessian in a transform; use no_grad() or detach() for values alone"
        )


def _is_float(x: Any) -> bool:
    return isinstance(x, (float, complex, np.ndarray, np.inexact, Tensor)) and np.result_type(raw(x)).kind in "fc"
