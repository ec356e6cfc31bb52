"""The device is chosen once and said in one line."""

import importlib
import logging
import types

import numpy as np

from linumpy.compute import device


def test_no_gpu_is_said_and_the_cpu_taken(monkeypatch, caplog):
    "Without a GPU library the processor is used, and one line says so."

    def no_module(name):
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", no_module)
    with caplog.at_level(logging.INFO, logger="linumpy.compute.device"):
        chosen = device.pick(use_gpu=True)
    assert chosen is device.CPU
    assert caplog.messages == ["no GPU found: computing on the CPU"]


def test_not_wanted_is_not_tried(monkeypatch):
    "--no-use_gpu imports no GPU library."
    monkeypatch.setattr(importlib, "import_module", lambda _name: 1 / 0)
    assert not device.pick(use_gpu=False).is_gpu


def test_a_gpu_is_taken_and_named(monkeypatch, caplog):
    "Where CuPy finds a device, arrays go there and back through it."
    runtime = types.SimpleNamespace(
        getDeviceCount=lambda: 1, getDeviceProperties=lambda _: {"name": b"Card"}
    )
    cupy = types.SimpleNamespace(
        cuda=types.SimpleNamespace(runtime=runtime), asarray=np.asarray, asnumpy=np.asarray
    )
    monkeypatch.setattr(importlib, "import_module", lambda _name: cupy)
    with caplog.at_level(logging.INFO, logger="linumpy.compute.device"):
        chosen = device.pick(use_gpu=True)
    assert chosen.is_gpu
    assert "Card" in caplog.text
    np.testing.assert_array_equal(chosen.get(chosen.put(np.ones(2, np.float32))), 1)
