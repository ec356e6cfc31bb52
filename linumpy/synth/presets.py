"""Named acquisitions: demo, bench, tiny, and the twelve of the sweep.

The sweep's seeds and severities were fixed before any threshold of the reconstruction; they are
not to be changed so that a threshold passes.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

from linumpy.errors import BadValue
from linumpy.synth.brain import brain
from linumpy.synth.faults import Faults
from linumpy.synth.phantoms import layers, vessels
from linumpy.synth.rig import Rig
from linumpy.synth.scene import Scene

AnatomyName = Literal["brain", "vessels", "layers"]
GENERATORS = {"brain": brain, "vessels": vessels, "layers": layers}


@dataclass(frozen=True, kw_only=True)
class Preset:
    """An acquisition that can be made again from its name.

    ``resolution_um`` is the working resolution that suits it, and the grid of its truth volume.
    """

    name: str
    what: str
    seed: int
    resolution_um: float
    rig: Rig
    anatomy: AnatomyName = "brain"
    grid: tuple[int, int] = (4, 3)
    """(columns, rows) of tiles of the first slice"""
    faults: Faults = field(default_factory=Faults)
    said_axial_um: float | None = None
    """what the user believes the axial sampling to be; None: what it is"""
    has_truth_volume: bool = True

    @property
    def reconstruct_flags(self) -> tuple[str, ...]:
        """Flags that `linum_reconstruct.py` needs for it, beside the raw folder and the output."""
        axial = self.said_axial_um or self.rig.axial_um
        return ("--axial_resolution", f"{axial:g}", "--resolution", f"{self.resolution_um:g}")

    def scene(self) -> Scene:
        """Return the anatomy; it fills the grid to its margins."""
        return make_scene(self.anatomy, self.rig, self.grid, self.seed)


def make_scene(anatomy: AnatomyName, rig: Rig, grid: tuple[int, int], seed: int) -> Scene:
    """Return a procedural anatomy as large as a grid of tiles shows, deep enough for all slices."""
    x, y = rig.extent_for(*grid)
    last = rig.z_mm(rig.ids[-1])
    z = last + rig.nz(calibration=True) * rig.axial_um / 1000
    finest_um = max(1.6 * rig.lateral_um, x * 1000 / 250)
    return GENERATORS[anatomy]((z, y, x), seed, finest_um=finest_um)


def preset(name: str) -> Preset:
    """Return the acquisition of a name.

    Raises
    ------
    BadValue
        If there is none; the message lists them.
    """
    if name not in PRESETS:
        raise BadValue(f"no preset {name!r}", hint=f"presets: {', '.join(PRESETS)}")
    return PRESETS[name]


def _demo() -> Preset:
    return Preset(
        name="demo",
        what="a small brain with one fault of each kind",
        seed=2024,
        resolution_um=25,
        rig=Rig(lateral_um=25, axial_um=6, tile_px=(64, 64), n_extra=12, ids=tuple(range(10))),
        faults=Faults(
            calibration=(0,),
            missing_tiles={1: ((0, 2),)},
            quality={2: "motion"},
            galvo={3: (23, 0.45), 5: (51, 1.7)},
            glitch={4: (0.62, -0.48)},
            missing=(6,),
            rehome={7: (-1.6, 0.0)},
            rotation_deg={8: 0.6},
            hidden_shift_um={8: (60.0, -45.0)},
        ),
    )


def _bench() -> Preset:
    return Preset(
        name="bench",
        what="2.4 GB: 6 slices of 4 × 4 tiles of 128 × 240 × 200",
        seed=7,
        resolution_um=10,
        rig=Rig(
            lateral_um=10,
            axial_um=3.5,
            tile_px=(200, 200),
            n_extra=40,
            image_depth_um=128 * 3.5 + 1,
            ids=tuple(range(6)),
        ),
        grid=(4, 4),
        has_truth_volume=False,
    )


def _tiny() -> Preset:
    return Preset(
        name="tiny",
        what="under 2 MB, for tests of the drivers",
        seed=5,
        resolution_um=50,
        rig=Rig(
            lateral_um=50,
            axial_um=10,
            tile_px=(24, 24),
            n_extra=6,
            image_depth_um=260,
            margin_mm=0.1,
            ids=tuple(range(4)),
        ),
        grid=(2, 2),
        faults=Faults(galvo={1: (11, 0.4)}, glitch={2: (0.5, -0.4)}),
    )


def _sweep(  # noqa: PLR0913  each row of the table says what is unlike the others
    number: int,
    what: str,
    rig: dict[str, Any],
    *,
    resolution_um: float,
    grid: tuple[int, int],
    anatomy: AnatomyName = "brain",
    said_axial_um: float | None = None,
    **faults: Any,
) -> Preset:
    return Preset(
        name=f"sweep-{number:02d}",
        what=what,
        seed=9100 + 37 * number,
        resolution_um=resolution_um,
        rig=Rig(**rig),
        anatomy=anatomy,
        grid=grid,
        faults=Faults(**faults),
        said_axial_um=said_axial_um,
    )


def _sweeps() -> tuple[Preset, ...]:
    return (
        _sweep(
            1,
            "no fault at all",
            {"lateral_um": 25, "axial_um": 6, "tile_px": (64, 64), "ids": tuple(range(6))},
            resolution_um=25,
            grid=(4, 3),
        ),
        _sweep(
            2,
            "motion, calibration slice",
            {"lateral_um": 50, "axial_um": 8, "tile_px": (48, 48), "ids": tuple(range(8))},
            resolution_um=50,
            grid=(4, 4),
            calibration=(0,),
            quality={4: "motion"},
            severity={4: 0.8},
        ),
        _sweep(
            3,
            "blur, stage glitch",
            {
                "lateral_um": 20,
                "axial_um": 5,
                "tile_px": (80, 80),
                "n_extra": 16,
                "ids": tuple(range(5)),
            },
            resolution_um=20,
            grid=(3, 3),
            quality={3: "blur"},
            severity={3: 0.8},
            glitch={2: (-0.70, 0.55)},
        ),
        _sweep(
            4,
            "falling stage positions, dropout, dark galvo band, no symmetry",
            {
                "lateral_um": 30,
                "axial_um": 7,
                "tile_px": (60, 50),
                "n_extra": 10,
                "stage_sign_x": -1,
                "stage_sign_y": -1,
                "stage_zero_mm": (41.3, 27.9, 5.0),
                "ids": tuple(range(8)),
            },
            resolution_um=30,
            grid=(4, 4),
            anatomy="layers",
            quality={5: "dropout"},
            severity={5: 0.7},
            galvo={2: (33, 0.4)},
        ),
        _sweep(
            5,
            "vessels, cut of 150 µm, noise, re-homing by one tile",
            {
                "lateral_um": 15,
                "axial_um": 4,
                "tile_px": (100, 100),
                "n_extra": 20,
                "slice_um": 150,
                "image_depth_um": 260,
                "ids": tuple(range(6)),
            },
            resolution_um=20,
            grid=(3, 2),
            anatomy="vessels",
            quality={2: "noise"},
            severity={2: 0.7},
            rehome={4: (1.5, 0.0)},
        ),
        _sweep(
            6,
            "cut of 400 µm, saturation, bright galvo band, calibration slice",
            {
                "lateral_um": 40,
                "axial_um": 8,
                "tile_px": (40, 40),
                "n_extra": 8,
                "slice_um": 400,
                "image_depth_um": 560,
                "ids": tuple(range(6)),
            },
            resolution_um=40,
            grid=(5, 5),
            calibration=(0,),
            quality={3: "saturation"},
            severity={3: 0.8},
            galvo={4: (15, 1.9)},
        ),
        _sweep(
            7,
            "badly cut slice, motion and rotation that the stage does not report",
            {
                "lateral_um": 35,
                "axial_um": 6,
                "tile_px": (56, 56),
                "n_extra": 14,
                "ids": tuple(range(7)),
            },
            resolution_um=35,
            grid=(4, 3),
            quality={2: "bad_cut"},
            severity={2: 0.8},
            rotation_deg={4: -0.8, 5: 0.5},
            hidden_shift_um={4: (70.0, -50.0), 6: (-60.0, 80.0)},
        ),
        _sweep(
            8,
            "ids around 100 with a gap, grid growth, an empty slice, another stage zero",
            {
                "lateral_um": 25,
                "axial_um": 5,
                "tile_px": (60, 60),
                "n_extra": 20,
                "stage_zero_mm": (12.4, -3.3, 0.0),
                "ids": (97, 98, 99, 100, 101, 103, 104),
            },
            resolution_um=25,
            grid=(3, 3),
            quality={99: "empty"},
            growth={103: (1, 0, 0, 1)},
        ),
        _sweep(
            9,
            "an axial value that is wrong by 20 %",
            {"lateral_um": 30, "axial_um": 5, "tile_px": (64, 64), "ids": tuple(range(6))},
            resolution_um=30,
            grid=(4, 3),
            said_axial_um=6.0,
        ),
        _sweep(
            10,
            "large tiles, lateral 10 µm, cut of 100 µm, dark galvo band, stage glitch",
            {
                "lateral_um": 10,
                "axial_um": 3,
                "tile_px": (200, 120),
                "n_extra": 40,
                "slice_um": 100,
                "image_depth_um": 200,
                "margin_mm": 0.12,
                "ids": tuple(range(4)),
            },
            resolution_um=15,
            grid=(2, 2),
            galvo={2: (150, 0.5)},
            glitch={2: (0.30, 0.25)},
        ),
        _sweep(
            11,
            "every fault",
            {
                "lateral_um": 45,
                "axial_um": 7,
                "tile_px": (44, 44),
                "n_extra": 12,
                "tilt_deg": (0.15, -0.1),
                "ids": tuple(range(13)),
            },
            resolution_um=45,
            grid=(5, 4),
            calibration=(0,),
            quality={2: "motion", 10: "dropout"},
            severity={2: 0.8, 10: 0.8},
            galvo={3: (19, 0.5), 6: (40, 1.7)},
            glitch={4: (0.9, -0.6)},
            rotation_deg={5: 0.7},
            hidden_shift_um={5: (80.0, -60.0)},
            rehome={7: (-1.98, 0.0)},
            missing=(8,),
            growth={9: (0, 1, 0, 0)},
            missing_tiles={11: ((0, 0),)},
        ),
        _sweep(
            12,
            "tilt, field curvature, gain drift, few looks; software's layout, two files per tile",
            {
                "lateral_um": 20,
                "axial_um": 4,
                "tile_px": (72, 72),
                "n_extra": 24,
                "stage_sign_x": -1,
                "tilt_deg": (0.4, 0.3),
                "field_curvature_um": 15,
                "gain_drift": 0.3,
                "looks": 2.0,
                "attenuation_contrast": 0.7,
                "layout": "software",
                "n_files": 2,
                "ids": tuple(range(5)),
            },
            resolution_um=20,
            grid=(3, 3),
            anatomy="layers",
            hidden_shift_um={3: (45.0, 30.0)},
        ),
    )


PRESETS = {one.name: one for one in (_demo(), _bench(), _tiny(), *_sweeps())}
SWEEP = tuple(name for name in PRESETS if name.startswith("sweep-"))
