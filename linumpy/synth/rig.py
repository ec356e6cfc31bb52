"""The instrument: geometry, optics and the format that it writes."""

import math
from dataclasses import dataclass, fields
from typing import Literal

from linumpy.errors import BadValue

Layout = Literal["flat", "nested", "software"]
"""Folders: ``tile_…``; ``z00/tile_…``; ``slice_z00/tiles/tile_…``, the acquisition software's."""


@dataclass(frozen=True, kw_only=True)
class Rig:
    """One serial OCT rig and how it was set; 0 or None switches an effect off.

    Defaults of the optics are those measured on ``allen-coronal-9`` (docs/simulator.md).
    """

    # sampling and tiles
    lateral_um: float = 25.0
    """A-line distance along X"""
    lateral_y_um: float | None = None
    """B-scan distance along Y; None: as along X"""
    axial_um: float = 6.0
    """depth sample in tissue"""
    tile_px: tuple[int, int] = (64, 64)
    """kept A-lines (X) and B-scans (Y) of a tile"""
    n_extra: int = 12
    """fly-back A-lines of a sweep"""
    n_repeat: int = 1
    """frames per B-scan"""
    overlap: float = 0.2
    """share of a tile that its neighbour sees too"""
    # cutting
    ids: tuple[int, ...] = (0, 1, 2, 3)
    """slice numbers; the anatomy advances by slice_um per number, others are never acquired"""
    slice_um: float = 200.0
    """cut interval"""
    image_depth_um: float = 330.0
    """depth range that is kept"""
    water_um: float = 40.0
    """water above the cut surface"""
    water_jitter_um: float = 3.0
    """standard deviation of that from slice to slice"""
    calibration_factor: float = 2.0
    """how much deeper a calibration slice is imaged"""
    # stage
    margin_mm: float = 0.25
    """mosaic beyond the anatomy's extent, on each side"""
    jitter_um: float = 8.0
    """standard deviation of tile positions, truthfully reported"""
    unreported_jitter_um: float = 0.0
    """standard deviation of what the stage does not report about a tile"""
    backlash_um: float = 0.0
    """unreported offset along x between rows scanned to the right and to the left"""
    drift_um: float = 15.0
    """step of the random walk of the mosaic's origin, truthfully reported"""
    stage_sign_x: Literal[1, -1] = 1
    """-1: positions fall with the tile index (the sample rides on the stage)"""
    stage_sign_y: Literal[1, -1] = 1
    """as stage_sign_x, along y"""
    stage_sign_z: Literal[1, -1] = 1
    """-1: stage z falls from slice to slice"""
    stage_zero_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """what the stage (x, y, z) says at the anatomy's zero"""
    # optics
    brightness: float = 280.0
    """signal of reflectivity 1 at the surface, in focus, mid-field"""
    looks: float = 5.4
    """speckle averages (contrast 1/sqrt(looks)); 0: no speckle"""
    noise: float = 2.4
    """mean of the noise floor"""
    vignetting: float = 0.17
    """loss at the middle of a tile's edge"""
    focus_um: float = 90.0
    """depth of the focus below the surface"""
    focus_range_um: float = 200.0
    """half width of the focus; 0: in focus everywhere"""
    attenuation_per_mm: float = 1.27
    """loss of signal with depth in tissue of mean reflectivity (0.6), both ways"""
    attenuation_contrast: float = 0.0
    """0: the same everywhere in tissue; 1: proportional to reflectivity"""
    tilt_deg: tuple[float, float] = (0.0, 0.0)
    """surface against the stage: depth grows to larger x, larger y"""
    field_curvature_um: float = 0.0
    """how much deeper the surface looks at the middle of a tile's edge than at its centre"""
    flyback_gain: float = 0.5
    """brightness of the fly-back A-lines where no fault sets it"""
    gain_drift: float = 0.15
    """amplitude of the slow change of brightness from slice to slice"""
    saturation: float = 0.0
    """largest value that the detector gives; 0: no limit"""
    # what is written
    axial_written_um: float | None = None
    """axial_resolution in info.txt, right or wrong; None: no such line, as on real rigs"""
    layout: Layout = "nested"
    """folder layout"""
    n_files: int = 1
    """image files per tile"""

    def __post_init__(self) -> None:
        for name in ("lateral_um", "axial_um", "slice_um", "image_depth_um"):
            if not getattr(self, name) > 0:
                raise BadValue(f"rig: {name}={getattr(self, name)}; it must be above 0")
        if not 0 <= self.overlap < 1:
            raise BadValue(f"rig: overlap={self.overlap}; allowed: 0 up to, not including, 1")
        if min(self.tile_px) < 2 or self.n_extra < 0:  # noqa: PLR2004
            raise BadValue(f"rig: tile_px={self.tile_px}, n_extra={self.n_extra}; too small")
        if not self.ids or list(self.ids) != sorted(set(self.ids)) or self.ids[0] < 0:
            raise BadValue(f"rig: ids={self.ids}; they must rise from 0 up, at least one")

    @property
    def pixel_mm(self) -> tuple[float, float]:
        """Lateral sampling (x, y)."""
        return (self.lateral_um / 1000, (self.lateral_y_um or self.lateral_um) / 1000)

    @property
    def fov_mm(self) -> tuple[float, float]:
        """Field of view of a tile (x, y), fly-back left out."""
        return (self.tile_px[0] * self.pixel_mm[0], self.tile_px[1] * self.pixel_mm[1])

    @property
    def step_mm(self) -> tuple[float, float]:
        """Nominal distance between tiles (x, y)."""
        return (self.fov_mm[0] * (1 - self.overlap), self.fov_mm[1] * (1 - self.overlap))

    def nz(self, *, calibration: bool = False) -> int:
        """Depth samples of a tile."""
        n_kept = math.floor(self.image_depth_um / self.axial_um)
        return max(1, round(n_kept * self.calibration_factor) if calibration else n_kept)

    def grid_for(self, size_xy_mm: tuple[float, float]) -> tuple[int, int]:
        """Return (columns, rows) that cover an anatomy and its margins."""
        columns, rows = (
            max(1, math.ceil((size + 2 * self.margin_mm - fov) / step - 1e-9) + 1)
            for size, fov, step in zip(size_xy_mm, self.fov_mm, self.step_mm, strict=True)
        )
        return columns, rows

    def extent_for(self, columns: int, rows: int) -> tuple[float, float]:
        """Return the extent (x, y), mm, of an anatomy that such a grid covers to its margins."""
        x, y = (
            (n - 1) * step + fov - 2 * self.margin_mm
            for n, fov, step in zip((columns, rows), self.fov_mm, self.step_mm, strict=True)
        )
        if x <= 0 or y <= 0:
            raise BadValue(
                f"a grid of {columns} × {rows} tiles is smaller than its margins "
                f"(margin_mm={self.margin_mm})",
                hint="lower margin_mm or add tiles",
            )
        return x, y

    def z_mm(self, number: int) -> float:
        """Return the anatomy's depth at the surface of a slice."""
        return (number - self.ids[0]) * self.slice_um / 1000


RIG_KEYS = tuple(field.name for field in fields(Rig))
