"""Sums over the steps of a loop beside a state: which numbers the steps have, and what a line says of them."""

from __future__ import annotations

import runpy

import numpy as np
import pytest

import autograd_lite as ag


def explained(derivation):
    return " ".join(str(derivation).split())


def crf(E, T, tags):
    score, alpha = E[0, tags[0]], E[0]
    for t in range(1, len(tags)):
        score = score + T[tags[t - 1], tags[t]] + E[t, tags[t]]
        alpha = np.log(np.sum(np.exp(alpha[:, None] + T), axis=0)) + E[t]
    return np.log(np.sum(np.exp(alpha))) - score


@pytest.mark.parametrize("n", [3, 5])
def test_what_is_added_up_has_the_numbers_of_the_state(n):
    rng = np.random.default_rng(0)
    args = rng.normal(size=(n, 2)), rng.normal(size=(2, 2)), np.array([0, 1, 1, 0, 1])[:n]
    text = explained(ag.trace(crf, *args).explain())
    assert "score = Σₜ E[t, tags[t]] + Σₜ T[tags[t-1], tags[t]] 1 " in text
    assert f"; t = 0 … {n - 1}, with T t = 1 … {n - 1}" in text
    line = text[text.index("dL/dEₖⱼ ="):]
    assert line.startswith("dL/dEₖⱼ = dL/dαₖⱼ - 1[tags[k] = j] since αₜ = logsumexpᵢ(aₜ) + E[t], α0 = E[0], ")
    assert f"; t = 1 … {n - 1} = " in line


def test_a_line_of_rows_does_not_name_the_steps_of_another():
    def list_mle(scores):
        nll = 0.0
        for k in range(3):
            rest = scores[k:]
            nll = nll + np.log(np.sum(np.exp(rest))) - scores[k]
        return nll

    text = explained(ag.trace(list_mle, np.array([0.4, -0.3, 0.2, 0.1])).explain())
    assert "restₖ = scores[k:] k = 0 … 2 nll = Σₖ (logsumexp(restₖ) - scores[k]) 1" in text
    assert "dnll/dscoresᵢ = Σₖ 1[i ≥ k] dnll/drestₖ[i-k]" in text


@pytest.mark.parametrize("word", ["sites", "i_of"])
def test_a_counter_is_no_letter_of_another_name(word, tmp_path):
    path = tmp_path / "lesson.py"
    path.write_text(f"""
import numpy as np
import autograd_lite as ag
{word} = np.array([[0, 1], [2, 0], [1, 1]])
S = ag.tensor(np.eye(2, 3) * 0.1, requires_grad=True)
total = 0
for i in range(3):
    total = total + np.sum(S[np.arange(2), {word}[i]])
text = str(total.explain(S))
""")
    text = explained(runpy.run_path(str(path))["text"])
    assert f"Given {word} (3x2), S (2x3)" in text
    assert f"total = Σₖ Σ S[i, {word}[k]ᵢ]" in text


def test_labels_in_a_loop_whose_state_begins_with_zeros_are_those_of_their_rounds():
    def learned(rate, actions, rewards):
        Q, loss = np.zeros(2), 0.0
        for t in range(4):
            delta = rewards[t] - Q[actions[t]]
            loss = loss + delta**2
            Q = Q + rate * delta * np.eye(2)[actions[t]]
        return loss

    def moved(rate, Q0, states, rewards):
        Q, loss = Q0, 0.0
        for t in range(3):
            s, s2 = states[t], states[t + 1]
            delta = rewards[t] + np.max(Q[s2]) - Q[s, 0]
            loss = loss + delta**2
            Q = Q + rate * delta
        return loss

    actions, rewards = np.array([0, 1, 1, 0]), np.array([1.0, 0.0, 1.0, 1.0])
    text = explained(ag.trace(learned, 0.3, actions, rewards).explain(["rate"]))
    assert "δₜ = rewards[t-1] - Qₜ₋₁[actions[t-1]] 1 t = 1 … 4" in text
    assert "Qₜ = Qₜ₋₁ + rate δₜ onehot(actions[t-1]) 2 t = 1 … 3" in text
    Q0 = np.arange(4.0).reshape(2, 2)
    text = explained(ag.trace(moved, 0.3, Q0, np.array([0, 1, 0, 1]), rewards).explain(["rate"]))
    assert "aₜ = Qₜ₋₁[states[t]] 2 t = 1 … 3" in text


def test_what_each_round_computes_of_the_same_values_is_one_step():
    def crank(kappa, u, A):
        for _ in range(3):
            u = np.linalg.solve(np.eye(3) + kappa * A, (np.eye(3) - kappa * A) @ u)
        return u @ u

    A = np.array([[2.0, -1.0, 0.0], [-1.0, 2.0, -1.0], [0.0, -1.0, 2.0]])
    text = explained(ag.trace(crank, 0.1, np.array([0.2, 1.0, 0.5]), A).explain(["kappa"]))
    assert "c = I + κ A 3x3" in text
    assert "uₜ = c⁻¹ @ hₜ" in text


def test_the_first_round_of_a_script_has_the_norm_of_the_others(tmp_path):
    path = tmp_path / "lesson.py"
    path.write_text("""
import numpy as np
import autograd_lite as ag
k = ag.tensor(2.0, requires_grad=True)
pos, vel, loss = np.array([1.0, -0.5]), np.zeros(2), 0.0
for n in range(3):
    r = np.linalg.norm(pos)
    vel = vel - 0.1 * k * (r - 1) * pos / r
    pos = pos + 0.1 * vel
    loss = loss + np.sum(pos**2)
text = str(loss.explain(k))
""")
    assert "rₜ = ‖posₜ₋₁‖ 1 t = 1 … 3" in explained(runpy.run_path(str(path))["text"])
