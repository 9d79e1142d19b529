"""A resumed run has the numbers of one that was not interrupted; a checkpoint that does not fit changes nothing."""

from __future__ import annotations

import numpy as np
import pytest
from learner import Line, Script, X, Y, mean_square, sgd, train

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
def test_a_resumed_run_has_the_numbers_of_one_that_was_not_interrupted(tmp_path, suffix, shuffling, press):
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
    })
    same_run((whole, want), (second, history))
    third, options = parts(seed=98, **shuffling)
    options["callbacks"].append(training.Callback())
    assert fit(*third, epochs=6, resume=path, **options).rows == want.rows  # nothing is left to do
    np.testing.assert_equal(third[0].state_dict(), whole[0].state_dict())


def test_a_run_that_had_stopped_early_does_not_go_on(tmp_path):
    path = tmp_path / "run.npz"
    model = Line()
    script, stopping = Script(1.0, 2.0, 2.0, 2.0), training.EarlyStopping(patience=1)
    train(model, epochs=4, callbacks=[script, stopping], checkpoint=path)
    again = Line()
    history = train(again, epochs=4, callbacks=[script, training.EarlyStopping(patience=1)], resume=path)
    assert len(history) == 2
    assert again.b.item() == 1.0  # the best


def everything(args, options):
    """All that a checkpoint sets."""
    model, loader, _, opt = args
    states = [part.state_dict() for part in (model, opt, *options["callbacks"])]
    return [*states, loader.generator.bit_generator.state, ag.get_rng_state()]


def with_parameter(bad, state):
    return {**bad["optimizer"], "state": {**bad["optimizer"]["state"], 0: state}}


def with_option(bad, **options):
    (group,) = bad["optimizer"]["param_groups"]
    return {**bad["optimizer"], "param_groups": [{**group, **options}]}


CHANGES = [
    (lambda bad: bad.pop("kind"), "expected a checkpoint of a run"),
    (lambda bad: bad.pop("history"), "cannot resume from .*history"),
    (lambda bad: bad.update(callbacks=[]), "expected 2 callbacks, got 0"),
    (lambda bad: bad.update(model={**bad["model"], "W": np.zeros((2, 1))}), r"W of shape \(3, 1\), got \(2, 1\)"),
    (lambda bad: bad.update(optimizer=sgd(Line()).state_dict()), "another optimiser's state, without betas"),
    (lambda bad: bad.update(random={"bit_generator": "none"}), "cannot resume"),
    (lambda bad: bad.update(loaders=[None, None]), "with their own generators"),
    (lambda bad: bad.update(loaders=[{}, None]), "cannot resume"),
    (lambda bad: bad.update(loaders=3), "expected loaders as a list, got 3"),
    (lambda bad: bad.update(epoch=np.inf), "expected epoch as a whole number that is not negative, got inf"),
    (lambda bad: bad.update(epoch=-1), "expected epoch as a whole number that is not negative, got -1"),
    (lambda bad: bad.update(epoch=30), "it has run 30 epochs, more than epochs=3"),
    (lambda bad: bad.update(steps="many"), "expected steps as a whole number"),
    (lambda bad: bad.update(stop="no"), "expected stop as True or False"),
    (lambda bad: bad.update(history=[3]), "expected each row of the history as a dict"),
    (lambda bad: bad.update(model=[1, 2]), "expected a dict of arrays, got a list"),
    (lambda bad: bad.update(optimizer=[]), "expected an optimiser's state"),
    (lambda bad: bad.update(optimizer={**bad["optimizer"], "state": []}), "expected 'state' as a dict"),
    (lambda bad: bad.update(optimizer={**bad["optimizer"], "param_groups": 3}), "expected 'param_groups' as a list"),
    (lambda bad: bad.update(optimizer={**bad["optimizer"], "state": {9: {}}}), "state of parameter 9, but there are 2"),
    (lambda bad: bad.update(optimizer=with_parameter(bad, 3)), "expected the state of parameter 0 as a dict, got 3"),
    (lambda bad: bad.update(optimizer=with_parameter(bad, {"step": -1})), "expected a finite number"),
    (lambda bad: bad.update(optimizer=with_parameter(bad, {"step": 2.7})), "expected a whole number, got 2.7"),
    (lambda bad: bad.update(optimizer=with_parameter(bad, {"exp_avg": "x"})), "exp_avg .*: expected an array"),
    (lambda bad: bad.update(optimizer=with_option(bad, lr=-5)), "not negative, got lr=-5"),
    (lambda bad: bad.update(optimizer=with_option(bad, lr=np.nan)), "got lr=nan"),
    (lambda bad: bad.update(optimizer=with_option(bad, eps="small")), "got eps='small'"),
    (lambda bad: bad.update(optimizer=with_option(bad, betas=(0.9,))), "betas as 2 numbers"),
    (lambda bad: bad.update(callbacks=[bad["callbacks"][0], {}]), "number 'best'"),
    (lambda bad: bad.update(callbacks=[bad["callbacks"][0], {**bad["callbacks"][1], "waited": -1}]), "'waited'"),
    (lambda bad: bad.update(callbacks=[3, bad["callbacks"][1]]), "OneCycleLR"),
]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    path = tmp_path_factory.mktemp("checkpoint") / "run.npz"
    args, options = parts(generator=3)
    fit(*args, epochs=1, checkpoint=path, **options)
    return path


@pytest.mark.parametrize(("change", "message"), CHANGES, ids=[message for _, message in CHANGES])
def test_a_checkpoint_that_does_not_fit_changes_nothing(checkpoint, tmp_path, change, message):
    bad, path = ag.load(checkpoint), tmp_path / "bad.npz"
    change(bad)
    ag.save(bad, path)
    args, options = parts(seed=5, generator=4)
    before = everything(args, options)
    with pytest.raises(ValueError, match=message):
        fit(*args, epochs=3, resume=path, **options)
    np.testing.assert_equal(everything(args, options), before)


class Broken(training.Callback):
    def load_state_dict(self, state_dict):
        if state_dict:
            raise ZeroDivisionError("in a callback")


@pytest.mark.parametrize("batch_first", [False, True])
def test_two_schedules_of_one_run_go_on(tmp_path, batch_first):
    def rates(epochs, **options):
        model = Line()
        opt = sgd(model)
        by_epoch = training.Schedule(lr_scheduler.StepLR(opt, 2, 0.5))
        by_batch = training.Schedule(lr_scheduler.ExponentialLR(opt, 0.9), every="batch")
        callbacks = [by_batch, by_epoch] if batch_first else [by_epoch, by_batch]
        train(model, opt, epochs=epochs, callbacks=callbacks, **options)
        return opt.param_groups[0]["lr"]

    rates(2, checkpoint=tmp_path / "run.npz")
    assert rates(5, resume=tmp_path / "run.npz") == pytest.approx(rates(5), rel=1e-12)


def test_a_callback_that_fails_changes_nothing(tmp_path):
    path = tmp_path / "run.npz"
    args, options = parts(generator=3)
    options["callbacks"].append(Broken())
    Broken.state_dict = lambda self: {"x": 1}
    fit(*args, epochs=1, checkpoint=path, **options)
    Broken.state_dict = lambda self: {}
    args, options = parts(seed=5, generator=4)
    options["callbacks"].append(Broken())
    before = everything(args, options)
    with pytest.raises(ValueError, match=r"cannot resume .* ZeroDivisionError: in a callback"):
        fit(*args, epochs=3, resume=path, **options)
    np.testing.assert_equal(everything(args, options), before)


def test_what_is_no_checkpoint(tmp_path):
    path = tmp_path / "run.npz"
    ag.save(Line(), path)
    with pytest.raises(ValueError, match="for weights write"):
        train(Line(), resume=path)
    with pytest.raises(FileNotFoundError):
        train(Line(), resume=tmp_path / "nothing.npz")
