"""What a clinic may claim of a bundle on its own exams: one report of everything that the other packages measure.

`run` takes a validation from start to finish; `pictures` keeps what gate and repeats need of every result, `repeats`
finds measurements that were taken again, `claims` holds each claim against the evidence. Nothing is imported here.
"""
