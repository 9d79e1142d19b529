"""Compiled programs do not depend on the process: neither on how fast its kernels are nor on its hashes."""

import os
import subprocess
import sys

WORKLOADS = """
import numpy as np
import autograd_lite as ag
from autograd_lite import nn, optim
from autograd_lite.nn import functional as F

A = lambda *shape: np.random.default_rng(0).normal(size=shape)


def training(net, optimizer, x, y):
    @ag.jit
    def step(x, y):
        optimizer.zero_grad()
        loss = F.cross_entropy(net(x), y)
        loss.backward()
        optimizer.step()
        return loss

    step(x, y)
    return step


def called(f, *args, **options):
    f = ag.jit(f, **options)
    f(*args)
    return f


def steps():
    ag.manual_seed(0)
    W, x = A(400, 200) / 20, A(64, 784)
    yield called(ag.hvp(lambda v: np.sum(np.tanh(W @ v) ** 2)), A(200), A(200))
    yield called(lambda X, a, b: np.sin(X @ a) + X @ b, A(784, 400), A(400), A(400))
    yield called(lambda a, b: a @ b, A(256, 512), A(512, 256))
    yield called(lambda a, b: a @ b.T, A(4, 4096), A(5, 4096))
    yield called(ag.grad(lambda x: np.sum(np.sin(x) * np.cos(x))), A(20_000), fast=True)
    deep = nn.Sequential(nn.Linear(784, 256), nn.BatchNorm1d(256), nn.ReLU(), nn.Dropout(0.5), nn.Linear(256, 10))
    yield training(deep, optim.Adam(deep.parameters(), lr=0.01), x, np.arange(64) % 10)
    small = nn.Sequential(nn.Conv2d(1, 4, 5), nn.MaxPool2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(576, 10))
    yield training(small, optim.SGD(small.parameters(), lr=0.01, momentum=0.9), A(8, 1, 28, 28), np.arange(8))
    tiny = nn.Sequential(nn.Linear(3, 2), nn.Tanh(), nn.Linear(2, 2))
    yield training(tiny, optim.AdamW(tiny.parameters(), lr=0.01), A(4, 3), np.arange(4) % 2)


for step in steps():
    print(step.source)
    print(step.explain_plan())
"""


def test_two_processes_compile_the_same_text():
    """One of them with the kernels of a processor without AVX, which are faster on other shapes."""
    settings = {"PYTHONHASHSEED": "1"}, {"PYTHONHASHSEED": "2", "OPENBLAS_CORETYPE": "Nehalem"}
    call = [sys.executable, "-c", WORKLOADS]
    commands = [subprocess.Popen(call, env={**os.environ, **s}, stdout=subprocess.PIPE, text=True) for s in settings]
    one, other = (command.communicate()[0] for command in commands)
    assert all(command.returncode == 0 for command in commands)
    assert one.count("def with_buffers") == 8
    assert one == other
