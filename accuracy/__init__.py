"""What detectors and the whole reconstruction get right against planted truth: `make accuracy`.

measure.py   values: a trial, a target, a measure
measures/    one module per row of the table, each exporting MEASURE
"""
