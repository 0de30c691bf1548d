"""The board's checks for ``thermoscreen doctor``: functions ``(settings) -> Message``, or None on other machines.

They are offered under the entry-point group ``thermoscreen.checks`` in setup.cfg.
"""
