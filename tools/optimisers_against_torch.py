"""Compare each optimiser, each schedule and each pair of schedules with PyTorch's, over 50 steps.

Parameters, states, rates and momenta are compared.

PyTorch must be installed::

    python tools/optimisers_against_torch.py

It prints each difference, and the counts at the end. The state of an optimiser is compared by name, and a run that is
resumed from PyTorch's state after 25 steps must agree too.

Of the pairs it omits what PyTorch gets wrong: the first rate of a CyclicLR that is not the first schedule of its
optimiser; and several of OneCycleLR and CyclicLR, because PyTorch keeps their corners in the group, where the last one
wins. It compares no list of schedules within a SequentialLR: PyTorch starts it wrongly (an ExponentialLR in it takes a
step at once), or raises an error.
"""

from __future__ import annotations

import warnings
from itertools import product
from typing import Any

import numpy as np
import torch

import autograd_lite as ag
from autograd_lite import optim

STEPS = 50
rng = np.random.default_rng(0)
START = [rng.normal(size=(3, 2)), np.array(0.5)]
GRADIENTS = [[rng.normal(size=(3, 2)), np.array(rng.normal())] for _ in range(STEPS)]

SCALES: dict[str, Any] = {"weight_decay": 0.1, "maximize": True, "lr": 0.03}
DECOUPLED: dict[str, Any] = {"weight_decay": 0.1, "decoupled_weight_decay": True}
OPTIMISERS: dict[str, list[dict[str, Any]]] = {
    "SGD": [{"momentum": 0.9}, {"momentum": 0.9, "nesterov": True}, {"momentum": 0.9, "dampening": 0.4}],
    "Adam": [{"amsgrad": True}, {"betas": (0.5, 0.6), "eps": 0.1}, DECOUPLED],
    "AdamW": [{"amsgrad": True}],
    "NAdam": [{"momentum_decay": 0.3}, DECOUPLED],
    "RAdam": [{"betas": (0.5, 0.6), "eps": 0.1}, {"betas": (0.9, 0.9)}, DECOUPLED],
    "Adamax": [{"betas": (0.5, 0.6), "eps": 0.1}],
    "RMSprop": [{"alpha": 0.6, "centered": True}, {"momentum": 0.9, "eps": 0.1}],
    "Adagrad": [{"lr_decay": 0.5}, {"initial_accumulator_value": 2.0, "eps": 0.1}],
    "Adadelta": [{"rho": 0.6, "eps": 0.01}],
    "ASGD": [{"t0": 10, "lambd": 0.1, "alpha": 0.5}],
    "Rprop": [{"etas": (0.4, 1.5), "step_sizes": (1e-2, 0.1)}],
}
SCHEDULES: dict[str, Any] = {
    "LambdaLR": lambda S, o: S.LambdaLR(o, [lambda t: 0.9**t, lambda t: 1 / (1 + t)]),
    "MultiplicativeLR": lambda S, o: S.MultiplicativeLR(o, lambda t: 1 - 0.5 / (t + 1)),
    "StepLR": lambda S, o: S.StepLR(o, 7, 0.5),
    "MultiStepLR": lambda S, o: S.MultiStepLR(o, [3, 9, 9, 30], 0.5),
    "ConstantLR": lambda S, o: S.ConstantLR(o, 0.2, 6),
    "LinearLR": lambda S, o: S.LinearLR(o, 0.2, 0.7, 20),
    "ExponentialLR": lambda S, o: S.ExponentialLR(o, 0.9),
    "PolynomialLR": lambda S, o: S.PolynomialLR(o, 30, 1.7),
    "CosineAnnealingLR": lambda S, o: S.CosineAnnealingLR(o, 9, 0.01),
    "CosineAnnealingWarmRestarts": lambda S, o: S.CosineAnnealingWarmRestarts(o, 5, 2, 0.01),
    "OneCycleLR": lambda S, o: S.OneCycleLR(o, [0.4, 0.7], 60),
    "OneCycleLR, three phases": lambda S, o: S.OneCycleLR(o, 0.4, 60, anneal_strategy="linear", three_phase=True),
    "CyclicLR": lambda S, o: S.CyclicLR(o, 0.1, [0.4, 0.7], 4, 7),
    "CyclicLR, triangular2": lambda S, o: S.CyclicLR(o, 0.1, 0.4, 6, mode="triangular2"),
    "CyclicLR, exp_range": lambda S, o: S.CyclicLR(o, 0.1, 0.4, 6, mode="exp_range", gamma=0.9),
    "CyclicLR, scale_fn": lambda S, o: S.CyclicLR(o, 0.1, 0.4, 6, scale_fn=lambda x: 1 / (1 + x)),
    "SequentialLR": lambda S, o: S.SequentialLR(
        o, [S.ConstantLR(o, 0.1, 3), S.ExponentialLR(o, 0.9), S.CosineAnnealingLR(o, 9)], [5, 20]
    ),
    "ChainedScheduler": lambda S, o: S.ChainedScheduler(
        [S.ConstantLR(o, 0.1, 20), S.ExponentialLR(o, 0.9), S.CosineAnnealingLR(o, 9, 1e-3), S.PolynomialLR(o, 40)], o
    ),
    "ChainedScheduler of the others": lambda S, o: S.ChainedScheduler(
        [S.LambdaLR(o, lambda t: 0.9**t), S.StepLR(o, 5), S.MultiplicativeLR(o, lambda t: 0.99)]
    ),
}
ALONE = {name: make for name, make in SCHEDULES.items() if not name.startswith(("Sequential", "Chained"))}
PAIRS: dict[str, Any] = {
    "beside": lambda a, b: lambda S, o: [a(S, o), b(S, o)],
    "chained": lambda a, b: lambda S, o: [S.ChainedScheduler([a(S, o), b(S, o)])],
    "one after the other": lambda a, b: lambda S, o: [S.SequentialLR(o, [a(S, o), b(S, o)], [4])],
    "one after the other, beside a third": lambda a, b: lambda S, o: [
        S.SequentialLR(o, [a(S, o), b(S, o)], [4]), S.StepLR(o, 3, 0.5)
    ],
    "chained, the first in a list": lambda a, b: lambda S, o: [
        S.ChainedScheduler([S.SequentialLR(o, [a(S, o), S.ExponentialLR(o, 0.9)], [4]), b(S, o)])
    ],
    "chained, the second in a list": lambda a, b: lambda S, o: [
        S.ChainedScheduler([a(S, o), S.SequentialLR(o, [b(S, o), S.ExponentialLR(o, 0.9)], [4])])
    ],
}


def optimised(tensor: Any, package: Any, name: str, options: dict[str, Any], state: Any = None) -> Any:
    ps = [tensor(p.copy()).requires_grad_() for p in START]
    opt = getattr(package, name)(ps, **options)
    history = []
    for k, gradients in enumerate(GRADIENTS):
        if k == STEPS // 2 and state is not None:
            opt.load_state_dict(state["opt"])
            for p, data in zip(ps, state["ps"], strict=True):
                p.data = data.copy()
        for p, g in zip(ps, gradients, strict=True):
            p.grad = tensor(g)
        opt.step()
        for group in opt.param_groups:
            group["lr"] *= 0.99
        history.append([p.detach().numpy().copy() for p in ps])
        if k == STEPS // 2 - 1:
            middle = {"opt": opt.state_dict(), "ps": history[-1]}
            if tensor is not ag.tensor:  # PyTorch's state refers to its own arrays
                arrays = {i: {n: np.array(x) for n, x in s.items()} for i, s in middle["opt"]["state"].items()}
                middle["opt"] = {**middle["opt"], "state": arrays, "param_groups": [dict(opt.param_groups[0])]}
                middle["opt"]["param_groups"][0]["params"] = [0, 1]
    return history, opt.state_dict()["state"], middle


def scheduled(tensor: Any, package: Any, schedules: Any, make: Any) -> Any:
    ps = [tensor(p.copy()).requires_grad_() for p in START]
    opt = package.SGD([{"params": ps[0]}, {"params": ps[1], "lr": 0.3}], lr=0.5, momentum=0.7)
    listed = make(schedules, opt)
    listed = listed if isinstance(listed, list) else [listed]
    found = []
    for _ in range(STEPS):
        opt.step()
        found.append([(g["lr"], g["momentum"]) for g in opt.param_groups])
        for schedule in listed:
            schedule.step()
    return np.array(found)


def agree(a: Any, b: Any) -> bool:
    return all(np.allclose(x, y, rtol=1e-9, atol=1e-12) for x, y in zip(a, b, strict=True))


def main() -> None:
    warnings.simplefilter("ignore")
    torch.set_default_dtype(torch.float64)  # of the numbers in the state of NAdam and ASGD
    cases = bad = 0
    for name, more in OPTIMISERS.items():
        plain = dict(SCALES) if name != "Rprop" else {"maximize": True}
        for options in ({}, plain, *more, *({**plain, **o} for o in more)):
            ours = optimised(ag.tensor, optim, name, options)
            theirs = optimised(torch.tensor, torch.optim, name, options)
            resumed = optimised(ag.tensor, optim, name, options, theirs[2])
            found = {
                "parameters": all(map(agree, ours[0], theirs[0])),
                "resumed": all(map(agree, resumed[0], theirs[0])),
                # Two of PyTorch's optimisers count steps unnecessarily.
                "names of states": {"step", *ours[1].get(0, ())} == {"step", *theirs[1].get(0, ())},
            }
            for k, s in theirs[1].items():
                mine = {n: x if np.ndim(x) else np.ravel(x) for n, x in ours[1][k].items()}
                found["states"] = agree([mine[n] for n in s if n in mine], [np.array(s[n]) for n in s if n in mine])
            cases, bad = cases + 1, bad + (not all(found.values()))
            if not all(found.values()):
                print(f"{name}({options}): {', '.join(k for k, ok in found.items() if not ok)} differ")
                print("    ", sorted(ours[1].get(0, ())), "PyTorch", sorted(theirs[1].get(0, ())))
    makers = {name: (make, 0) for name, make in SCHEDULES.items()}
    for how, pair in PAIRS.items():
        for (a, first), (b, second) in product(ALONE.items(), repeat=2):
            if not (a.startswith(("OneCycle", "Cyclic")) and b.startswith(("OneCycle", "Cyclic"))):
                makers[f"{how}: {a}, {b}"] = pair(first, second), int(b.startswith("Cyclic"))
    for name, (make, start) in makers.items():
        mine = scheduled(ag.tensor, optim, optim.lr_scheduler, make)[start:]
        theirs = scheduled(torch.tensor, torch.optim, torch.optim.lr_scheduler, make)[start:]
        cases += 1
        wrong = np.nonzero(~np.isclose(mine, theirs, rtol=1e-9, atol=1e-12).all(axis=(1, 2)))[0]
        if wrong.size:
            bad += 1
            t = wrong[0]
            print(f"{name}: at epoch {t + start} {mine[t].tolist()}, PyTorch {theirs[t].tolist()}")
    print(f"{cases} cases of {STEPS} steps, {bad} differ")
    theirs = {n for n in dir(torch.optim) if isinstance(getattr(torch.optim, n), type)}
    theirs |= {n for n in dir(torch.optim.lr_scheduler) if n.endswith("LR") or n == "ChainedScheduler"}
    print("not here:", *sorted(n for n in theirs if not hasattr(optim, n) and not hasattr(optim.lr_scheduler, n)))


if __name__ == "__main__":
    main()
