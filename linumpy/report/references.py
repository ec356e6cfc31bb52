"""The literature behind the stages, cited by number in the order in which a text names it."""

import re
from collections.abc import Iterable
from types import MappingProxyType

REFERENCES = MappingProxyType(
    {
        "padfield": "Padfield D. Masked object registration in the Fourier domain. IEEE "
        "Transactions on Image Processing 21(5), 2706–2718, 2012. doi:10.1109/TIP.2011.2181402",
        "benhimane": "Benhimane S, Malis E. Real-time image-based tracking of planes using "
        "efficient second-order minimization. IEEE/RSJ International Conference on Intelligent "
        "Robots and Systems, 943–948, 2004. doi:10.1109/IROS.2004.1389474",
        "knapp": "Knapp C, Carter G. The generalized correlation method for estimation of time "
        "delay. IEEE Transactions on Acoustics, Speech, and Signal Processing 24(4), 320–327, "
        "1976. doi:10.1109/TASSP.1976.1162830",
        "wang": "Wang Z, Bovik AC, Sheikh HR, Simoncelli EP. Image quality assessment: from error "
        "visibility to structural similarity. IEEE Transactions on Image Processing 13(4), "
        "600–612, 2004. doi:10.1109/TIP.2003.819861",
        "maes": "Maes F, Collignon A, Vandermeulen D, Marchal G, Suetens P. Multimodality image "
        "registration by maximization of mutual information. IEEE Transactions on Medical Imaging "
        "16(2), 187–198, 1997. doi:10.1109/42.563664",
        "numpy": "Harris CR et al. Array programming with NumPy. Nature 585, 357–362, 2020. "
        "doi:10.1038/s41586-020-2649-2",
        "scipy": "Virtanen P et al. SciPy 1.0: fundamental algorithms for scientific computing in "
        "Python. Nature Methods 17, 261–272, 2020. doi:10.1038/s41592-019-0686-2",
        "skimage": "van der Walt S et al. scikit-image: image processing in Python. PeerJ 2:e453, "
        "2014. doi:10.7717/peerj.453",
        "omezarr": "Moore J et al. OME-Zarr: a cloud-optimized bioimaging file format with "
        "international community support. Histochemistry and Cell Biology 160, 223–251, 2023. "
        "doi:10.1007/s00418-023-02209-1",
    }
)
"""Word in a text, ``{padfield}`` → the reference."""
_MARK = re.compile(r"\s*\{(\w+)\}")


def number_references(
    texts: Iterable[str], more: dict[str, str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the texts with ``{word}`` as [1], and what was cited, in the order of its numbers.

    Parameters
    ----------
    texts : iterable of str
    more : mapping
        References beside `REFERENCES`.

    Examples
    --------
    >>> texts, found = number_references(["By hand {x}, and again {x}."], {"x": "Me, 2026."})
    >>> texts, found
    (('By hand [1], and again [1].',), ('Me, 2026.',))
    """
    known = {**REFERENCES, **more}
    cited: dict[str, int] = {}

    def number(match: re.Match[str]) -> str:
        return f" [{cited.setdefault(match[1], len(cited) + 1)}]"

    numbered = tuple(_MARK.sub(number, text) for text in texts)
    return numbered, tuple(known[word] for word in cited)
