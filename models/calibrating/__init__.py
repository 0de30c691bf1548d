"""A bundle for INT8: ranges, the Q/DQ variant and TensorRT's cache, and the finding's temperature and thresholds.

`run` calibrates a bundle: `frames` chooses what ranges are measured on and what the outcome is judged by, `finding`
sets temperature and thresholds. Nothing is imported here: PyTorch takes seconds.
"""
