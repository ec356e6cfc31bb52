"""The name of the brain: given, or of the folder that says it."""

from pathlib import Path

import pytest

from linumpy.core.subject import subject_of
from linumpy.errors import BadValue


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("/data/sub-22/raw", "sub-22"),
        ("/data/sub-22", "sub-22"),
        ("/data/Mouse 22 (left)/Raw/tiles", "Mouse-22-left"),
        ("/data/raw", "subject"),
        ("/", "subject"),
        ("/données/été 3", "été-3"),
    ],
)
def test_the_default_is_the_folder_that_says_it(folder, name):
    "raw, tiles and data are said of every brain; a name may stand in a file's name."
    assert subject_of(Path(folder)) == name


@pytest.mark.parametrize("given", ["", "a/b", "a b", "..", ".hidden", "a\nb", "a:b"])
def test_what_cannot_be_part_of_a_files_name_is_refused(given):
    with pytest.raises(BadValue, match="--subject"):
        subject_of(Path("/data/x"), given)
