"""Judging a bundle on thermograms whose regions or diagnoses are known, through the device's own pipeline.

`request` takes an evaluation from start to finish: `selection` picks the samples, `outcomes` runs them, `figures` and
`overlap` judge them, `document` gathers the figures, and `report`, `plots` and `formatting` show them. Needs no
PyTorch. Nothing is imported here: scipy, scikit-learn and matplotlib take seconds, and ``--help`` should not.
"""
