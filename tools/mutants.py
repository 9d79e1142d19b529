"""Break each row of the table, one way at a time, and check that the tests fail.

    python tools/mutants.py                    # every row; prints the survivors
    python tools/mutants.py tanh matmul -v     # these rows, every mutant

A test suite is only as good as the mistakes that it catches. Every rule is replaced by a wrong one: with the other
sign, doubled, a thousandth too large, or zero; two rules of a row are exchanged; the conjugate is omitted. Then its
own source is changed, one operator, constant, call or branch at a time. Each mutant must fail
`autograd_lite.testing.rows.check_row`, which the table's tests run. A mutant that survives is either a gap in the
tests or not a mistake; the latter are listed below, with the reason, and are tried only with ``-v``.
"""

from __future__ import annotations

import argparse
import ast
import copy
import inspect
import os
import sys
import textwrap
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

import autograd_lite  # noqa: F401 - fills the table
from autograd_lite.base.tree import leaves, tree_map
from autograd_lite.derive.helpers import find_lambda
from autograd_lite.table import TABLE, Primitive
from autograd_lite.testing.case import cotangent_like
from autograd_lite.testing.leaves import as_array, is_differentiable
from autograd_lite.testing.numeric import reals
from autograd_lite.testing.rows import all_rows, check_row, points, variant
from autograd_lite.transforms.grad import vjp

#: Mutants that are not mistakes: the row or *, a part of the mutant's description, and the reason.
EQUIVALENT: list[tuple[str, str, str]] = [
    ("*", "a branch forgotten in d.reshape(x_shape) if axis is None", "a reshape to the shape it has"),
    ("*", "a branch forgotten in x.reshape(y.shape) if axis is None", "a reshape to the shape it has"),
    ("*", "forgotten in np.eye(", "an identity of whole numbers or truth values: the same product"),
    ("power", "np.where(x1 == 0, 1, x1)", "0**x is 0, whatever its logarithm is taken to be"),
    ("float_power", "np.where(x1 == 0, 1, x1)", "0**x is 0, whatever its logarithm is taken to be"),
    ("power", "2 for 1 in np.where((x2 == 0)", "0 times 0**1 is 0 times 0**2"),
    ("float_power", "2 for 1 in np.where((x2 == 0)", "0 times 0**1 is 0 times 0**2"),
    ("power", "abs() forgotten in np.abs(x1)", "a negative base has no slope in the exponent, and 0 times x1 is 0 too"),
    ("float_power", "abs() forgotten in np.abs(x1)", "as for power"),
    ("hypot", "2 for 1 in np.where(y == 0, 1, y)", "divides 0, at the origin"),
    ("fmod", "rint() forgotten", "a whole number already, to rounding"),
    ("imag", "forgotten in g * 1j if", "a real argument takes the real part, which is 0"),
    ("imag", "the other factor dropped in g * 1j", "a real argument takes the real part, which is 0"),
    ("std", "np.where(flat,", "equal entries: 0 divided by anything, then replaced"),
    ("power_norm", "np.where(zero,", "a zero vector: 0 divided by anything"),
    ("split", "1 for 0 in min(sizes) < 0", "with an empty part, the sum of parts in zeros: the same, more slowly"),
    ("array_split", "1 for 0 in min(sizes) < 0", "as for split"),
    ("power_norm", "np.where(flat,", "a zero entry: 0 divided by anything"),
    ("power_norm", "1 for 0 in y == 0", "a norm of 1 is not replaced: dividing by it changes nothing"),
    ("power_norm", "1 for 0 in size == 0", "a size of 1 is not replaced: dividing by it changes nothing"),
    ("rgamma", "0.25 in np.where(x < 0.5,", "a number in the place of those that the other branch takes"),
    ("rgamma", "1.0 in np.where(x < 0.5,", "a number in the place of those that the other branch takes"),
    ("xlogy", "x1 == 0", "outside the domain, where y <= 0: pinned by a test of its own"),
    ("xlogy", "1 for 0 in x2 == 0", "outside the domain: pinned by a test of its own"),
    ("xlog1py", "x1 == 0", "outside the domain, where y <= -1: pinned by a test of its own"),
    ("xlog1py", "== -1", "outside the domain: pinned by a test of its own"),
    ("xlog1py", "<= -1", "outside the domain: pinned by a test of its own"),
    ("settled", "x2 == 0", "where the value is nan: pinned by a test of its own"),
    ("settled", "np.where(np.isnan(x1) & (x2 == 0), 0, 1)", "where the value is nan: pinned by a test of its own"),
    ("softmax_cross_entropy", "1 for 0 in g[0]", "each result alone: pinned by a test of its own"),
    ("softmax_cross_entropy", "through if d is None", "each result alone: pinned by a test of its own"),
    ("mean", "count(x_shape, axis) or 1", "of no entries at all"),
    ("linalg.cofactor", "np.where(same, 0, both)", "the diagonal cancels in the next line"),
    ("linalg.cofactor", "axis=-1", "the product over the last axis of a symmetric stack"),
    ("frexp", "_first()", "the other result is a whole number, never asked for a derivative"),
    ("cumprod", "2 for 1 in 1:", "the result, which this partial does not use"),
    ("maximum_accumulate", "2 for 1 in 1:", "the result, which this partial does not use"),
    ("minimum_accumulate", "2 for 1 in 1:", "the result, which this partial does not use"),
    ("logaddexp_accumulate", "2 for 1 in 1:", "the result, which this partial does not use"),
    ("linalg.eig", "v.shape[-1]", "when to raise for a defective matrix: pinned by a test of its own"),
    ("matmul", "x2.ndim == 2", "a faster way to the product of the next branch"),
    ("matmul", "g.ndim == 1", "a faster way to the product of the next branch"),
    ("matmul", "len(x2_shape) == 1", "a faster way to the product of the next branch"),
    ("linear", "as_matrix() forgotten in as_matrix(g)", "the engine sums a bias over the rest of the stack as well"),
    ("dot", " in ", "the rules are those of matmul, where stacks of matrices are tested"),
    ("einsum", "np.broadcast_to(d, along)", "a broadcast to the shape it has"),
    ("logsumexp", "y.reshape(kept_shape(", "a reshape to the shape it has"),
    ("linalg.eig", "np.linalg.cond", "when to raise for a defective matrix: pinned by a test of its own"),
    ("linalg.eig", "raw(condition)", "when to raise for a defective matrix: pinned by a test of its own"),
    ("linalg.eig", "x_dtype", "real vectors as complex numbers, since NumPy 2.5: pinned by a test of its own"),
    ("linalg.eig", "raw(w)", "real vectors as complex numbers, since NumPy 2.5: pinned by a test of its own"),
    ("linalg.eig", "real() forgotten in np.real(along)", "real, unless the phase is arbitrary, which raises"),
    ("linalg.eig", "conj() forgotten in conj(_gaps(", "real, unless the phase is arbitrary, which raises"),
    ("linalg.cofactor", "x.shape[-1]", "matrices are square, and a stack has one axis more"),
    ("ive", "np.sign(x2) * y", "positive arguments: the other sign is pinned by a test of its own"),
    ("linalg.qr", "dagger(turn)", "when to raise for what depends on an arbitrary choice: pinned by a test of its own"),
    ("over", "1 for 0 in over(", "where the gap is 0, outside the domain: pinned by a test of its own"),
    ("over", "the conjugate forgotten", "a complex turn over a real gap: pinned by a test of its own"),
    ("linalg.svd", "s <= near", "when to raise for a matrix without full rank"),
    ("linalg.svd", "phases=", "for complex matrices: in tests of what no phase touches"),
    ("linalg.svd", "u.dtype.kind == 'c'", "for complex matrices: in tests of what no phase touches"),
]


@dataclass
class Mutant:
    """A row with one thing wrong."""

    row: Primitive
    what: str
    changes: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.row.name}: {self.what}"


# ------------------------------------------------------------------------------------------------- whole rules


def wrapped(rule: Callable[..., Any], change: str) -> Callable[..., Any]:
    """A rule that asks for what `rule` asks for and returns `change` of its result, `d`."""
    names = list(inspect.signature(rule).parameters)
    inside = ", ".join(names)
    scope = {"rule": rule, "change": eval(f"lambda d: {change}", {"np": np})}
    return eval(f"lambda {inside}: change(rule({inside}))", scope)  # type: ignore[no-any-return]


WHOLE = {"the other sign": "-d", "doubled": "2 * d", "a thousandth too large": "1.001 * d", "nothing": "0 * d"}
PART_BY_PART = "tuple(None if part is None else {} for part in d) if type(d) is tuple else {}"
OF_TUPLES = {name: PART_BY_PART.format(change.replace("d", "part"), change) for name, change in WHOLE.items()}


def rule_mutants(row: Primitive) -> Iterator[Mutant]:
    """Each rule, each `pull=` and the `jvp=` of a row, wrong as a whole."""
    for place, i, rule in places(row):
        if rule is None or raises(rule):
            continue
        for name, change in OF_TUPLES.items():
            if not callable(rule) and rule == 0:
                yield Mutant(row, f"{place}: one for zero", replaced(row, place, i, 1))
                break
            elif not callable(rule):
                yield Mutant(row, f"{place}: {name}", replaced(row, place, i, eval(change, {"d": rule})))
            else:
                yield Mutant(row, f"{place}: {name}", replaced(row, place, i, wrapped(rule, change)))
    active = [i for i, rule in enumerate(row.rules) if rule is not None and not raises(rule)]
    for i, j in pairwise(active):
        if row.rules[i] == row.rules[j] and row.pull[i : i + 1] == row.pull[j : j + 1]:
            continue
        rules = list(row.rules)
        rules[i], rules[j] = rules[j], rules[i]
        pull = list(row.pull) + [None] * (len(rules) - len(row.pull))
        pull[i], pull[j] = pull[j], pull[i]
        yield Mutant(row, f"rules {i + 1} and {j + 1} exchanged", {"rules": tuple(rules), "pull": tuple(pull)})
    if row.holomorphic and conjugate_matters(row):
        yield Mutant(row, "the conjugate forgotten", {"holomorphic": False})


def raises(rule: Any) -> bool:
    """Whether a rule only raises: any mutant of it raises too."""
    return str(getattr(rule, "__annotations__", {}).get("return", "")).endswith("NoReturn")


def conjugate_matters(row: Primitive) -> bool:
    """Whether omitting the conjugate changes some gradient; it does not where all partials are real."""
    rng = np.random.default_rng(0)
    for args, keywords in points(row, rng):
        z = list(tree_map(lambda v: _complexed(v, rng), args))
        flat = [v for v in leaves(z) if np.iscomplexobj(v)]
        if not flat:
            continue
        try:
            with installed(Mutant(row, "", {"holomorphic": False})):
                without = _pulled(row, z, keywords)
            return not np.allclose(without, _pulled(row, z, keywords))
        except Exception:  # no complex numbers here
            return False
    return False


def _complexed(v: Any, rng: np.random.Generator) -> Any:
    if not is_differentiable(v):
        return v
    return np.abs(as_array(v)) + 0.1 + 0.25j * rng.standard_normal(as_array(v).shape)


def _pulled(row: Primitive, args: list[Any], keywords: dict[str, Any]) -> Any:
    y, pull = vjp(lambda *xs: row(*xs, **keywords), *args)
    return reals(pull(cotangent_like(y, np.random.default_rng(1))))


def places(row: Primitive) -> Iterator[tuple[str, int, Any]]:
    for i, rule in enumerate(row.rules):
        yield f"rule {i + 1}", i, rule
    for i, rule in enumerate(row.pull):
        yield f"pull {i + 1}", i, rule


def replaced(row: Primitive, place: str, i: int, rule: Any) -> dict[str, Any]:
    field = "rules" if place.startswith("rule") else "pull"
    values = list(getattr(row, field))
    values[i] = rule
    return {field: tuple(values)}


# ---------------------------------------------------------------------------------------- the source of a rule


def definition(rule: Callable[..., Any]) -> ast.Lambda | ast.FunctionDef | None:
    """The syntax of a function, or None if it is not Python."""
    try:
        if rule.__name__ == "<lambda>":
            return find_lambda(rule)[0]
        tree = ast.parse(textwrap.dedent(inspect.getsource(rule))).body[0]
    except (OSError, TypeError):
        return None
    return tree if isinstance(tree, ast.FunctionDef) else None


TURNED: dict[type, type[ast.cmpop]] = {
    ast.Gt: ast.Lt, ast.Lt: ast.Gt, ast.GtE: ast.LtE, ast.LtE: ast.GtE, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
}  # fmt: skip


RELATED = {"sin": "cos", "cos": "sin", "sinh": "cosh", "cosh": "sinh", "i0e": "i1e", "i1e": "i0e", "exp": "expm1"}


def edits(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """Wrong replacements for one piece of syntax, each with a description."""
    if isinstance(node, ast.BinOp):
        yield from _operators(node)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield "a minus sign dropped", node.operand
    elif isinstance(node, ast.Constant) and type(node.value) in (int, float):
        yield f"{node.value + 1} for {node.value}", ast.Constant(node.value + 1)
    elif isinstance(node, ast.Constant) and type(node.value) is bool:
        yield f"{node.value} flipped", ast.Constant(not node.value)
    elif isinstance(node, ast.Compare) and len(node.ops) == 1:
        if type(node.ops[0]) in TURNED:
            turned = TURNED[type(node.ops[0])]()
            yield "a comparison turned", ast.Compare(node.left, [turned], node.comparators)
    elif isinstance(node, ast.IfExp):
        yield "a branch forgotten", node.body
        yield "the other branch forgotten", node.orelse
    elif isinstance(node, ast.Attribute) and node.attr in ("T", "mT"):
        yield "a transpose forgotten", node.value
    elif isinstance(node, ast.Call):
        yield from _calls(node)


def _operators(node: ast.BinOp) -> Iterator[tuple[str, ast.AST]]:
    op, a, b = node.op, node.left, node.right
    if isinstance(op, ast.Add):
        yield "minus for plus", ast.BinOp(a, ast.Sub(), b)
        yield "a term dropped", a
        yield "the other term dropped", b
    elif isinstance(op, ast.Sub):
        yield "plus for minus", ast.BinOp(a, ast.Add(), b)
        yield "a term dropped", a
    elif isinstance(op, ast.Mult):
        yield "a factor dropped", a
        yield "the other factor dropped", b
    elif isinstance(op, ast.Div):
        yield "times for divided by", ast.BinOp(a, ast.Mult(), b)
        yield "a divisor dropped", a
    elif isinstance(op, ast.Pow):
        yield "a power dropped", a
    elif isinstance(op, ast.MatMult):
        yield "a product turned round", ast.BinOp(b, ast.MatMult(), a)


def _calls(node: ast.Call) -> Iterator[tuple[str, ast.AST]]:
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    other = RELATED.get(name)
    if other and isinstance(node.func, ast.Attribute):
        func = ast.Attribute(node.func.value, other, ast.Load())
        yield f"{other} for {name}", ast.Call(func, node.args, node.keywords)
    if len(node.args) == 1 and not node.keywords and name not in ("len", "tuple", "list", "range", "sum", "type"):
        yield f"{name}() forgotten", node.args[0]
    if isinstance(node.func, ast.Attribute) and name in ("conj", "swapaxes", "reshape", "sum", "transpose"):
        yield f".{name}() forgotten", node.func.value
    for k, keyword in enumerate(node.keywords):
        if keyword.arg not in SPEED:
            rest = node.keywords[:k] + node.keywords[k + 1 :]
            yield f"{keyword.arg}= forgotten", ast.Call(node.func, node.args, rest)


#: Keywords that change the speed or the warnings of a call, not what it returns.
SPEED = (None, "strict", "optimize", "unique_indices", "copy", "invalid", "divide", "over")


class _Replace(ast.NodeTransformer):
    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self.old, self.new = old, new

    def visit(self, node: ast.AST) -> Any:
        return self.new if node is self.old else self.generic_visit(node)


def source_mutants(row: Primitive) -> Iterator[Mutant]:
    """Every edit of the source of every rule."""
    for place, i, rule in places(row):
        tree = definition(rule) if callable(rule) else None
        if tree is None:
            continue
        body = [tree.body] if isinstance(tree, ast.Lambda) else tree.body
        for piece, around in (pair for part in body for pair in computing(part, part)):
            for what, new in edits(piece):
                changed = rewritten(rule, tree, piece, new)
                if changed is not None:
                    text = ast.unparse(around if isinstance(piece, ast.Constant | ast.UnaryOp) else piece)
                    yield Mutant(row, f"{place}: {what} in {text}", replaced(row, place, i, changed))


def computing(part: ast.AST, around: ast.AST) -> Iterator[tuple[ast.AST, ast.AST]]:
    """All syntax within `part` that computes (nothing in a `raise`), each with the syntax to show for it."""
    if isinstance(part, ast.Raise):
        return
    if isinstance(part, ast.keyword) and part.arg in SPEED:
        return
    yield part, around
    signed = isinstance(part, ast.UnaryOp) and isinstance(part.operand, ast.Constant)  # as in -1
    for child in ast.iter_child_nodes(part):
        yield from computing(child, around if signed else part)


def rewritten(rule: Any, tree: ast.Lambda | ast.FunctionDef, old: ast.AST, new: ast.AST) -> Callable[..., Any] | None:
    """The same function with one piece of its syntax replaced."""
    memo: dict[int, Any] = {id(old): old}
    fresh = copy.deepcopy(tree, memo)  # `old` itself stays in the copy, so that it can be found there
    fresh = _Replace(old, new).visit(fresh)
    inner = zip(rule.__code__.co_freevars, (c.cell_contents for c in rule.__closure__ or ()), strict=True)
    scope = {**rule.__globals__, **dict(inner)}
    try:
        if isinstance(fresh, ast.Lambda):
            made = eval(compile(ast.fix_missing_locations(ast.Expression(fresh)), "<mutant>", "eval"), scope)
        else:
            fresh.decorator_list = []
            exec(compile(ast.fix_missing_locations(ast.Module([fresh], [])), "<mutant>", "exec"), scope)
            made = scope[fresh.name]
    except (SyntaxError, ValueError, TypeError, NameError):
        return None
    made.__defaults__ = rule.__defaults__
    return made  # type: ignore[no-any-return]


# ------------------------------------------------------------------------------------------------------ trials


@contextmanager
def installed(mutant: Mutant) -> Iterator[None]:
    """A context in which the row is the mutant, wherever it is used."""
    row, before = mutant.row, dict(mutant.row.__dict__)
    changed = dict(variant(row, **mutant.changes).__dict__)
    row.__dict__.clear()  # including what was compiled from the right rules
    row.__dict__.update(changed)
    try:
        yield
    finally:
        row.__dict__.clear()
        row.__dict__.update(before)


def caught(mutant: Mutant, seeds: int = 2) -> bool:
    """Whether the checks of the row fail, or its rule raises."""
    try:
        with installed(mutant):
            return any(not check_row(mutant.row, seed=seed, brief=True) for seed in range(seeds))
    except Exception:  # a rule that raises is caught too
        return True


def right(row: Primitive) -> bool:
    try:
        return bool(check_row(row))
    except Exception:
        return False


def reason(mutant: Mutant) -> str:
    """Why a surviving mutant is not a mistake, or ""."""
    for row, part, why in EQUIVALENT:
        if row in ("*", mutant.row.name) and part in mutant.what:
            return why
    return ""


def rows(names: list[str]) -> list[Primitive]:
    everything = all_rows()
    chosen = [TABLE[name] for name in names] if names else everything
    return [row for row in chosen if row.kind not in ("constant", "composite")]


@dataclass
class Trial:
    """The mutants of one row: their numbers, and the lines to print."""

    total: int
    excused: int
    survived: int
    lines: list[str]


def trial(name: str, verbose: bool = False) -> Trial:
    """Try the mutants of the row `name`. A row that fails its own checks counts as a survivor."""
    row = TABLE[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if not right(row):
            return Trial(1, 0, 1, [f"not tried  {name}: it fails its checks as it is"])
        result = Trial(0, 0, 0, [])
        for mutant in (*rule_mutants(row), *source_mutants(row)):
            result.total += 1
            if (why := reason(mutant)) and not verbose:
                result.excused += 1
                continue
            fine = caught(mutant)
            why = "" if fine else why
            result.excused += bool(why)
            result.survived += not fine and not why
            if verbose or not fine:
                fate = "caught  " if fine else "no error" if why else "SURVIVED"
                result.lines.append(f"{fate}  {mutant}" + (f" ({why})" if why else ""))
    return result


def main(argv: list[str] | None = None) -> int:
    """Try all mutants; the number of survivors without a reason is the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("names", nargs="*", metavar="ROW", help="rows to break (all of them by default)")
    parser.add_argument("-v", "--verbose", action="store_true", help="print every mutant")
    parser.add_argument(
        "-n", "--processes", type=int, default=os.cpu_count() or 1, metavar="N",
        help="how many rows are tried at a time, each in a process (default: as many as there are cores)",
    )  # fmt: skip
    options = parser.parse_args(argv)
    names = [row.name for row in rows(options.names)]
    total = excused = survived = 0
    start = time.perf_counter()
    with ProcessPoolExecutor(options.processes) as pool:
        for result in pool.map(partial(trial, verbose=options.verbose), names):
            total, excused, survived = total + result.total, excused + result.excused, survived + result.survived
            print(*result.lines, sep="\n", end="\n" * bool(result.lines), flush=True)
    seconds = time.perf_counter() - start
    print(
        f"{total} mutants of {len(names)} rows in {seconds:.0f} s: "
        f"{total - excused - survived} caught, {excused} not mistakes, {survived} survived"
    )
    return min(survived, 125)


if __name__ == "__main__":
    sys.exit(main())
