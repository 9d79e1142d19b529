"""A resumed run has the numbers of one that was not interrupted; a checkpoint that does not fit changes nothing."""

from __future__ import annotations

import numpy as np
import pytest
from learner import Line, Script, X, Y, mean_square, press, sgd, teach

import autograd_lite as ag
from autograd_lite import data, optim, training
from autograd_lite.optim import lr_scheduler
from autograd_lite.training import fit


def parts(seed=1, **shuffling):
    """A run that depends on all there is: noise, momentum, schedules by batch and epoch, shuffling, a buffer."""
    ag.manual_seed(seed)
    model = Line(noise=0.1)
    opt = optim.AdamW(model.parameters(), lr=0.05)
    callbacks = [
        training.Schedule(lr_scheduler.OneCycleLR(opt, 0.1, total_steps=30), every="batch"),
        training.EarlyStopping(patience=4, restore_best=False),
    ]
    loader = data.DataLoader((X, Y), 8, shuffle=True, **shuffling)
    return (model, loader, mean_square, opt), {"callbacks": callbacks, "validation": (X[:9], Y[:9])}


def same_run(a, b):
    (model_a, _, _, opt_a), history_a = a
    (model_b, _, _, opt_b), history_b = b
    assert history_a.rows == history_b.rows
    np.testing.assert_equal(model_a.state_dict(), model_b.state_dict())
    np.testing.assert_equal(opt_a.state_dict(), opt_b.state_dict())


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
@pytest.mark.parametrize("shuffling", [{}, {"generator": 3}], ids=["library", "own"])
def test_a_resumed_run_has_the_numbers_of_one_that_was_not_interrupted(tmp_path, suffix, shuffling):
    if suffix == ".safetensors":
        pytest.importorskip("safetensors")
    path = tmp_path / f"run{suffix}"
    whole, options = parts(**shuffling)
    want = fit(*whole, epochs=6, **options)

    first, options = parts(**shuffling)
    assert fit(*first, epochs=9, checkpoint=path, **{**options, "callbacks": [*options["callbacks"], press(at=17)]})
    assert ag.load(path)["epoch"] == 3  # the interrupted epoch is begun again

    second, options = parts(seed=99, **shuffling)
    history = fit(*second, epochs=6, resume=path, checkpoint=path, **{
        **options, "callbacks": [*options["callbacks"], training.Callback()],
    })  # fmt: skip
    same_run((whole, want), (second, history))
    third, options = parts(seed=98, **shuffling)
    options["callbacks"].append(training.Callback())
    assert fit(*third, epochs=6, resume=path, **options).rows == want.rows  # nothing is left to do
    np.testing.assert_equal(third[0].state_dict(), whole[0].state_dict())


def test_a_run_that_had_stopped_early_does_not_go_on(tmp_path):
    path = tmp_path / "run.npz"
    model = Line()
    script, stopping = Script(1.0, 2.0, 2.0, 2.0), training.EarlyStopping(patience=1)
    teach(model, epochs=4, callbacks=[script, stopping], checkpoint=path)
    again = Line()
    history = teach(again, epochs=4, callbacks=[script, training.EarlyStopping(patience=1)], resume=path)
    assert len(history) == 2
    assert again.b.item() == 1.0  # the best


def test_a_checkpoint_that_does_not_fit_changes_nothing(tmp_path):
    path = tmp_path / "run.npz"
    args, options = parts()
    fit(*args, epochs=1, checkpoint=path, **options)
    good = ag.load(path)

    def attempt(change, message):
        bad = {**good}
        change(bad)
        ag.save(bad, path)
        args, options = parts(seed=5)
        state = [args[0].state_dict(), args[3].state_dict(), ag.generator.get_rng_state()]
        with pytest.raises(ValueError, match=message):
            fit(*args, epochs=3, resume=path, **options)
        np.testing.assert_equal([args[0].state_dict(), args[3].state_dict(), ag.generator.get_rng_state()], state)

    attempt(lambda bad: bad.pop("kind"), "is no checkpoint of a run")
    attempt(lambda bad: bad.pop("history"), "cannot go on from .*history")
    attempt(lambda bad: bad.update(callbacks=[]), "0 callbacks, this run 2")
    attempt(lambda bad: bad.update(model={**bad["model"], "W": np.zeros((2, 1))}), r"W has shape \(2, 1\)")
    attempt(lambda bad: bad.update(optimizer=sgd(Line()).state_dict()), "another kind of optimiser")
    attempt(lambda bad: bad.update(random={"bit_generator": "none"}), "cannot go on")
    attempt(lambda bad: bad.update(loaders=[{}, None]), "generators of their own")
    ag.save(Line(), path)
    with pytest.raises(ValueError, match="weights alone"):
        teach(Line(), resume=path)
    with pytest.raises(FileNotFoundError):
        teach(Line(), resume=tmp_path / "nothing.npz")
