"""What detectors and the whole reconstruction get right against planted truth: `make accuracy`.

measure.py     values: a trial, a target, a measure
statistics.py  what targets are made of: quantiles, AUC, precision, recall, rank correlation
anatomy.py     anatomies to draw from, procedural and real
measures/      one module per row set of the table, each exporting MEASURE
draw.py        trials in parallel processes
rows.py        results, worst quartiles, met or missed
results.py     what was found, as a file
table.py, page.py, plots.py   what is shown of it
run.py         the command
"""
