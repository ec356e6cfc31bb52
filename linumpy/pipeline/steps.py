"""All stages, in order: the graph of the local driver and of both workflows."""

from linumpy.pipeline import preproc, reconst_3d

STEPS = (*preproc.STEPS, *reconst_3d.STEPS)
