"""A page that computes never shows a number that the program would not compute: its program, run in Node."""

import json
import shutil
import subprocess
from importlib.resources import files
from itertools import zip_longest

import numpy as np
import pytest
from programs import PROGRAMS, Learner, numbers
from thorough import EVERY_CASE, mostly_thorough

from autograd_lite.derive.javascript import NoForm
from autograd_lite.drawing import draw
from autograd_lite.drawing.live import live

NODE = shutil.which("node")
pytestmark = pytest.mark.skipif(NODE is None, reason="no Node on this machine")
ARRAYS = files("autograd_lite.drawing").joinpath("arrays.js").read_text(encoding="utf-8")
AFTER = """
const plain = (o) => Object.fromEntries(Object.entries(o).map(([k, x]) => [k, [x.shape, [...x.data].map(String)]]));
console.log(JSON.stringify(EDITS.map((edits) => {
  const v = Object.create(null), d = Object.create(null), p = Object.create(null);
  for (const [n, x] of Object.entries(live.rest)) v[n] = constant(x);
  for (const leaf of live.leaves) v[leaf.name] = constant(leaf);
  for (const [name, k, x] of edits) v[name].data[k] = x;
  forward(v);
  backward(v, d);
  partials(v, p);
  return { v: plain(v), d: plain(d), p: plain(p) };
})));
"""


def run(page, edits):
    """What the page computes after each of several lists of edits: values, gradients and partials."""
    program, _, _ = page.script.partition(ARRAYS)[2].partition("// The numbers of the page")
    text = f"{ARRAYS}\nconst live = {page.data};\nconst M = JSON.parse(live.maps);\n{program}"
    text += AFTER.replace("EDITS", json.dumps(edits))
    done = subprocess.run([NODE, "-"], input=text, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def edits_of(leaf):
    """Other numbers for some entries of an input: zero, beyond a kink, the ends of a range."""
    rng = np.random.default_rng(0)
    count = len(leaf["data"])
    for k in rng.choice(count, min(count, 3), replace=False).tolist():
        x = float(leaf["data"][k])
        if leaf["kind"] == "f":
            numbers = {0.0, 0.73, -1.31, round(0.37 - x, 2)}
        else:
            low, high = leaf["low"], leaf["high"]
            numbers = {int(x), int(x) - 1 if low is None else low, int(x) + 1 if high is None else high}
        yield from ([leaf["name"], k, y] for y in numbers if np.isfinite(y))


def differing(picture, new, shown):
    """What the page shows otherwise than a picture that was drawn with the edited numbers."""

    def check(what, number, known, before):
        if known is None or before is None or np.shape(known) != np.shape(before):
            return
        now = before if number is None else np.reshape([float(x.replace("inity", "")) for x in number[1]], number[0])
        if not np.allclose(np.asarray(now, float), np.asarray(known, float), rtol=1e-7, atol=1e-8, equal_nan=True):
            yield f"{what}: {now} instead of {known}"

    items = {i.name: i for i in new.scene.items}
    for i in picture.scene.items:
        if i.name in items:
            yield from check(i.name, shown["v"].get(i.name), items[i.name].value, i.value)
            yield from check(f"gradient of {i.name}", shown["d"].get(i.name), items[i.name].gradient, i.gradient)
    lines = {(x.symbol, _ends(x, new)): x for x in new.scene.lines}
    for x in picture.scene.lines:
        if (other := lines.get((x.symbol, _ends(x, picture)))) is not None:
            yield from check(x.symbol, shown["p"].get(x.key), other.value, x.value)


def _ends(line, picture):
    return picture.scene.item(line.tail).name, picture.scene.item(line.head).name


def check_page(drawn):
    """Edit the inputs of a page, one number of each at a time; ``drawn({name: array})`` draws the program with other
    numbers. A thorough run edits one number alone.
    """
    picture = drawn({})
    page = live(picture.scene, picture.chain, [], None, 0.1)
    leaves = {leaf["name"]: leaf for leaf in json.loads(page.data)["leaves"]}
    together = [[e for e in edits if e] for edits in zip_longest(*map(edits_of, leaves.values()))]
    rounds = [[e] for edits in together for e in edits] if EVERY_CASE[0] else together[:6]
    for edits, shown in zip(rounds, run(page, rounds), strict=True):
        with np.errstate(all="ignore"):
            try:
                new = drawn({name: edited(leaves[name], k, x) for name, k, x in edits})
            except np.linalg.LinAlgError:  # the program itself stops there
                continue
        assert list(differing(picture, new, shown)) == [], edits
    return {*leaves}


def edited(leaf, k, x):
    """The array of an input with another number."""
    value = np.reshape([float(y) for y in leaf["data"]], leaf["shape"])
    value.flat[k] = x
    return value.astype({"f": float, "b": bool}.get(leaf["kind"], int))


@pytest.mark.parametrize("word", mostly_thorough(PROGRAMS, 3))
def test_a_page_of_a_function_computes_everything(word):
    program = PROGRAMS[word]

    def drawn(now):
        return draw(program.function(now), *(now.get(k, x) for k, x in program.numbers.items()), roll=False)

    edited = check_page(drawn)
    assert edited >= program.numbers.keys()


#: What a script's page offers; everything else is shown as fixed.
OFFERED = {
    "leaky": {"w", "x"}, "attention": {"Wq", "Wk", "X", "mask"}, "ppo": {"theta", "adv", "old"},
    "huber": {"w", "b", "X", "y"}, "process": {"D", "l", "sigma", "y"}, "ode": {"k"}, "baseline": {"theta"},
    "graph": {"N", "W1", "W2", "X"}, "margins": {"W", "X"}, "springs": {"P", "rest"}, "gelu": {"W", "g", "x"},
    "truss": {"EA", "B", "h", "f"}, "counts": {"w", "X"},
    "logs": {"x", "w"}, "gaussian": {"S", "mu", "X"}, "frame": {"W", "X"},
}  # fmt: skip


@pytest.mark.parametrize("word", mostly_thorough(PROGRAMS, 3))
def test_a_page_of_a_script_is_right_or_still(word):
    def drawn(now):
        variables = PROGRAMS[word].script(now)
        return draw(variables["L"], names={k: x for k, x in variables.items() if not k.startswith("_")}, roll=False)

    if word in OFFERED:
        assert check_page(drawn) == OFFERED[word]
    else:
        with pytest.raises(NoForm, match=r"draw the function itself|trace\(f, x\)"):
            check_page(drawn)


DIVERGENCE = """m = (p + q) / 2
j = np.sum(np.where(p > 0, p * np.log(p / m), 0))
L = j**2 - np.sum(p * np.log(p))
"""
FILTER = """P = F @ F.T + 0.1 * np.eye(2)
L = 0.0
for k in range(2):
    S = F @ P @ F.T
    L = L + x @ np.linalg.solve(S, x) + np.log(np.linalg.det(S))
    P = P @ S
"""


@pytest.mark.parametrize(
    ("numbers", "body"),
    [
        ({"X": [[0.5, -1], [2, 1]], "A": [[0, 1], [1, 0]]}, "H = np.maximum(A @ X, 0)\nL = np.sum((A @ H)**2)"),
        ({"x": [0.5, -1, 2, 0.5, 0.3]}, "m = np.median(x)\nd = np.median(np.abs(x - m))\nL = d**2 + m + np.sum(x**2)"),
        ({"p": [0.2, 0.8], "q": [0.5, 0.5]}, DIVERGENCE),
        ({"R": [[1, np.nan], [2, 3]], "u": [0.3, 1], "v": [1, 2]},
         "E = np.where(np.isnan(R), 0, np.nan_to_num(R) - np.outer(u, v))\nL = np.sum(E**2)"),
        ({"F": [[1, 0.1], [0, 1]], "x": [0.5, 0.2]}, FILTER),
    ],
)  # fmt: skip
def test_partials_are_right_where_a_textbook_has_another_form(numbers, body):
    program = Learner({k: np.array(x, float) for k, x in numbers.items()}, {}, body)

    def drawn(now):
        return draw(program.function(), *(now.get(k, x) for k, x in program.numbers.items()), roll=False)

    assert check_page(drawn) == numbers.keys()


def test_a_mask_before_a_difference_is_negated_as_a_number():
    program = Learner(
        {"w": np.array([0.3, -0.2])},
        {"R": np.array([1.0, np.nan])},
        "seen = ~np.isnan(R)\nx = np.nan_to_num(R)\nL = np.sum((seen * (x - w)) ** 2)",
    )

    def drawn(now):
        variables = program.script(now)
        return draw(variables["L"], names={k: x for k, x in variables.items() if not k.startswith("_")}, roll=False)

    assert check_page(drawn) == {"w", "seen", "x"}


def test_slices_of_data_follow_it():
    program = Learner(
        {"w": np.array([0.3, -0.2])}, {"y": np.array([1.0, 0.5, -0.4, 0.2])},
        "L = np.sum((y[1:] - w[0] * y[:-1]) ** 2) + np.sum((w * y[::2] - y[:2]) ** 2)",
    )  # fmt: skip

    def drawn(now):
        variables = program.script(now)
        return draw(variables["L"], names={k: x for k, x in variables.items() if not k.startswith("_")}, roll=False)

    assert check_page(drawn) == {"w", "y"}


def test_infinities_and_nan_reach_the_page():
    w, m = np.array([1.0, 2.0, 3.0]), np.array([0.0, -np.inf, -1.0])
    check_page(lambda now: draw(lambda w, m: np.sum(np.exp(w + m)), now.get("w", w), now.get("m", m)))
    data = np.array([np.inf, -np.inf, np.nan])

    def picked(w, m):
        return np.sum(np.where(np.isfinite(m), m, 0) * w)

    picture = draw(picked, w, data)
    page = live(picture.scene, picture.chain, [], None, 0.1)
    assert [f["data"] for f in json.loads(page.data)["leaves"] if f["name"] == "m"] == [["inf", "-inf", "nan"]]
    check_page(lambda now: draw(picked, now.get("w", w), now.get("m", data)))


@pytest.mark.parametrize(
    "body",
    [
        "s = 0\nfor x in xs:\n    s = np.tanh(s + w @ x)\nL = s + np.sum(xs[1] * w)",
        "s = 0\nfor x, y in zip(xs, ys):\n    s = s + (w @ x - y) ** 2\nL = s + np.sum(xs @ w) + np.sum(ys * w[0])",
        "s = 0\nfor k, y in enumerate(ys):\n    x = xs[k]\n    s = s + (w @ x - y) ** 2\nL = s + np.sum(xs @ w)",
        "s = 0\nfor y in ys:\n    s = s + (w[0] - y) ** 2\nL = s + np.sum(ys * w[0])",
        "parts = [xs[:2] + 1, xs[:1] - ys[0]]\ns = 0\nfor x in parts:\n    s = s + np.sum((x @ w) ** 2)\nL = s",
    ],
)
def test_rows_that_a_loop_takes_are_right_or_still(body):
    xs, ys = np.array([[1.0, 2.0], [0.0, 1.0], [-1.0, 0.5]]), np.array([0.2, -0.1, 0.0])
    program = Learner({"w": np.array([0.3, -0.2])}, {"xs": xs, "ys": ys}, body)

    def drawn(now):
        variables = program.script(now)
        return draw(variables["L"], names={k: x for k, x in variables.items() if not k.startswith("_")}, roll=False)

    assert "w" in check_page(drawn)


def test_what_a_loop_joins_to_its_state_is_offered():
    body = "h = np.zeros(1)\nfor x in xs:\n    h = np.tanh(w * np.concatenate((h, x)))[1:]\nL = h @ h"
    program = Learner({"w": np.array([0.3, -0.2])}, {"xs": np.array([[1.0], [0.0], [-1.0]])}, body)

    def drawn(now):
        variables = program.script(now)
        return draw(variables["L"], names={k: x for k, x in variables.items() if not k.startswith("_")}, roll=False)

    assert check_page(drawn) == {"w", "xs"}


FIELD = """def field(r, q):
    return a * r - b * r * q, b * r * q - a * q
"""
STEPS = """r, q = 1.0, 0.5
L = 0.0
for k in range(3):
    k1r, k1q = field(r, q)
    k2r, k2q = field(r + 0.1 * k1r, q + 0.1 * k1q)
    r, q = r + 0.2 * k2r, q + 0.2 * k2q
    L = L + (r - seen[k]) ** 2 + q**2
"""
GROWTH = """def rate(y):
    slope = w[0] * (1 - w[1] * y)
    return slope * y
y, L = 0.5, 0.0
for t in range(3):
    speed = rate(y)
    y = y + 0.1 * speed
    L = L + (y - seen[t]) ** 2
"""
LATE = "r, L = 1.0, 0.0\nfor k in range(3):\n    L = L + (r - seen[k]) ** 2\n    r = r * w[1]\n"


@pytest.mark.parametrize(
    ("body", "offered"),
    [
        (f"a, b = w\n{FIELD}{STEPS}", {"w", "seen"}), (f"a, b = w[0], w[1]\n{FIELD}{STEPS}", {"w", "seen"}),
        (GROWTH, {"w", "seen"}), (LATE, {"w"}),
        (f"def f(r):\n    return w[0] * r - w[1] * r**2\n{LATE.replace('r * w[1]', 'r + f(r)')}", {"w"}),
        (f"def f(r, v):\n    return v[0] * r + np.sin(r)\n{LATE.replace('r * w[1]', 'r + f(r, w)')}", {"w"}),
        ("q = np.array([0.1, 0.2])\nfor k in range(3):\n    q = q + np.stack([w[0] * q[1], w[1]])\nL = q @ q", {"w"}),
        ("V = np.zeros(3)\nfor k in range(3):\n    Q = seen - 2 * V\n    V = w[0] * Q * Q\nL = np.sum(V) * w[1]",
         {"w", "seen"}),
        ("def f(v):\n    return np.sum(v * w[0])\nL = f(2 * seen) + np.sum(seen * w[1])", {"w"}),
        ("def f(v):\n    return np.sum(v * w[0])\nL = f(seen) + np.sum(seen * w[1])", {"w", "seen"}),
        ("v = w * 2\nA = (1 - v).detach()\nB = np.abs(w.numpy())\nL = np.sum(A * w**2 + B * v) + seen @ seen",
         {"w", "seen"}),
        ("s = 0.6\nL = np.sum(ag.stats.norm.logpdf(seen, w[0], s)) + ag.stats.norm.logpdf(w[1], 0, 5)", {"w", "seen"}),
    ],
)  # fmt: skip
def test_numbers_and_data_of_loops_and_functions_are_right(body, offered):
    program = Learner({"w": np.array([0.3, -0.2])}, {"seen": np.array([1.1, 0.9, 0.8])}, body)

    def drawn(now):
        variables = program.script(now)
        return draw(variables["L"], names={k: x for k, x in variables.items() if not k.startswith("_")}, roll=False)

    assert check_page(drawn) == offered


@pytest.mark.parametrize(
    "body",
    [
        "x = x0\nfor k in range(3):\n    x = w[0] * x - w[1] * x**2\nL = np.sum(x**2)",
        "def f(x):\n    return w[0] * x - w[1] * x**2\nx = x0\nfor k in range(3):\n    x = f(f(x))\nL = np.sum(x**2)",
    ],
)
def test_a_state_that_begins_as_an_array_of_another_name_can_be_changed(body):
    program = Learner({"w": np.array([0.3, -0.2])}, {"x0": np.array([1.1, 0.9, 0.8])}, body)

    def drawn(now):
        variables = program.script(now)
        return draw(variables["L"], names={k: x for k, x in variables.items() if not k.startswith("_")}, roll=False)

    assert check_page(drawn) == {"w", "x0"}


@pytest.mark.parametrize(
    ("line", "fixed"),
    [
        ("A = X[order]", ""), ("A = (X - X.mean(axis=0)) / X.std(axis=0)", ""), ("A = X[:2]", ""),
        ("A = X[order]\nmu = A.mean(axis=0)\nA = A - mu", "A"),
        ("A = X[order]\nc = A.mean(axis=0)\nb = np.sum(c * w)", "c, A"), ("A = X[order]\nb = np.sum(X @ w)", "X, A"),
    ],
)  # fmt: skip
def test_an_array_that_was_computed_from_others_is_offered_where_these_are_not_used(line, fixed):
    body = f"order = np.array([2, 0, 1])\nb = 0.0\n{line}\nL = np.sum((A @ w) ** 2) + b"
    program = Learner({"w": np.array([0.3, -0.2])}, {"X": np.array([[1.0, 2.0], [0.5, 1.0], [-1.0, 0.5]])}, body)

    def drawn(now):
        variables = program.script(now)
        return draw(variables["L"], names={k: x for k, x in variables.items() if not k.startswith("_")}, roll=False)

    assert check_page(drawn) == ({"w"} if fixed else {"w", "A"})
    picture = drawn({})
    notes = live(picture.scene, picture.chain, [], None, 0.1).notes
    assert [note.partition(" cannot be changed")[0] for note in notes] == ([fixed] if fixed else [])


PICKED = "cannot be changed here: the function chooses entries, positions or sizes by these numbers"
LABELS = {"X": numbers(1, 4, 2), "y": np.array([0, 2, 1, 1])}
POINTS = {"X": numbers(1, 4, 2), "t": np.array([1.0, -1.0, 0.5, -2.0])}


@pytest.mark.parametrize(
    ("data", "body", "still", "note"),
    [
        (LABELS, "s = X @ W\nkeep = np.ones(s.shape)\nkeep[np.arange(4), y] = 0\nL = np.sum(s**2 * keep)", "y", PICKED),
        (LABELS, "T = np.zeros((4, 3))\nfor i in range(4):\n    T[i, y[i]] = 1\nL = np.sum((X @ W - T) ** 2)",
         "y", PICKED),
        (LABELS, "L = -np.sum(np.eye(3)[y] * np.log(np.exp(X @ W)))", "", ""),
        (LABELS, "n = np.bincount(y, minlength=3)\nL = np.sum(n * W**2) + np.sum(X)", "y", "bincount has no form in"),
        (LABELS, "m = ag.set_at(X @ W, (np.arange(4), y), 0)\nL = np.sum(np.maximum(0, m) ** 2)", "", ""),
        (LABELS, "m = ag.set_at(X @ W, (np.arange(4), y), W[0, 0])\nL = np.sum(ag.maximum_at(m, y, 0.1) ** 2)", "", ""),
        (POINTS, "up = t > 0\nL = np.sum((X[up] @ W - t[up, None]) ** 2)", "t", PICKED),
        ({**POINTS, "seen": np.array([True, False, True, True])}, "L = np.sum((X @ W)[seen] ** 2) / seen.sum() + t @ t",
         "seen", PICKED),
        ({**POINTS, "k": 2}, "one = np.ones((4, k))\nL = np.sum((np.hstack([X, one]).T @ t) ** 2) + np.sum(W**2)",
         "k", PICKED),
        (POINTS, "zero = np.zeros((1, 3))\nL = np.sum(np.concatenate([zero, X @ W]) ** 2) + np.sum(t)", "", ""),
        (POINTS, "ok = np.isfinite(X).all(axis=1) & ~np.any(X > 2)\nL = np.sum(np.where(ok, t, 0)) * np.sum(W)", "",
         ""),
        (POINTS, "q = t / t + X[:, 0] / X[:, 0]\nL = np.sum(q) + np.sum(W**2)", "", ""),
    ],
)  # fmt: skip
def test_a_page_of_a_function_offers_its_arguments_alone(data, body, still, note):
    program = Learner({"W": numbers(2, 2, 3)}, data, body)

    def drawn(now):
        return draw(program.function(now), *(now.get(k, x) for k, x in program.numbers.items()), roll=False)

    assert check_page(drawn) == program.numbers.keys() - {still}
    picture = drawn({})
    notes = live(picture.scene, picture.chain, [], None, 0.1).notes
    assert [text.partition(" ")[0] for text in notes] == [still] * bool(still)
    assert all(note in text for text in notes)


def test_numbers_from_outside_a_function_are_offered_and_its_own_are_not():
    table, mean = numbers(3, 3), numbers(4, 3)
    centred = mean - 1

    def f(w):
        weights = np.array([0.5, 0.25, 0.25])
        return np.sum(weights * (w - table) ** 2) + np.sum(w * centred)

    picture = draw(f, numbers(5, 3))
    page = live(picture.scene, picture.chain, [], None, 0.1)
    assert {leaf["name"] for leaf in json.loads(page.data)["leaves"]} == {"w", "table", "centred"}
    assert {i.name: i.kind for i in picture.scene.items if i.name in ("weights", "table")} == {
        "weights": "constant", "table": "input",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("body", "fixed"),
    [
        ("L = np.sum((X @ w)[seen] ** 2) / seen.sum()", "seen"),
        ("L = np.sum((X @ w)[rows] ** 2) + np.sum(rows * w[0])", "rows"),
        ("L = np.sum(X[seen] @ w) + seen @ X @ w", "X, seen"),
    ],
)  # fmt: skip
def test_what_chooses_entries_of_a_recording_is_fixed(body, fixed):
    data = {"X": np.array([[1.0, 2.0], [0.5, 1.0], [-1.0, 0.5]])}
    data |= {"seen": np.array([True, False, True]), "rows": np.array([2, 0])}
    program = Learner({"w": np.array([0.3, -0.2])}, data, body)

    def drawn(now):
        variables = program.script(now)
        return draw(variables["L"], names={k: x for k, x in variables.items() if not k.startswith("_")}, roll=False)

    assert check_page(drawn) <= {"w", "X"} - set(fixed.split(", "))
    picture = drawn({})
    [note] = live(picture.scene, picture.chain, [], None, 0.1).notes
    assert set(note.partition(" cannot be changed")[0].split(", ")) == set(fixed.split(", "))


def test_two_arrays_in_the_same_memory_are_still():
    body = "def f(u, l):\n    return np.sum((u @ w) ** 2) + np.sum(l @ w)\n"
    body += (
        "def halves():\n    t = np.ones((3, 2))\n    return t[:2], t[1:]\nupper, lower = halves()\nL = f(upper, lower)"
    )
    variables = Learner({"w": np.array([0.3, -0.2])}, {}, body).script()
    picture = draw(variables["L"], names={k: variables[k] for k in ("w", "upper", "lower")})
    page = live(picture.scene, picture.chain, [], None, 0.1)
    assert [leaf["name"] for leaf in json.loads(page.data)["leaves"]] == ["w"]


def test_a_page_runs_the_steps_of_the_user_not_those_of_the_textbook():
    program = Learner({"z": np.array([0.3, -0.2, 0.1])}, {}, "E = np.exp(z)\nP = E / np.sum(E)\nL = -np.log(P[0])")

    def drawn(now):
        variables = program.script(now)
        return draw(variables["L"], names={k: x for k, x in variables.items() if not k.startswith("_")}, roll=False)

    picture = drawn({})
    assert "softmax" in str(picture.chain.definition(picture.chain.named["P"]).head)
    [shown] = run(live(picture.scene, picture.chain, [], None, 0.1), [[["z", 1, 800.0]]])
    with np.errstate(all="ignore"):
        assert list(differing(picture, drawn({"z": np.array([0.3, 800.0, 0.1])}), shown)) == []
    assert shown["v"]["P"][1] == ["0", "NaN", "0"]


SIGMOIDS = [
    (z, body, learned)
    for learned in [("W",), ("W", "x")]
    for z in ["-x @ W", "x @ W", "-(x @ W)", "-x @ -W"]
    for body in ["z = {}\nr = 1 / (1 + np.exp(z))", "r = 1 / (1 + np.exp({}))"]
]


def test_a_part_of_what_a_loop_starts_with_follows_it():
    body = """
pop, L = n0, 0
for year in range(3):
    births = f @ pop
    pop = np.concatenate([births[None], s * pop[:-1]])
    L += np.sum(pop**2)
"""
    start = np.array([2.7, 1.4, 0.6])
    program = Learner({"f": np.array([0.2, 1.1, 1.4]), "s": np.array([0.5, 0.6])}, {"n0": start}, body)

    def drawn(now):
        variables = program.script({"n0": now.get("pop0", start), **{k: x for k, x in now.items() if k != "pop0"}})
        return draw(variables["L"], names={k: variables[k] for k in ("f", "s", "n0", "L")}, roll=False)

    assert check_page(drawn) == {"f", "s", "pop0"}


@pytest.mark.parametrize(
    ("z", "body", "learned"), mostly_thorough(sorted(SIGMOIDS, key=lambda s: SIGMOIDS.index(s) % 5), 4)
)
def test_the_page_of_a_sigmoid_by_hand_computes_what_it_shows(body, z, learned):
    rng = np.random.default_rng(0)
    numbers = {"x": rng.normal(size=(4, 3)), "W": rng.normal(size=(3, 2)), "y": rng.normal(size=(4, 2))}
    params = {k: numbers.pop(k) for k in learned}
    program = Learner(params, numbers, body.format(z) + "\nL = np.sum((r - y) ** 2)")

    def drawn(now):
        variables = program.script(now)
        return draw(variables["L"], names={k: x for k, x in variables.items() if not k.startswith("_")})

    assert check_page(drawn) == {"W", "x", "y"}
    picture = drawn({})
    page = live(picture.scene, picture.chain, [], None, 0.1)
    [shown] = run(page, [[["W", 0, 0.5]]])
    items = json.loads(page.data)["items"]
    assert {i["name"] for i in items if i["value"]} <= shown["v"].keys()
    assert {i["name"] for i in items if i["gradient"]} <= shown["d"].keys()


@pytest.mark.parametrize(
    ("shape", "start", "line"),
    [((2, 2), "ones", "W @ h + x[t]"), ((4, 2), "zeros", "np.concatenate([x[t], h]) @ W")],
)
def test_a_loop_that_starts_with_an_array_made_in_its_line_computes(shape, start, line):
    body = f"h = np.{start}(2)\nfor t in range(3):\n    h = np.tanh({line})\nL = np.sum(h ** 2)"
    program = Learner({"W": numbers(1, *shape)}, {"x": np.arange(6.0).reshape(3, 2) / 6}, body)

    def drawn(now):
        variables = program.script(now)
        return draw(variables["L"], names={k: x for k, x in variables.items() if not k.startswith("_")}, roll=False)

    assert check_page(drawn) == {"W", "x"}
