"""From a trained network to a bundle with every variant that a board may want, each compared with the network.

`checkpoint` opens what is exported, `build` makes the variants and judges them, `parity` holds the frames and
tolerances they are judged by; `table` does the same for every architecture. Nothing is imported here: PyTorch takes
seconds.
"""
