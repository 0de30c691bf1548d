"""How long a frame takes on this machine, under which conditions, and whether the measurement is valid.

Imports nothing: `first_result` measures the start of the program and must not import the rest of this package.
"""
