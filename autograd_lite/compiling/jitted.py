"""``jit(f)``: a function that is recorded once and then runs as flat NumPy code.

What was recorded is kept by the structure, shapes and dtypes of the arguments. Everything that the function reads from
outside is read at every call; see ``docs/jit.md``.
"""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import update_wrapper
from threading import RLock
from types import MethodType
from typing import Any, NamedTuple

from ..engine.context import CONTEXT, ORDINARY
from ..engine.node import NEEDS, Function, Params, Values
from ..program import Program
from ..program.calls import record_call
from ..program.outside import NotYet
from . import stepping  # noqa: F401  imported for what it does: the rows of loops get their form
from .arguments import Arguments, static_test
from .compile import compiled
from .dispatch import MISS, Dispatch
from .sizes import OtherSize

SIZE = 64  # programs
MANY = 16  # of them that differ in sizes that values decide
_TRACING = RLock()  # a trace changes what Tensors refer to


class CacheInfo(NamedTuple):
    """As of :func:`functools.lru_cache`."""

    hits: int
    misses: int
    maxsize: int
    currsize: int


class Jitted:
    """A function that is compiled when it is called; made by :func:`jit`.

    >>> import numpy as np, autograd_lite as ag
    >>> f = ag.jit(lambda x: np.sin(x) + 1)
    >>> f(np.zeros(2))
    array([1., 1.])
    """

    def __init__(
        self, f: Function, static: str | Sequence[str], fallback: bool, options: Mapping[str, Any]
    ) -> None:  # fmt: skip
        update_wrapper(self, f, updated=())
        self.f, self.fallback, self.options = f, fallback, options
        self._made_with = f, static, fallback, options
        self._static = static_test(f, static)
        self._lock = RLock()
        self._newest: Dispatch | None
        self._latest: Callable[[Any, Any], Any]
        self.clear_cache()

    def __call__(self, *args: Any, **params: Any) -> Any:
        try:
            result = self._latest(args, params)
        except OtherSize:  # before it has written anything
            result = MISS
        if result is MISS:
            return self._look(args, params)
        self._hits += 1
        return result

    def __get__(self, obj: object, cls: type | None = None) -> Any:
        return self if obj is None else MethodType(self, obj)

    def __reduce__(self) -> Any:
        """A copy compiles its own programs: those of the original read the Tensors that the original found."""
        return Jitted, self._made_with

    # ---------------------------------------------------------------------------------------------- the cache

    def _look(self, args: Values, params: Params) -> Any:
        """Find the program for a call, or make one."""
        context = CONTEXT.get() or ORDINARY
        arguments = Arguments(args, params, self._static, self._name)
        if context.outside is not None or context.level or context.values is not None or arguments.live & ~NEEDS:
            return self.f(*args, **params)  # part of a larger trace or transform, which records it
        if context.watcher is not None:
            return self.f(*args, **params)
        key = (arguments.key, context.recording)
        others = 0  # programs with other sizes
        with self._lock:  # a call that writes waits until the trace has put everything back
            for dispatch in self._cache.get(key, ()):
                try:
                    result = dispatch.call(args, params) if dispatch.refresh() else MISS
                except OtherSize:
                    others += 1
                    continue
                if result is not MISS:
                    self._use(key, dispatch)
                    self._hits += 1
                    return result
            if key in self._eager:
                return self.f(*args, **params)
            if others == MANY:
                warnings.warn(
                    f"jit: {self._name} has been recorded {MANY} times, because values decide a size in it: write "
                    "np.where(mask, x, 0), whose shape does not depend on the mask",
                    stacklevel=3,
                )
            new = self._new(key, arguments, args, params, context.recording)
            if new is None:
                return self.f(*args, **params)
            result = new.call(args, params)
            if result is MISS:
                raise RuntimeError(f"jit: {self._name} changes what its own program depends on")
            return result

    def _new(
        self, key: Hashable, arguments: Arguments, args: Values, params: Params, recording: bool
    ) -> Dispatch | None:
        """Record and compile a call; None if it has to run as it is."""
        try:
            with _TRACING:
                recorded = record_call(self.f, args, params, arguments.static, recording)
            recorded.check_memory(arguments.leaves)
            run = compiled(
                recorded.program, recorded.program.updates, contiguous=recorded.contiguous, **self.options
            )
            dispatch = Dispatch(
                recorded, run, args, params, arguments.static, recording, self._lock, self.options["backend"]
            )
        except NotYet:
            return None
        except Exception as error:
            if not self.fallback:
                error.add_note(f"while {self._name} was traced; ag.jit(f, fallback=True) runs it without compiling")
                raise
            self._eager.add(key)
            warnings.warn(f"jit: {self._name} runs without compiling, because {error}", stacklevel=4)
            return None
        finally:
            self._misses += 1
        self._cache.setdefault(key, []).append(dispatch)
        self._use(key, dispatch)
        while sum(map(len, self._cache.values())) > SIZE:
            self._cache.popitem(last=False)
        return dispatch

    def _use(self, key: Hashable, dispatch: Dispatch) -> None:
        self._cache.move_to_end(key)
        self._latest, self._newest = dispatch.call, dispatch

    def cache_info(self) -> CacheInfo:
        """How many calls found a program, how many were traced, and how many programs there are."""
        return CacheInfo(self._hits, self._misses, SIZE, sum(map(len, self._cache.values())))

    def clear_cache(self) -> None:
        """Forget all programs."""
        self._cache: OrderedDict[Hashable, list[Dispatch]] = OrderedDict()
        self._eager: set[Hashable] = set()
        self._hits = self._misses = 0
        self._newest = None
        self._latest = _nothing_yet

    # ------------------------------------------------------------------------------------------- to look at it

    @property
    def _name(self) -> str:
        return getattr(self.f, "__name__", None) or type(self.f).__name__

    def _last(self) -> Dispatch:
        if self._newest is None:
            raise RuntimeError(f"jit: {self._name} has not been called yet, so there is no program; call it first")
        return self._newest

    @property
    def program(self) -> Program:
        """The program of the latest call."""
        return self._last().recorded.program

    @property
    def source(self) -> str:
        """The NumPy code of the latest call."""
        return str(self._last().run.whole_source)

    @property
    def c_source(self) -> str | None:
        """The C code of the latest call; None if all of it ran as NumPy."""
        return self._last().run.c_source

    @property
    def backend(self) -> str:
        """What ran at the latest call: "c", if some of it is C, or "numpy"."""
        return self._last().run.backend

    def explain_plan(self) -> str:
        """What each pass of the compiler did to the program of the latest call."""
        return "\n".join(self._last().run.plan)

    def __repr__(self) -> str:
        return f"<jit of {self._name}>"


def _nothing_yet(args: Values, params: Params) -> Any:
    return MISS


def jit(
    f: Function | None = None, *, static_argnames: str | Sequence[str] = (),
    donate_argnames: str | Sequence[str] = (), fallback: bool = False, fast: bool = False, threads: int = 1,
    backend: str = "numpy",
) -> Any:
    """A function that is recorded once, and then runs as flat NumPy code without a graph or temporaries.

    Parameters
    ----------
    f : callable
        Of arrays, Tensors, numbers, and nested dicts, lists and tuples of them. It may be a transform, such as
        ``grad(loss)``, a module, or a whole training step: parameters, buffers, gradients and the state of optimisers
        are found, read at every call, and updated in place. Without `f` it is a decorator with these options.
    static_argnames : str or sequence of str
        Arguments whose value the program depends on, such as a number of layers: it is recorded again for each value.
        Strings, booleans, None and objects that are not arrays are always static.
    donate_argnames : str or sequence of str
        Accepted, as in JAX, and without effect: no argument is overwritten, because to check that it shares no memory
        with another one takes longer than a new array.
    fallback : bool
        If `f` cannot be recorded, warn once and run it as it is, instead of raising.
    fast : bool
        Allow rewrites whose results differ beyond rounding: ``x / 3`` as ``x * (1 / 3)``, ``x**3`` as ``x * x * x``.
    threads : int
        The number of threads that share the elementwise operations on arrays of a megabyte or more. The results are the
        same, bit for bit, for any number. Matrix products use BLAS's own threads; those in C use these.
    backend : str
        "numpy", or "c": operations that gain from it run as C, which the machine's C compiler compiles at the first
        call; the others run as NumPy. Without a compiler a warning says so, once, and all runs as NumPy.

    Returns
    -------
    callable
        With ``program``, ``source``, ``backend``, ``c_source`` and ``explain_plan()`` of the latest call,
        ``cache_info()`` and ``clear_cache()``.

    Raises
    ------
    RuntimeError
        At a call, if `f` depends on a value (``if x > 0``, ``x.item()``), prints one or keeps one outside.

    Examples
    --------
    >>> import numpy as np, autograd_lite as ag
    >>> @ag.jit
    ... def loss(w, x):
    ...     return np.sum(np.tanh(x * w))
    >>> float(loss(np.zeros(3), np.ones(3)))
    0.0
    >>> loss.cache_info()
    CacheInfo(hits=0, misses=1, maxsize=64, currsize=1)
    """
    if not isinstance(threads, int) or threads < 1:
        raise ValueError(f"jit: expected a number of threads, 1 or more, got threads={threads!r}")
    if backend not in ("numpy", "c"):
        raise ValueError(f"jit: expected backend='numpy' or 'c', got {backend!r}")
    options = {"fast": fast, "threads": threads, "backend": backend}
    if f is None:
        return lambda f: Jitted(f, static_argnames, fallback, options)
    return Jitted(f, static_argnames, fallback, options)
