"""The board's checks for the doctor, one small file each: ``check(settings) -> Message``, or None on other machines.

They are offered under the entry-point group ``thermoscreen.checks``.
"""
