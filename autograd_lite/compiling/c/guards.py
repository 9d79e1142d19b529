"""The call of a compiled program in C: its checks, the arithmetic, and its results.

`dispatch.py` writes a call as a function of Python. If the program is one region, that text is translated, line by
line, to operations of `call` in ``runtime.c``. A condition may become stricter on the way: of ``x.dtype is not d and
x.dtype != d`` only the identity is compared. If any condition holds, the function of Python is called, and decides.
What has no translation, or could run other code of Python, leaves all to that function.
"""

from __future__ import annotations

import ast
import ctypes
import gc
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from threading import RLock
from types import CellType, FunctionType, MappingProxyType, MemberDescriptorType, WrapperDescriptorType
from typing import Any

import numpy as np

from ...base.memory import aligned
from ...engine.value import RESULT, wrap
from .call import CODES, HEAD, Direct, function, kind_of, table
from .file import SETTINGS, USUAL

MOST = 500_000  # operations of a call during which no other thread of Python can run
CODE = {name: k for k, name in enumerate(CODES)}


class NoTranslation(Exception):
    """An expression has none."""


class Guards:
    """The function ``call`` that `source` defines in `space`, in C; NoTranslation if it has none.

    `args` and `params` are examples of its arguments.

    Attributes
    ----------
    call : callable
        What the function of Python does; it calls that if anything is not as it was.
    """

    def __init__(
        self, source: str, space: Mapping[str, Any], args: Sequence[Any], params: Mapping[str, Any], direct: Direct
    ) -> None:
        if direct.kernel.work > MOST or HEAD != 16 or SETTINGS is None:  # another HEAD: Python may have no lock
            raise NoTranslation
        self.space, self.direct = space, direct
        self.examples: list[Any] = [tuple(args), dict(params)]  # of the registers
        self.words: dict[str, int] = {"args": 0, "params": 1}
        self.constants: dict[Any, int] = {}  # registers, by the name in `space` or the identity of an object
        self.fixed: dict[int, Callable[[], Any]] = {}  # what is in these registers
        self.early: list[Sequence[int]] = []  # calls of functions of Python
        self.called: list[int] = []
        self.checks: list[Sequence[int]] = []
        self.effects: list[Sequence[int]] = []
        self.more: list[int] = []  # numbers after the registers, to which operations refer from their beginning
        self.shaped: set[int] = set()
        self.touched: list[int] = []  # where lists of what is written to begin, in `more`
        self.inputs: list[int] | None = None
        self.outputs: dict[str, int] = {}
        self.single: dict[int, bool] = {}  # whether a result is a number
        self.lock: Any = None
        self.held: Any = ()  # functions that take and release it
        self.reads: dict[Sequence[Any], int] = {}  # registers of what has been read already
        settings = self._read("CONTEXT", USUAL, self._object(SETTINGS))
        self._check("IS_NOT", settings, self._object(USUAL))  # C makes no errors
        (definition,) = ast.parse(source).body
        assert isinstance(definition, ast.FunctionDef)
        for line in definition.body:
            self._line(line)
        if self.inputs is None:
            raise NoTranslation
        self._assemble()

    # ------------------------------------------------------------------------------------------------ registers

    def _register(self, example: Any) -> int:
        self.examples.append(example)
        return len(self.examples) - 1

    def _constant(self, key: Any, value: Callable[[], Any]) -> int:
        if key not in self.constants:
            self.constants[key] = self._register(value())
            self.fixed[self.constants[key]] = value
        return self.constants[key]

    def _object(self, x: Any) -> int:
        return self._constant((type(x), x) if type(x) in (str, int, bool) else id(x), lambda: x)

    def _check(self, code: str, a: int = 0, b: int = 0, n: int = 0, to: int = 0) -> None:
        self.checks.append((CODE[code], to, a, b, n))

    def _effect(self, code: str, a: int = 0, b: int = 0, n: int = 0, to: int = 0) -> None:
        self.effects.append((CODE[code], to, a, b, n))

    def _read(self, code: str, example: Any, a: int, b: int = 0, n: int = 0) -> int:
        if (code, a, b, n) not in self.reads:
            self.reads[code, a, b, n] = to = self._register(example)
            self._check(code, a, b, n, to)
        return self.reads[code, a, b, n]

    def _list(self, numbers: Sequence[int]) -> int:
        self.more += numbers
        return len(self.more) - len(numbers)

    # ---------------------------------------------------------------------------------------------- expressions

    def _value(self, e: ast.expr) -> int:
        """The register of an expression that is read before the arithmetic."""
        match e:
            case ast.Name(id=name):
                if name in self.words:
                    return self.words[name]
                return self._constant(name, lambda: self.space[name])
            case ast.Constant(value=x):
                return self._object(x)
            case ast.Attribute(value=of, attr=name):
                return self._attribute(self._value(of), name)
            case ast.Subscript(value=of, slice=key):
                return self._entry(self._value(of), self._value(key))
            case ast.Call(func=ast.Name(id="context"), args=[]):
                variable = self._object(self.space["context"].__self__)
                return self._read("CONTEXT", self.space["context"](), variable)
            case ast.Call(func=ast.Name(id=name), args=[x]) if self.space.get(name) in (np.float64, np.int64):
                return self._value(x)  # a Python number
        raise NoTranslation

    def _attribute(self, a: int, name: str) -> int:
        x = self.examples[a]
        kind = type(x)
        if isinstance(x, np.ndarray) or type(kind.__getattribute__) is not WrapperDescriptorType:
            raise NoTranslation
        static = _static(x, name)
        if type(x) is CellType or type(x) is FunctionType and name == "__code__":
            return self._read("SLOT", getattr(x, name), a, self._object(kind), _offset(x, getattr(x, name)))
        if type(static) is MemberDescriptorType:
            return self._read("SLOT", getattr(x, name), a, self._object(kind), _offset_of(static))
        get = getattr(type(static), "__get__", None)
        code = isinstance(static, property) or isinstance(get, FunctionType) or hasattr(kind, "__getattr__")
        if code or a not in self.fixed:
            raise NoTranslation
        return self._read("ATTRIBUTE", getattr(x, name), a, self._object(name))

    def _dict(self, a: int) -> int:
        """The register of a dict itself, where a class shows its own only through a proxy."""
        x = self.examples[a]
        if type(x) is MappingProxyType and a in self.fixed:
            (x,) = gc.get_referents(x)
            return self._object(x)
        return a

    def _entry(self, a: int, key: int) -> int:
        a = self._dict(a)
        x, k = self.examples[a], self.examples[key]
        if a not in self.fixed and a > 1:
            self._check("TYPE", a, self._object(type(x)))
        if isinstance(x, dict) and type(x).__getitem__ is dict.__getitem__:
            if isinstance(type(k).__hash__, FunctionType):
                raise NoTranslation
            return self._read("KEY", x[k], a, key)
        if type(x) in (tuple, list) and type(k) is int and k >= 0:
            return self._read("OF_TUPLE" if type(x) is tuple else "OF_LIST", x[k], a, n=k)
        raise NoTranslation

    # ----------------------------------------------------------------------------------------------- conditions

    def _unless(self, e: ast.expr) -> None:
        """Leave the call to Python if a condition holds, or if it might."""
        match e:
            case ast.BoolOp(op=ast.Or(), values=values):
                for part in values:
                    self._unless(part)
            case ast.BoolOp(op=ast.And(), values=[first, *_]):
                self._unless(first)
            case ast.UnaryOp(op=ast.Not(), operand=ast.Call(func=ast.Name(id="all"), args=[
                ast.Call(func=ast.Name(id="map"), args=[ast.Name(id="is_"), a, b])
            ])):  # fmt: skip
                self._each(self._value(a), self._value(b))
            case ast.Compare(left=a, ops=[op], comparators=[b]):
                self._compared(a, op, b)
            case ast.Name() | ast.Attribute() | ast.UnaryOp(op=ast.Not()):
                k = self._value(e.operand if isinstance(e, ast.UnaryOp) else e)
                x = self.examples[k]
                if bool(x) is not isinstance(e, ast.UnaryOp):
                    raise NoTranslation
                if type(x) in (dict, list, tuple):
                    self._check("LENGTH", k, n=len(x))
                else:
                    self._check("IS_NOT", k, self._object(x))
            case _:
                raise NoTranslation

    def _compared(self, left: ast.expr, op: ast.cmpop, right: ast.expr) -> None:
        match left, op, right:
            case ast.Attribute(value=x, attr="__class__"), ast.IsNot(), _:
                self._check("TYPE", self._value(x), self._value(right))
            case ast.Attribute(value=x, attr="shape" | "dtype"), ast.NotEq() | ast.IsNot(), _:
                self._shaped(self._value(x), left.attr, self._known(right))
            case ast.Call(func=ast.Name(id="len"), args=[x]), ast.NotEq(), ast.Call(func=ast.Name(id="len"), args=[y]):
                self._check("LENGTH", self._value(x), self._value(y))
            case ast.Call(func=ast.Name(id="len"), args=[x]), ast.NotEq(), _:
                self._check("LENGTH", self._value(x), n=self.examples[self._value(right)])
            case ast.List(elts=[ast.Starred(value=x)]), ast.NotEq(), _:
                keys = tuple(self._known(right))
                self._each(self._value(x), self._object(keys))
            case ast.IfExp(test=ast.Compare(left=node), orelse=live), ast.NotEq(), ast.Constant(value=int(n)):
                if self.examples[self._value(node)] is None:
                    self._check("IS_NOT", self._value(node), self._object(None))
                else:
                    self._check("IS_NOT", self._value(live), self._object(n))
            case ast.Call(func=ast.Name(id="id"), args=[x]), ast.In(), ast.Name(id="touched"):
                if isinstance(x, ast.Name):  # the other one, of its base, is checked with it
                    a = self._value(x)
                    self._array(a)
                    self.touched.append(self._list([0] * (3 * len(self.space["updated"]) + 1)))
                    self._check("APART", a, n=self.touched[-1])
            case _, ast.In(), _:
                container = self._dict(self._value(right))
                if type(self.examples[container]) is not dict or container not in self.fixed:
                    raise NoTranslation
                self._check("ABSENT", container, self._value(left))
            case _, ast.Is() | ast.IsNot() | ast.NotEq(), _:
                a, b = self._value(left), self._value(right)
                equal = isinstance(op, ast.NotEq) and type(self.examples[b]) is dict
                self._check("EQUAL" if equal else "IS" if isinstance(op, ast.Is) else "IS_NOT", a, b)
            case _:
                raise NoTranslation

    def _known(self, e: ast.expr) -> Any:
        """The value of an expression that is the same at each call."""
        match e:
            case ast.Name(id=name):
                return self.space[name]
            case ast.Subscript(value=ast.Name(id=name), slice=ast.Constant(value=k)):
                return self.space[name][k]
        return ast.literal_eval(e)

    def _each(self, a: int, b: int) -> None:
        """Each entry of `a`, or key, is that of the tuple `b`."""
        kinds = dict, list, tuple
        if type(self.examples[a]) not in kinds or type(self.examples[b]) is not tuple:
            raise NoTranslation
        self._check("EACH", a, b, kinds.index(type(self.examples[a])))

    def _array(self, a: int) -> None:
        """Check the shape and dtype of an array, once."""
        x = self.examples[a]
        if type(x) is not np.ndarray or x.ndim > 8:
            raise NoTranslation
        if a not in self.shaped:
            self.shaped.add(a)
            self._check("SHAPE", a, self._object(x.dtype), self._list(kind_of(x, False)))

    def _shaped(self, a: int, what: str, expected: Any) -> None:
        self._array(a)
        if getattr(self.examples[a], what) != expected:
            raise NoTranslation

    # ---------------------------------------------------------------------------------------------------- lines

    def _line(self, line: ast.stmt) -> None:
        match line:
            case ast.Try(body=body) | ast.With(items=[_], body=body):
                if isinstance(line, ast.With):
                    self.lock = self.space["lock"]
                    self.held = self.lock.acquire, self.lock.release
                for inner in body:
                    self._line(inner)
            case ast.If(test=ast.Compare(left=ast.Name(id=name))) if self.words.get(name) in self.called:
                pass  # CALL looks whether it is None
            case ast.If(test=test, body=[ast.Return(value=ast.Name(id="MISS"))]):
                self._unless(test)
            case ast.If(test=ast.Compare(left=version, ops=[ast.Lt()], comparators=[ast.Subscript(value=latest)])):
                self._effect("EARLIEST", self._value(latest), self._value(version))
            case ast.Assign(targets=[*targets], value=ast.Call(func=ast.Name(id="next_order"))):
                to = self._register(0)
                self._effect("NEXT", self._object(self.space["next_order"].__self__), to=to)
                for target in targets:
                    self._set(target, to)
            case ast.Assign(targets=[ast.Tuple(elts=names)], value=ast.Call(func=ast.Name(id="run"), args=xs)):
                self.outputs = {name.id: k for k, name in enumerate(names) if isinstance(name, ast.Name)}
                self._run(xs)
            case ast.Expr(value=ast.Call(func=ast.Name(id="run"), args=xs)):
                self._run(xs)
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call(func=ast.Name(id=f), args=xs)) if (
                f.startswith(("feed_", "prelude_"))
            ):
                self.words[name] = self._call(f, list(map(self._value, xs)))
            case ast.Expr(value=ast.Call(func=ast.Attribute(value=of, attr="update"), args=[ast.Name() as x])):
                self._effect("UPDATE", self._value(of), self._value(x))
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if not self.effects:
                self.words[name] = self._value(value)
            case ast.Assign(targets=[target], value=value) if self.inputs is not None:
                self._set(target, self._result(value))
            case ast.Return(value=value) if value is not None:
                self._effect("RETURN", self._result(value))
            case _:
                raise NoTranslation

    def _call(self, f: str, xs: list[int]) -> int:
        """A call of a function of Python, before all that is read: of numbers and of results of other calls."""
        function = self.space[f]
        to = self._register(function(*(self.examples[x] for x in xs)))
        ready = {0, 1, *self.called}
        for x in xs:
            its = [op for op in self.checks if x not in ready and (op[1] == x or op[0] == CODE["TYPE"] and op[2] == x)]
            if x not in ready and (len(its) != 2 or its[0][2] > 1):
                raise NoTranslation
            self.early += its
        self.called.append(to)
        self.early.append((CODE["CALL"], to, self._constant(f, lambda: function), 0, self._list([len(xs), *xs])))
        return to

    def _run(self, xs: Sequence[ast.expr]) -> None:
        self.inputs = [self._value(x) for x in xs]
        self._effect("START")

    def _set(self, target: ast.expr, value: int) -> None:
        match target:
            case ast.Name(id=name):
                self.words[name] = value
            case ast.Attribute(value=of, attr=name):
                a = self._value(of)
                descriptor = _static(self.examples[a], name)
                if type(descriptor) is not MemberDescriptorType or a not in self.fixed:
                    raise NoTranslation
                self._effect("SET", a, value, _offset_of(descriptor))
            case _:
                raise NoTranslation

    def _result(self, e: ast.expr) -> int:
        """The register of a part of the result."""
        to = self._register(None)
        match e:
            case ast.Name(id=name) if name in self.outputs:
                return self._output(self.outputs[name], False)
            case ast.Subscript(value=ast.Name(id=name), slice=ast.Tuple(elts=[])) if name in self.outputs:
                return self._output(self.outputs[name], True)
            case ast.Call(func=ast.Name(id="wrap"), args=[array, _]):
                a = self._result(array)
                offsets = [_offset_of(vars(wrap.__globals__["Value"])[slot]) for slot in ("_data", "_node", "_grad")]
                self._effect("TENSOR", self._object(RESULT[0]), a, self._list(offsets), to)
            case ast.Tuple(elts=parts) | ast.List(elts=parts):
                code = "TUPLE" if isinstance(e, ast.Tuple) else "LIST"
                self._effect(code, n=self._list([len(parts), *map(self._result, parts)]), to=to)
            case ast.Dict(keys=keys, values=parts):
                names = tuple(self.examples[self._value(key)] for key in keys if key is not None)
                if any(isinstance(type(name).__hash__, FunctionType) for name in names):
                    raise NoTranslation
                n = self._list([len(parts), *map(self._result, parts)])
                self._effect("DICT", self._object(names), n=n, to=to)
            case ast.Constant() | ast.Name():
                return self._value(e)
            case _:
                raise NoTranslation
        return to

    def _output(self, k: int, is_number: bool) -> int:
        output = self.direct.outputs[k]
        if not isinstance(output, tuple):  # a constant
            if not is_number:
                raise NoTranslation
            return self._object(np.asarray(output)[()])
        root, view = output
        if is_number and view is not None and self.direct.results[root].size == 1:
            view = None
        if self.single.setdefault(root, is_number) is not is_number or is_number and view is not None:
            raise NoTranslation
        to = self._register(None)
        self._effect("RESULT", n=root, to=to)
        if view is not None:
            y, x = view
            offset = y.__array_interface__["data"][0] - x.__array_interface__["data"][0]
            to, a = self._register(None), to
            self._effect("VIEW", a, n=self._list([y.ndim, *y.shape, *y.strides, offset]), to=to)
        return to

    # ---------------------------------------------------------------------------------------------------- table

    def _assemble(self) -> None:
        """The table, and the function."""
        direct, kernel = self.direct, self.direct.kernel
        assert self.inputs is not None
        none = self._object(None)
        arguments: list[int] = []
        for (what, k), v, written in zip(direct.arguments, kernel.arguments, kernel.written, strict=True):
            place = self.inputs[k] if what == "input" else k if what == "output" else k.__array_interface__["data"][0]
            arguments += [("input", "output", "constant").index(what), place, *kind_of(v, written)]
        results = []
        for k, v in enumerate(direct.results):
            results += [id(v.dtype), int(self.single.get(k, False)), *kind_of(v, False)]
        if self.called:
            self.early.append((CODE["READ"], 0, 0, 0, self._list([len(self.called), *self.called])))
        operations = [*self.early, *self.checks, (CODE["RUN"], 0, 0, 0, 0), *self.effects]
        self._memory = aligned((max(direct.size, 1),), np.uint8)
        head = 16
        self._start = head + len(self.more)
        count = len(self.examples)
        places = [self._start, self._start + count]
        places += [places[1] + len(arguments), places[1] + len(arguments) + len(results)]
        lists = {CODE[name] for name in ("SHAPE", "APART", "TENSOR", "TUPLE", "LIST", "DICT", "VIEW", "CALL", "READ")}
        moved = [(*op[:4], op[4] + head) if op[0] in lists else op for op in operations]
        most = 2 * len(operations) + len(direct.results) + 1
        lock = _lock_word(self.lock) if self.lock is not None else 0
        python = self.space["call"]
        numbers = [
            0, kernel.address, self._memory.ctypes.data, id(python), lock, count, len(kernel.arguments),
            len(direct.results), most, *places,
        ]  # fmt: skip
        if self.called and self.lock is not None:
            numbers += [id(self.held[0]), id(self.held[1])]
        numbers += [0] * (head - len(numbers))
        numbers += [*self.more, *[none] * count, *arguments, *results, *(x for op in moved for x in op)]
        self._table = table(numbers, (self, python))
        self._head = head
        self.call = function("call", self._table, direct.using)
        self.look()

    def forget(self) -> None:
        """Leave all calls to Python, until `look`."""
        self._table[0] = 0

    def look(self) -> None:
        """Compare with what `space` has now."""
        for k, value in self.fixed.items():
            self._table[self._start + k] = id(value())
        for start in self.touched:
            ids = [*self.space["touched"], 0]
            if len(ids) > 3 * len(self.space["updated"]) + 1:
                return
            self._table[self._head + start : self._head + start + len(ids)] = ids
        self._table[0] = 1


# -------------------------------------------------------------------------------------------------- what is where


def _static(x: object, name: str) -> Any:
    """The attribute of this name of the class of an object, or of a class itself; None if there is none."""
    classes = (*(x.__mro__ if isinstance(x, type) else ()), *type(x).__mro__)
    return next((vars(cls)[name] for cls in classes if name in vars(cls)), None)


def _words(x: object) -> np.ndarray:
    """The memory of an object, by 8 bytes."""
    return np.frombuffer(ctypes.string_at(id(x), type(x).__basicsize__), np.int64)


def _offset(x: object, value: object) -> int:
    """The offset at which an object refers to `value`."""
    places = np.flatnonzero(_words(x) == id(value))
    if len(places) != 1:
        raise NoTranslation
    return int(places[0]) * 8


@cache
def _offset_of(slot: Any) -> int:
    """The offset of a slot in its objects, as its descriptor, a ``PyMemberDescrObject``, has it."""
    address = int(_words(slot)[HEAD // 8 + 3])
    name, _, offset = (ctypes.c_void_p * 3).from_address(address)
    if not name or ctypes.string_at(name) != slot.__name__.encode() or not offset:
        raise NoTranslation
    return int(offset)


def _lock_word(lock: Any) -> int:
    """The address of a number in a lock that is 0 while nobody holds it."""
    other = RLock()
    free = _words(other)
    with other:
        held = _words(other)
    places = (int(k) for k in np.flatnonzero((free == 0) & (held != 0)))
    for k in places:
        if _words(other)[k] == 0:
            return id(lock) + 8 * k
    raise NoTranslation
