"""Numbers both halves share: INT8 ranges and thresholds. Python 3.6 and up, numpy only."""
