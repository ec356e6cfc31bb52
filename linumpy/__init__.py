"""From raw serial OCT tiles to a whole-brain volume, and a record of every slice.

Rooms, in the order in which one may import another: ``errors``, ``cli``, ``core``, ``compute``,
``io``, ``synth``, ``preproc``, ``mosaic``, ``registration``, ``stack``, ``quality``, ``report``,
``scripts``, ``pipeline``. ``docs/architecture.md`` says what lives where.
"""
