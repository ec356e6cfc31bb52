import numpy as np
import pytest

from linumpy.core.orientation import Orientation, all_codes
from linumpy.report.atlas_preview import PreviewRow, preview_figure


@pytest.mark.parametrize("code", all_codes()[::7])
def test_every_axis_of_the_preview_bears_its_letters(code):
    "From the letter of its start to that of its end; up and right are S, A and R where possible."
    orientation = Orientation.parse(code)
    planes = [np.eye(4, dtype=np.float32)] * 3
    row = PreviewRow("input", planes, orientation.opposite, orientation.code, (1.0, 1.0, 1.0))
    for across, ax in enumerate(preview_figure([row]).axes):
        down, along = (axis for axis in range(3) if axis != across)
        low, high = orientation.opposite, orientation.code
        assert ax.get_xlabel() == f"{low[along]}  →  {high[along]}"
        # the vertical label is read upwards
        ends = (low[down], high[down])
        up = ends[::-1] if ax.yaxis_inverted() else ends
        assert ax.get_ylabel() == f"{up[0]}  →  {up[1]}"
        assert up[1] in "SAR"
