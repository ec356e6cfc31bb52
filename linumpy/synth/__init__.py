"""Simulated acquisitions whose truth is known.

`scene` is the anatomy, `brain` and `phantoms` make one; `rig` and `faults` say how it is imaged;
`truth` draws every number; `acquire` renders raw tiles; `reference` is the volume to compare with;
`presets` names whole acquisitions. See docs/simulator.md.
"""

from linumpy.synth.acquire import SimulatedSlice, SimulatedTile, render, simulate
from linumpy.synth.brain import brain
from linumpy.synth.faults import DAMAGE_KINDS, Faults
from linumpy.synth.phantoms import layers, vessels
from linumpy.synth.presets import PRESETS, SWEEP, Preset, preset
from linumpy.synth.reference import reference_volume
from linumpy.synth.rig import Rig
from linumpy.synth.scene import Scene, from_array
from linumpy.synth.truth import SliceTruth, Truth, plan
from linumpy.synth.truth_file import plan_like, to_json

__all__ = [
    "DAMAGE_KINDS",
    "PRESETS",
    "SWEEP",
    "Faults",
    "Preset",
    "Rig",
    "Scene",
    "SimulatedSlice",
    "SimulatedTile",
    "SliceTruth",
    "Truth",
    "brain",
    "from_array",
    "layers",
    "plan",
    "plan_like",
    "preset",
    "reference_volume",
    "render",
    "simulate",
    "to_json",
    "vessels",
]
