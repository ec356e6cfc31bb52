"""Open a volume as napari does and print what it makes of it, as JSON; needs no screen.

Runs in an environment of its own, which readers.py makes: napari and its reader plugin.
"""

import json
import sys

from napari.layers import Image
from napari_ome_zarr import napari_get_reader


def describe(path):
    """Return what a layer made of the plugin's answer shows."""
    reader = napari_get_reader(path)
    (levels, metadata, kind), *others = reader(path)
    layer = Image(levels, **metadata)
    return {
        "kind": kind,
        "shapes": [level.shape for level in levels],
        "scales": (layer.downsample_factors * layer.scale).tolist(),
        "units": [str(unit) for unit in layer.units],
        "axis_labels": layer.axis_labels,
        "contrast_limits": layer.contrast_limits,
        "colormap": layer.colormap.name,
        "overlays": [[kind, metadata["name"]] for _, metadata, kind in others],
    }


if __name__ == "__main__":
    sys.stdout.write("\n" + json.dumps(describe(sys.argv[1])))
