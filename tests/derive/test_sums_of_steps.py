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
    assert "Σₖ scores[k] + Σₖ logsumexp(restₖ)" in text
    line = text[text.index("dnll/dscoresₖ =") :]
    assert "; terms beyond the ends are 0 =" in line
    assert "k = 0 … 2" not in line


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
