"""Other numbers for a derivation: a formula is right if it is right for these as well.

Numbers that mean more than their values stay as they are: labels, masks, distributions, and data from which others
were computed. A choice of numbers counts only if the derivation's gradients there agree with a finite difference of its
steps.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import islice, product
from typing import Any, TypeAlias

import numpy as np

from ..derive.derivation_lines import Total
from ..derive.explain import Derivation
from ..derive.factors import Factor, laid_out
from ..derive.formula import Expr, index_parts, walk
from ..derive.formula_ops import computed, evaluate
from ..derive.given import Given
from ..engine.engine_rows import STOP_GRADIENT
from ..program.naming import stem
from ..table import TABLE
from .answers import worked_out
from .blanks import lines_at

TRIES = ((0.05, True), (0.005, True), (0.05, False), (0.001, False))  # how far; whether data move too
FAR = (0.5, 1, 2, 4, 8) * 2  # where a case of the formulas has not occurred, how far parameters are moved
SCALES = (0.5, 0.1, 3, -1)  # or all of them together, where no margin is small enough
FEW = 12  # entries of conditions of which several choices of the numbers are to differ
HALVES = 9  # how often the way to where a condition changes is halved
Values: TypeAlias = "Mapping[str, Any]"
Cases: TypeAlias = "dict[tuple[str, int], tuple[bool, ...]]"


def forward(d: Derivation, start: Values, stopped: dict[str, Any] | None = None) -> dict[str, Any]:
    """Every value of the steps, from those of the names that they start from.

    What stop_gradient returns is added to `stopped`, by its formula; what is there already stays as it is.
    """
    c, env, call = d.chain, {w: x for w, x in start.items() if is_name(w)}, partial(_computed, stopped=stopped)
    with np.errstate(all="ignore"):
        for w in (w for w in start if not is_name(w)):  # a constant written as X[:, None], or as gammaln(k + 1)
            env[w] = start[w]
            with suppress(ValueError):
                env[w] = worked_out(w, env)
        for word, e in c.constants.defined.items():  # in the first steps of a loop
            with suppress(KeyError):
                env[word] = evaluate(e, env)
        for n in (n for n in c.landmarks if n in c.defined):
            env.update((word, np.asarray(evaluate(e, env))) for word, e in c.where(n))
            env[c.names[n]] = laid_out(np.asarray(evaluate(c.definition(n), env, call=call)), n.shape)
        for word, e in {**c.shorter.labels, **d.order.introduced}.items():
            if word not in start and word in tried(d):
                continue
            with suppress(KeyError):  # Y = onehot(y), but not I
                env[word] = evaluate(e, env)
    return env


def tried(d: Derivation) -> set[str]:
    """The names of indicators of labels that closed forms were tried with, Y1, Y2, …, if lines have Y alone."""
    used = {w for section in d.sections for line in section.lines for e in line.formulas for w in e.names}
    return {w for w in d.chain.shorter.labels.keys() - used if w[-1].isdigit() and stem(w) in used}


def is_name(word: str) -> bool:
    """Whether a word is a name, perhaps with dots, and no expression."""
    return re.fullmatch(r"[\w.]+", word) is not None


def _computed(part: Expr, args: Sequence[Any], stopped: dict[str, Any] | None) -> Any:
    """The value of a part of a formula, which may be one of several results."""
    if stopped is not None and part.row is STOP_GRADIENT:
        return stopped.setdefault(part.key, args[0])
    return args[0][part.params["index"]] if args and isinstance(args[0], tuple) else computed(part, args)


def elsewhere(d: Derivation, start: Values) -> Iterator[dict[str, Any]]:
    """Other choices of the numbers near `start`, two if there are any, each with every value of the steps.

    Where a condition in the formulas always has one value, one is further away if the other occurs there; and the
    second is where it has another at most entries, so that ``1[s < 1]`` is not ``1[y s < 1]``; there is a third if only
    elsewhere some entries have one value and some the other. Of few conditions there
    are two more if these hold together in other ways, so that one term of a sum is not the sum of them. Two further
    ones are close to where conditions change, so that ``1[S = max(S)]`` is not ``1[S + D = max(S + D)]``.
    """
    chosen, _, free = _choice(d, start)
    taken = [_cases(d, start)]
    draws = [(seed, k, size) for seed in (1, 2, 3) for k, size in enumerate(FAR if taken[0] else ())]
    far = [chosen(np.random.default_rng([seed, k]), size, False, seed == 3) for seed, k, size in draws]
    far += [chosen(np.random.default_rng(0), 0.0, False, scale=scale) for scale in SCALES if draws]
    reached = [_cases(d, new) for new in far]
    for number in range(3 if len(taken[0]) > FEW else 5):
        news = [_news(taken, at, number) for at in reached]
        if number != 2:
            news[2 * len(FAR) : 3 * len(FAR)] = [0] * len(news[2 * len(FAR) : 3 * len(FAR)])
        for k in sorted((k for k, new in enumerate(news) if new), key=lambda k: -news[k]):
            if (env := confirmed(d, far[k])) is not None:
                taken.append(reached[k])
                yield env
                break
        else:
            near = (confirmed(d, chosen(np.random.default_rng(number + 1), *how)) for how in TRIES if number < 2)
            yield from islice((env for env in near if env is not None), 1)
    others = (new for new, at in zip(far, reached, strict=True) if at != taken[0] and confirmed(d, new) is not None)
    several = (_at_kinks(d, start, free, new, is_beyond) for is_beyond, new in zip((False, True), others, strict=False))
    yield from (env for env in map(partial(confirmed, d), several) if env is not None)
    yield from islice((env for env in map(partial(confirmed, d), relabelled(d, start)) if env is not None), 1)


def _at_kinks(d: Derivation, start: Values, free: Sequence[str], far: Values, is_beyond: bool) -> dict[str, Any]:
    """The numbers of `start`, some of which are moved, one after the other, towards those of `far`: up to where a
    condition changes, or just beyond.
    """
    at = {w: start[w] for w in far}
    places = np.random.default_rng(5).permutation([(w, k) for w in free for k in range(np.size(at[w]))])
    for w, k in ((str(w), int(k)) for w, k in places[:FEW]):
        on_the_way, here = partial(_with_entry_moved, at, w, k, far[w]), _cases(d, at)
        low, high = 0.0, 1.0
        for _ in range(HALVES if _cases(d, on_the_way(high)) != here else 0):
            middle = (low + high) / 2
            low, high = (middle, high) if _cases(d, on_the_way(middle)) == here else (low, middle)
        at = on_the_way((high if is_beyond else low) * (low > 0))
    return at


def _with_entry_moved(at: Values, word: str, k: int, far: Any, part: float) -> dict[str, Any]:
    """The numbers with one entry of an array that has gone a part of its way."""
    x = np.array(at[word])
    x.flat[k] += part * (np.ravel(far)[k] - x.flat[k])
    return {**at, word: x}


def relabelled(d: Derivation, start: Values) -> Iterator[dict[str, Any]]:
    """Other orders of the labels at which arrays are read, another one backwards, so that ``trans[y, x]`` is not
    ``trans[x, y]``; none where a position has no name, of which it is not known whether it is a label.
    """
    c, quoted = d.chain, d.chain.constants.quoted
    parts = [
        p for n in c.landmarks if n in c.defined for e in walk(c.definition(n)) if "index" in e.params
        for p in index_parts(e.params["index"]) if isinstance(p, np.ndarray) and p.dtype.kind in "iu"
    ]  # fmt: skip
    of = {w for p in parts for w in quoted.get(getattr(p, "word", ""), [getattr(p, "word", "")])}
    rows = any(not getattr(p, "word", "") and not np.array_equal(p, np.arange(p.size)) for p in parts)
    whole = {w for w, _ in d.given if np.ndim(start[w]) and np.asarray(start[w]).dtype.kind in "iu"}
    labels = sorted(of & independent(d, whole))
    for seed in range(0 if rows or not labels else 20):
        rng = np.random.default_rng(seed)
        new = {**start, **{w: rng.permuted(start[w], axis=0) for w in labels}}
        pairs = [sorted(zip(*(np.asarray(at[w]).tolist() for w in labels), strict=False)) for at in (start, new)]
        is_other = pairs[0] != pairs[1] or len(labels) == 1  # not all in the same order
        if is_other and all(np.array_equal(new[w], start[w]) or np.any(new[w][0] != new[w][-1]) for w in labels):
            yield new | {w: worked_out(w, new) for w, words in quoted.items() if {*words} & {*labels}}


def _news(taken: Sequence[Cases], at: Cases, number: int) -> int:
    """The number of entries of conditions with a value that none has yet; for the second choice of the numbers, with
    one that they have not had; for the third, the conditions whose entries all had one value and here have two; for
    others, whether the values are independent of those that they had.
    """
    seen = {case for other in taken for case in other.items()}
    if number < 2:
        ats = {(key, x) for (key, _), x in seen}
        return sum((key, x) not in ats if not number else ((key, k), x) not in seen for (key, k), x in at.items())
    if number == 2:
        return len(_mixed(at) - {key for other in taken for key in _mixed(other)})
    rows = [[1, *(v for key in taken[0] for v in other.get(key, ()))] for other in (*taken, at)]
    return int(at.keys() == taken[0].keys() and np.linalg.matrix_rank(rows) == len(rows))


def _mixed(at: Cases) -> set[str]:
    """The conditions that hold at some entries and not at others."""
    counts = Counter(key for key, _ in {(key, x) for (key, _), x in at.items()})
    return {key for key, n in counts.items() if n > 1}


def with_kept(
    d: Derivation, start: Values, others: Sequence[Values]
) -> tuple[Sequence[str], list[tuple[str, dict[str, Any]]]]:
    """The given values that a formula may have without their names, zeros and numbers of which no gradient is asked,
    and choices of the numbers in which they stay so: one near `start`, and `others`; and for each of these values, by
    its name, one in which it alone of them is another.
    """
    chosen, kept, _ = _choice(d, start)

    def near(still: dict[str, Any]) -> Iterator[dict[str, Any]]:
        several = (confirmed(d, chosen(np.random.default_rng(4), *how) | still) for how in TRIES)
        return islice((env for env in several if env is not None), 1)

    still = {w: start[w] for w in kept}
    far = (confirmed(d, {**other, **still}) for other in others if kept)
    several = [("", env) for env in (*(near(still) if kept else ()), *far) if env is not None]
    for word in kept if kept[1:] else ():
        of_one = near({w: x for w, x in still.items() if w != word})
        several += [(word, env) for env in of_one if not np.array_equal(env[word], start[word])]
    return kept, several


def _choice(
    d: Derivation, start: Values
) -> tuple[Callable[..., dict[str, Any]], Sequence[str], Sequence[str]]:
    """What draws other numbers: how far from `start`, and whether data move too; of what is not asked for what
    is 0, and the numbers that move; and what is asked for of which each entry may move alone.
    """
    c = d.chain
    used = {word for word, _ in d.given}
    parameters = {word for n, word in c.names.items() if c.is_input(n) and n in c.graded}
    asked = {c.names[n] for n in d.order.asked}
    definitions = [part for n in c.landmarks if n in c.defined for part in walk(c.definition(n))]
    sums = {part.of.value for part in definitions if part.role in ("total", "reduction") and part.of.role == "name"}
    numbers = {word for word in used - parameters if np.ndim(start[word]) == 0 and abs(start[word]) not in (0, 1)}
    data = independent(d, used - parameters) - numbers  # a student may write 0.5 for h, and may forget a factor 1
    scalars = [float(start[word]) for word in used - parameters if np.ndim(start[word]) == 0]
    data |= {word for word in numbers if scalars.count(start[word]) > 1}  # T = n = 2: one may be taken for the other
    exact = {word for word, x in start.items() if np.asarray(x).dtype.kind != "f"}
    kept = used | parameters | c.introduced | c.constants.quoted.keys() | exact
    others = {word: x for word, x in start.items() if word in kept or not is_name(word)}

    def chosen(
        rng: np.random.Generator, size: float, all_move: bool, signs: bool = False, scale: float = 1.0
    ) -> dict[str, Any]:
        moving = sorted(parameters | (data if all_move else set()))
        new = {w: moved(start[w], rng, size, w in asked, w in asked & sums, signs) for w in moving}
        return others | {w: scale * x if scale != 1 and w in asked else x for w, x in new.items()}

    moving = (w for w in sorted(data | parameters - asked) if np.ndim(start[w]) == 0 and abs(start[w]) not in (0, 1))
    still = [*(w for w in sorted(data) if not np.any(start[w])), *moving]
    free = [w for w in sorted(asked) if not _is_symmetric(start[w]) and (w in sums or not _is_distribution(start[w]))]
    return chosen, still, free


def _cases(d: Derivation, start: Values) -> Cases:
    """The values that each condition in the formulas has at each entry, such as whether it is the largest one, and
    those that it has where a sign is 1 or not: δ sign(r) where |r| > δ.
    """
    conditions, signs = dict[str, Any](), dict[str, Any]()

    def call(part: Expr, args: Sequence[Any]) -> Any:
        value = computed(part, args)
        if np.asarray(value).dtype == bool:
            conditions[part.key] = np.asarray(value)
        elif part.role in ("larger", "smaller") and len(args) == 2:  # max(0, d - 1): which one it is
            conditions[part.key] = np.greater(*args)
        elif part.role == "sign":
            signs[part.key] = np.asarray(value) > 0
        return value

    with suppress(Exception), np.errstate(all="ignore"):  # a step that cannot be computed, or not there
        env, done = forward(d, start), dict[str, Any]()
        steps = {d.chain.names[n] for n in d.chain.landmarks if n in d.chain.defined}
        conditions |= {w: x for w in steps if (x := np.asarray(env[w])).dtype == bool}  # wrong = t * a <= 0
        for e in (e for n in d.chain.landmarks if n in d.chain.defined for e in walk(d.chain.definition(n))):
            if e.role == "reduction" and e.row in (TABLE["max"], TABLE["min"]):
                x = evaluate(e.of, env)
                conditions[e.key] = np.asarray(x == computed(replace(e, params={**e.params, "keepdims": True}), [x]))
        for line in d.order.all():
            for f in [line] if isinstance(line, Factor) else [f for path in line.paths for f in path]:
                if not f.is_map:
                    evaluate(f.formula, env, done, call)
    several = {key: [x] for key, x in (conditions | signs).items()}
    for (a, x), (b, y) in product(conditions.items(), signs.items()):
        several |= {a + b: [x, y]} if x.shape == y.shape else {}
    entries = {key: zip(*(x.ravel().tolist() for x in xs), strict=True) for key, xs in several.items()}
    return {(key, k): at for key, several_at in entries.items() for k, at in enumerate(several_at)}


def near(values: Values) -> Iterator[dict[str, Any]]:
    """Two other choices of the arguments of a function."""
    for seed in (1, 2):
        rng = np.random.default_rng(seed)
        yield {word: moved(x, rng, TRIES[0][0], is_free=False) for word, x in values.items()}


def varied(d: Derivation, words: Collection[str], seed: int) -> dict[str, Any]:
    """The numbers of a derivation with other floats for some names."""
    start = d.chain.environment()
    parameters = {word for n, word in d.chain.names.items() if d.chain.is_input(n)}
    given = parameters | {word for word, _ in d.given}
    if unknown := [w for w in words if w not in given]:
        raise ValueError(f"worksheet: {', '.join(unknown)} cannot vary; what is given is {', '.join(sorted(given))}")
    data = given - parameters
    free = independent(d, data)
    for k in range(20):  # a choice at a kink, or outside of a domain, is not taken
        rng = np.random.default_rng([seed, k])
        new = {word: redrawn(word, start[word], rng) for word in words}
        if fixed := {*words} & (data - free):
            raise ValueError(
                f"worksheet: {', '.join(sorted(fixed))} cannot vary, because other values may have been computed from "
                "it; make the sheet from source(f, ...) with it as an argument"
            )
        if (env := confirmed(d, {**start, **new})) is not None:
            return env
    raise ValueError(f"worksheet: the derivation does not hold for other values of {', '.join(words)}")


def independent(d: Derivation, words: Collection[str]) -> set[str]:
    """Those of the data from which nothing else was computed, as far as the user's source shows it."""
    given, c = Given(d.chain), d.chain.constants
    words = set(words) - c.starts - c.sizes.keys() - {*c.changing.values()}  # n and V0 are no variables of the user's
    given.arrays = words
    env = d.chain.environment()
    parts = [x[x != 0] for x in (np.asarray(env[w]) for w in c.starts & env.keys()) if x.ndim and np.any(x)]
    words -= {w for w in words if any(np.isin(part, env[w]).all() for part in parts)}  # [x[0], h0] was made from x
    known = [given.word(word) for word in sorted(words)]
    given.settled(words)  # x2 = 1 - x1 stays that
    return words - given.fixed if all(known) or len(words) == 1 else set()


def confirmed(d: Derivation, start: Values) -> dict[str, Any] | None:
    """The values of the steps from `start`; None unless the gradients agree with a finite difference there."""
    c, step, stopped = d.chain, 1e-6, dict[str, Any]()
    try:
        with np.errstate(all="ignore"):
            env = forward(d, start, stopped)
            lines = [t for t in lines_at(d, env) if isinstance(t, Total) and t.node in d.order.asked]
            gradients = {c.names[t.node]: t.value for t in lines if c.is_input(t.node)}
            rng = np.random.default_rng(3)
            along = {word: rng.choice((-1.0, 1.0), np.shape(g)) for word, g in gradients.items()}
            root = c.names[c.root]
            above, below = (
                forward(d, {**start, **{word: start[word] + h * u for word, u in along.items()}}, stopped)[root].item()
                for h in (step, -step)
            )
            slope = sum(np.sum(g * along[word]) for word, g in gradients.items())
            size = sum(np.abs(g).sum() for g in gradients.values()) + 1e-5 * abs(above)
    except Exception:  # a step that cannot be computed from formulas, or not there
        return None
    return env if abs((above - below) / (2 * step) - slope) <= 1e-4 * size + 1e-12 else None


def moved(
    x: Any, rng: np.random.Generator, size: float, is_free: bool = True, is_summed: bool = False,
    has_signs: bool = False,
) -> Any:  # fmt: skip
    """A number or an array, moved a little where it may: elementwise if it is free, each entry perhaps with a sign of
    its own, otherwise scaled, with its signs:
    δ of clip(r, -δ, δ) stays positive, and 0 where observations are censored is 0. What the program sums need not be a
    distribution.
    """
    x = np.asarray(x)
    if x.dtype.kind != "f" or _has_meaning(x) and not is_free:
        return x
    shape = x.shape if is_free or not x.any() else ()
    step = size * rng.uniform(0.5, 1, shape) * rng.choice((-1, 1), shape if has_signs else ())
    is_distribution = not is_summed and _is_distribution(x)  # one, or one in each row; what is 0 in it stays so
    y = np.where(x == 0, step, x * (1 + step)) if is_free or not x.any() else x * (1 + np.abs(step))
    y = np.where(x == 0, x, y) if is_distribution else y
    y = (y + np.matrix_transpose(y)) / 2 if _is_symmetric(x) else y
    return y / y.sum(None if np.isclose(x.sum(), 1) else -1, keepdims=True) if is_distribution else y


def _is_distribution(x: Any) -> bool:
    return x.size > 1 and bool((x >= 0).all()) and (np.allclose(x.sum(-1), 1) or bool(np.isclose(x.sum(), 1)))


def _is_symmetric(x: Any) -> bool:
    """Whether it is a symmetric matrix, or several."""
    return np.ndim(x) > 1 and x.shape[-1] == x.shape[-2] > 1 and np.array_equal(x, np.matrix_transpose(x))


def _has_meaning(x: Any) -> bool:
    """Whether numbers are labels, a mask or a distribution."""
    x = np.asarray(x)
    return x.size > 1 and bool(np.isin(x, (-1, 0, 1)).all()) and bool(x.any()) or _is_distribution(x)


def redrawn(word: str, x: Any, rng: np.random.Generator) -> Any:
    """Other floats of the same size, sign and number of decimals."""
    x = np.asarray(x)
    if x.dtype.kind != "f":
        raise ValueError(f"worksheet: {word} has no floats to redraw, but {x.dtype}; leave it out of vary")
    digits = next((k for k in range(1, 4) if np.allclose(x, x.round(k), equal_nan=True)), 4)
    size = np.sqrt(np.mean(x**2, where=np.isfinite(x))) or 1.0
    sizes = size * rng.uniform(0.4, 1.6, x.shape)
    y = sizes * np.sign(x) if (x > 0).all() or x.size == 1 and x.any() else sizes * rng.choice((-1.0, 1.0), x.shape)
    y = np.maximum(np.abs(y).round(digits), 10.0**-digits) * np.sign(y)
    return np.where(np.isfinite(x), y, x).astype(x.dtype)
