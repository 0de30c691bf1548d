"""Active learning: which frames to label next, and what that gains.

`ranking` is arrays alone, `answers` asks a network, `run` makes the list, `curve` and `planted` measure. Nothing is
imported here, since the libraries take seconds.
"""
