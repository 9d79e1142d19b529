"""A page computes only if all that it shows follows the numbers: a constant that may have been computed stops it."""

import json
import re
import runpy

import numpy as np
import pytest
from programs import Learner
from thorough import mostly_thorough

import autograd_lite as ag
from autograd_lite.derive.chain_rule import Chain
from autograd_lite.derive.javascript import NoForm
from autograd_lite.derive.live_program import program
from autograd_lite.drawing import draw
from autograd_lite.drawing.live import live
from autograd_lite.nn import functional as F
from autograd_lite.program import Program

DATA = np.array([[0.5, -1.0, 2.0], [1.5, 0.3, -0.2]])
TARGET = DATA[:, 0] + 1  # another array: not of the graph's


def reason(L, names=None, *args):
    """Why the page of a result, or of a function of `args`, is a still one; empty if it computes."""
    picture = draw(L, *args, names=names)
    try:
        live(picture.scene, picture.chain, [], None, 0.1)
    except NoForm as error:
        return str(error)
    return ""


def leaf(n=3):
    return ag.tensor(np.linspace(-1.0, 2.0, n), requires_grad=True, name="w")


def inline_mask(n):
    w = leaf(n)
    return np.sum(np.where(w > 0, w, 0.1 * w)), None


def mask_in_a_variable(n):
    w = leaf(n)
    positive = w > 0
    return np.sum(np.where(positive, w, 0.1 * w)), None


def named_mask(n):
    w = leaf(n)
    positive = w > 0
    return np.sum(np.where(positive, w, 0.1 * w)), locals()


def mask_of_a_variable_of_another_name(n):
    theta = leaf(n)
    positive = theta > 0
    return np.sum(np.where(positive, theta, 0.1 * theta)), {"positive": positive}


def product_with_a_mask(n):
    w = leaf(n)
    return np.sum(w * (w > 0)), None


def numbers_read_by_numpy(n):
    w = leaf(n)
    size = np.abs(w.numpy())
    return np.sum(w * size), locals()


def detached(n):
    w = leaf(n)
    before = w.detach()
    return np.sum(w * before), locals()


def written_into_a_variable(n):
    w = leaf(n)
    mask = np.zeros(n)
    mask[:] = w.numpy() > 0
    return np.sum(w * mask), locals()


def augmented(n):
    w = leaf(n)
    mask = np.ones(n)
    mask -= w.numpy() > 0
    return np.sum(w * mask), locals()


def two_steps_away(n):
    w = leaf(n)
    size = np.abs(w.data)
    scaled = size / 2
    return np.sum(w * scaled), {"scaled": scaled}


def positions(n):
    w = leaf(n)
    order = np.argsort(w.numpy())
    return np.sum(w[order] * np.arange(n)), locals()


def greatest(n):
    w = leaf(n)
    return w[int(np.argmax(w.numpy()))] ** 2 + np.sum(w * (w.numpy() == w.numpy().max())), None


def read_at_a_computed_position(n):
    w = leaf(n)
    k = int(np.argmax(w.numpy()))
    return w[k] ** 2 + np.sum(w), locals()


def huber_by_hand(n):
    w, y = leaf(n), np.zeros(n)
    r = w - y
    small = np.abs(r) <= 1.0
    return np.sum(np.where(small, 0.5 * r**2, np.abs(r) - 0.5)), locals()


def read_by_a_function_before_a_loop(n):
    w, r, total = leaf(n), 1.0, 0.0

    def doubled(v):
        return v * 2

    for k in range(3):
        s = doubled(w.numpy()[0] if k < 1 else w[1])
        total = total + w[0] * r
        r = r + s
    return total, None


def read_for_a_function(n):
    w = leaf(n)

    def scaled(v):
        return v * w[1]

    return scaled(w.numpy()[0]) + w[0], locals()


STALE = [
    written_into_a_variable, augmented, two_steps_away, positions, greatest, read_at_a_computed_position,
    read_by_a_function_before_a_loop, read_for_a_function,
]  # fmt: skip


@pytest.mark.parametrize("n", mostly_thorough([2, 5]))
@pytest.mark.parametrize("case", STALE, ids=lambda f: f.__name__)
def test_what_may_have_been_computed_makes_a_page_still(case, n):
    assert re.search(r" uses .* in test_still.py:\d+,? that may have been computed from the numbers", reason(*case(n)))


@pytest.mark.parametrize("n", mostly_thorough([2, 5]))
@pytest.mark.parametrize(
    "case",
    [inline_mask, mask_in_a_variable, named_mask, product_with_a_mask, huber_by_hand,
     mask_of_a_variable_of_another_name, numbers_read_by_numpy, detached],
    ids=lambda f: f.__name__,
)
def test_a_mask_follows(case, n):
    assert reason(*case(n)) == ""  # test_edits.py has the numbers


def mean_of_an_input(n):
    w, x = leaf(n), np.linspace(0.0, 1.0, n)
    mu = x.mean()
    return np.sum(w * (x - mu)), locals()


def scaled_input(n):
    w, x = leaf(n), np.linspace(0.0, 1.0, n)
    z = (x - np.mean(x)) / np.std(x)
    return np.sum(w * z) + np.sum(w * x), locals()


def outer_in_the_line(n):
    w, x = leaf(n), np.linspace(0.0, 1.0, n)
    return np.sum((x[:, None] - w[None, :]) ** 2), locals()


def part_in_a_variable(n):
    w, x = leaf(n), np.linspace(0.0, 1.0, n)
    first = x[:1].copy()
    return np.sum(w * x) + np.sum(w * first), locals()


def known_entries(n):
    w, x = leaf(n), np.append(np.nan, np.linspace(0.0, 1.0, n - 1))
    seen = ~np.isnan(x)
    return np.sum((w - x)[seen] ** 2), locals()


def positions_one_by_one(n):
    w, x, L = leaf(3), np.array([0, 2, 1]), 0.0
    for t in range(3):
        L = L + w[x[t]] ** 2 + np.sum(w * np.eye(3)[x[t]])
    return L, {"w": w, "x": x}


def added_to_a_list(n):
    w, x, errors = leaf(n), np.linspace(0.1, 1.0, 3), []
    errors.append(2 * x[0])
    errors.append(w.sum() * x[1])
    return np.sum(np.stack(errors) ** 2), {"w": w, "x": x}


@pytest.mark.parametrize("n", mostly_thorough([2, 5]))
@pytest.mark.parametrize(
    "case",
    [mean_of_an_input, scaled_input, part_in_a_variable, known_entries, added_to_a_list, positions_one_by_one],
    ids=lambda f: f.__name__,
)
def test_data_from_which_a_constant_was_computed_cannot_be_changed(case, n):
    L, names = case(n)
    picture = draw(L, names=names)
    page = live(picture.scene, picture.chain, [], None, 0.1)
    assert [leaf["name"] for leaf in json.loads(page.data)["leaves"]] == ["w"]
    fixed = ", ".join(i.name for i in picture.scene.items if i.kind == "input")
    expected = f"{fixed} cannot be changed here: something that the recording does not show was computed from"
    assert [note.startswith(expected) for note in page.notes] == [True] * bool(fixed)  # a small array has no box


def test_an_operand_that_the_line_computes_follows_its_data():
    L, names = outer_in_the_line(2)
    picture = draw(L, names=names)
    page = live(picture.scene, picture.chain, [], None, 0.1)
    assert {leaf["name"] for leaf in json.loads(page.data)["leaves"]} == {"w", "x"}


def given_array(n):
    w, x, y, count, lam = leaf(n), np.linspace(0.0, 1.0, n), 2.0, 4, 0.1
    return (np.sum(w * x) - y) ** 2 / count + lam * np.sum(w * w), locals()


def counted(n):
    w, x = leaf(n), np.linspace(0.0, 1.0, n)
    count, size, ones = len(x), w.shape[0] + np.size(x), np.ones_like(x)
    return np.sum(w * x - ones) / count / size, locals()


def array_in_the_line(n):
    w = leaf(n)
    return np.sum(w * np.linspace(0.0, 1.0, 20)[:n] * np.array([2.0])), {}


def computed_from_a_named_array(n):
    w, t = leaf(n), np.linspace(0.0, 1.0, n)
    return np.sum(w * (1 - t)), locals()


def of_data_outside_the_graph(n):
    w, x = leaf(3), (DATA - DATA.mean(axis=0)) / DATA.std(axis=0)
    return np.sum((x @ w - TARGET) ** 2) / n, locals()


def of_arguments(n, w=None, x=DATA):
    w = leaf(3)
    return np.sum((x @ w) ** 2) / n, locals()


def of_labels(n):
    w, x, y = leaf(3), DATA, np.arange(len(DATA)) % 2
    return np.sum(ag.set_at(x * w, (np.arange(len(x)), y), 0) ** 2) / n, {"w": w, "x": x, "y": y}


def sequence(n):
    w, x, h = leaf(3), DATA, 0.0
    for t in range(2):
        h = np.tanh(np.sum(x[t] * w) + h)
    return h / n, {"w": w, "x": x}


def of_a_state_in_a_formula(n):
    w, x, h, L = leaf(n), np.linspace(0.5, 1.0, n), 1.0, 0.0
    for _ in range(3):
        p = w.sum() + 0.1 * h
        h = h * p
        L = L + h * np.sum(w * x)
    return L, {"w": w, "x": x}


def of_loops_in_a_loop(n):
    w, x = leaf(n), np.linspace(0.0, 1.0, n)
    L = 0.0
    for q in x:
        p, h = w, 0.0
        while p.sum() < 5:
            p = 2 * p
        for _ in range(2):
            h = np.tanh(w + h)
        L = L + np.sum((p + h - q) ** 2)
    return L, {"w": w, "x": x}


def of_calls_in_a_loop(n):
    w, x = leaf(n), np.linspace(0.0, 1.0, n)
    L, pairs, rates = 0.0, [[0, 1], [1, 2]], {"slow": w[0], "fast": w[1]}
    for q in x:
        d = np.linalg.norm(w - q)
        L = L + (d - q) ** 2 + rates["slow"] * np.exp(-rates["fast"] * q)
    return L + sum(np.linalg.norm(w[pair]) for pair in pairs), {"w": w, "x": x}


@pytest.mark.parametrize("n", mostly_thorough([3, 5]))
@pytest.mark.parametrize(
    "case",
    [
        given_array, counted, array_in_the_line, computed_from_a_named_array, of_data_outside_the_graph,
        of_arguments, of_labels, sequence, of_loops_in_a_loop,
        of_a_state_in_a_formula, of_calls_in_a_loop,
    ],
    ids=lambda f: f.__name__,
)  # fmt: skip
def test_given_data_keeps_a_page_computing(case, n):
    L, names = case(n)
    assert reason(L, names) == ""
    if "x" in names:
        picture = draw(L, names=names)
        assert "cannot be changed" not in str(live(picture.scene, picture.chain, [], None, 0.1).notes)


@pytest.mark.parametrize("n", mostly_thorough([3, 5]))
@pytest.mark.parametrize("name", ["leaky_relu", "elu", "selu", "celu", "hardtanh", "softshrink", "gelu", "silu"])
def test_an_activation_follows_or_the_page_is_still(name, n):
    """What its program gives at other numbers is checked where it computes, in the graph that it is written from."""
    f = getattr(F, name)
    w = leaf(n)
    L = np.sum(f(w) * np.arange(1.0, n + 1.0))
    try:
        steps = program(Chain(Program.of(L)), []).steps
    except NoForm:
        return
    other = -w.numpy() * 3
    (start,) = [v for v, word in steps.names.items() if word == "w"]
    value = steps.program.run({v: steps.values[v] for v in steps.program.captured} | {start: other})[steps.root]
    np.testing.assert_allclose(value, np.sum(f(ag.tensor(other)).numpy() * np.arange(1.0, n + 1.0)), rtol=1e-12)


def test_classes_of_positions():
    w, t = leaf(3), np.array([0, 2])
    picked = w[t]
    assert reason(np.sum(picked**2), {"w": w, "t": t}) == ""
    assert reason(np.sum(w[[0, 2]] ** 2 + w[1:]), {"w": w}) == ""
    assert "uses positions in test_still.py" in reason(np.sum(w[np.argsort(w.numpy())] * t[0]), {"w": w, "t": t})
    assert "uses positions in test_still.py" in reason(np.sum(np.sort(w) * np.arange(3.0)), {"w": w})


def test_without_source_a_variable_is_not_known_to_be_given():
    space = {"np": np, "ag": ag, "leaf": leaf}
    exec("w, x = leaf(3), np.ones(3)\nL = np.sum(w * x)", space)
    assert "may have been computed" in reason(space["L"], {"x": space["x"]})


def test_what_a_trace_has_recorded_follows():
    def f(z):
        mu = np.mean(z)
        return np.sum(np.where(z > mu, z - mu, 0.1 * z))

    picture = draw(f, np.linspace(-1.0, 2.0, 5))
    assert live(picture.scene, picture.chain, [], None, 0.1).notes == ()


@pytest.mark.parametrize(
    "f", [lambda a: np.linalg.eigvalsh(a + a.T)[-1], lambda a: np.sum(np.linalg.svd(a)[1] ** 3),
          lambda a: np.sum(np.linalg.lstsq(a, np.arange(3.0), rcond=None)[0])],
)  # fmt: skip
def test_values_without_vectors_follow(f):
    assert reason(f, None, np.eye(3, 2) if "lstsq" in f.__code__.co_names else np.eye(3)) == ""


def test_the_signs_of_vectors_are_no_ones():
    assert "signs are arbitrary" in reason(lambda a: np.linalg.eigh(a)[1][0, 0], None, np.diag([1.0, 2, 3]))


def test_random_numbers_stay_as_drawn():
    ag.manual_seed(0)
    w = leaf(6)
    assert reason(np.sum(F.dropout(w, 0.5)), {"w": w}) == ""
    assert "rrelu uses" in reason(np.sum(F.rrelu(w, training=True)), {"w": w})


def test_labels_from_which_a_mask_was_computed_are_shown_as_they_are():
    def hinge(W, X, labels):
        scores, idx = X @ W, np.arange(len(X))
        keep = np.ones(scores.shape)
        keep[idx, labels] = 0
        return np.sum(np.maximum(0, 1 + scores - scores[idx, labels][:, None]) * keep)

    page = ag.trace(hinge, np.ones((2, 3)), np.ones((4, 2)), np.array([0, 2, 1, 1])).draw().html(live=True)
    data = json.loads(re.search(r'id="live-data">(.*?)</script>', page, re.DOTALL)[1])
    offered = {leaf["name"] for leaf in data["leaves"]}
    inputs = {item["name"]: item["value"] for item in data["items"] if item["name"] in ("W", "X", "labels", "keep")}
    assert inputs == {"W": True, "X": True, "labels": False, "keep": False}
    assert offered == {"W", "X"}
    assert "labels cannot be changed here" in page


@pytest.mark.parametrize(
    ("body", "tests"),
    [
        ("L = np.sum((X @ w) ** 2)\nif L > 1:\n    L = np.log(L)", "L > 1"),
        ("L = X @ w if X.sum() > 0 else w @ w", "X.sum() > 0"),
        ("L = w @ w\nwhile L > 0.01:\n    L = L / 2", "L > 0.01"),
        ("L = w @ w\nif len(X) > 1 and X.ndim == 1:\n    L = 2 * L", ""),
        ("L = w @ w\nif L > 1:\n    print('large')", ""),
    ],
)  # fmt: skip
def test_a_branch_by_numbers_is_named(body, tests):
    names = Learner({"w": np.array([1.0, 0.5])}, {"X": np.array([2.0, -1.0])}, body).script()
    picture = draw(names["L"], names={word: names[word] for word in ("w", "X", "L")})
    notes = live(picture.scene, picture.chain, [], None, 0.1).notes
    expected = f"The page keeps the branches that were taken, whatever the numbers: {tests}."
    assert list(notes) == [expected] * bool(tests)


@pytest.mark.parametrize("is_used", [True, False])
def test_an_array_computed_from_labels_is_kept_where_these_are_used_too(is_used, tmp_path):
    lines = [
        "import numpy as np, autograd_lite as ag",
        "W, X = ag.tensor(np.full((2, 3), 0.1), requires_grad=True), np.arange(8.0).reshape(4, 2) / 4",
        "y = np.array([0, 2, 1, 1])", "Y = np.eye(3)[y]", "P = np.exp(X @ W)", "L = np.sum((P - Y) ** 2)",
        *["L = L - np.mean(np.log(P[np.arange(4), y]))"] * is_used, "page = ag.draw(L).html(live=True)",
    ]  # fmt: skip
    (tmp_path / "script.py").write_text("\n".join(lines), encoding="utf-8")
    page = runpy.run_path(str(tmp_path / "script.py"))["page"]
    data = json.loads(re.search(r'id="live-data">(.*?)</script>', page, re.DOTALL)[1])
    assert {leaf["name"] for leaf in data["leaves"]} == {"W", "X", *([] if is_used else ["Y"])}
    assert ("Y cannot be changed here: it was computed from y, which is fixed." in page) == is_used


def test_labels_in_a_list_have_the_name_of_the_argument_and_a_share_says_that_it_is_one():
    def f(W, labels):
        L = 0.0
        for k in labels:
            x = np.zeros(3)
            x[k] = 1
            L = L + np.sum(np.tanh(W @ x))
        return L

    picture = ag.trace(f, np.ones((2, 3)), [0, 2]).draw()
    notes = live(picture.scene, picture.chain, [], None, 0.1).notes
    assert any(note.startswith("labels cannot be changed here: the function chooses") for note in notes)
    assert [x.share for x in picture.scene.lines if x.symbol == "dL/dW"] == ["one of 2 shares"] * 2


def test_a_page_does_not_take_a_matrix_that_can_be_changed_for_a_symmetric_one():
    S, x = np.array([[2.0, 1.0], [1.0, 3.0]]), ag.tensor([1.0, -0.5], requires_grad=True, name="x")
    L = 0.5 * x @ S @ x
    assert "dL/dx = S @ x " in str(L.explain(x, names={"S": S}))
    assert "= ½ (S + Sᵀ) x" in ag.frames(L, wrt=x, names={"S": S, "x": x}).captions[-1]
    a = ag.tensor(1.3, requires_grad=True, name="a")
    L = np.log(np.linalg.det(a * S + np.eye(2)))
    assert any(line.source().endswith("⁻ᵀ") for line in draw(L, names={"S": S, "a": a}).scene.lines)


@pytest.mark.parametrize("is_changed", [True, False])
def test_entries_of_a_list_of_tensors_are_no_numbers(is_changed, tmp_path):
    lines = [
        "import numpy as np, autograd_lite as ag", "a = ag.tensor([0.5, -0.2], requires_grad=True, name='a')",
        "rows = {'cat': np.array([0.5, 1.2]), 'dog': np.array([0.1, 0.9])}",
        "d = {k: np.tanh(x @ a) for k, x in rows.items()}", *["d['cat'] = float(np.sum(a.numpy()))"] * is_changed,
        "loss = 0.0", "for k in rows:", "    loss += d[k]", "page = ag.draw(loss).html(live=True)",
    ]  # fmt: skip
    (tmp_path / "script.py").write_text("\n".join(lines), encoding="utf-8")
    page = runpy.run_path(str(tmp_path / "script.py"))["page"]
    assert ("that may have been computed from the numbers" in page) == is_changed


def test_a_page_says_where_a_formula_holds_that_other_labels_may_break():
    S = ag.tensor(np.linspace(-1.0, 2.0, 12).reshape(4, 3) ** 2, requires_grad=True, name="S")
    Y = np.array([[1.0, 0, 0], [0, 0, 1.0], [0.1, 0.8, 0.1], [0, 1, 0]])  # on the page its rows may sum to 2
    L = -np.sum(Y * (S - np.log(np.sum(np.exp(S), axis=1, keepdims=True)))) / 4
    page = draw(L, names={"Y": Y, "S": S}).html(live=True)
    assert "where Σⱼ Yⱼ = 1" in re.findall("<small>(.*?)</small>", page)
