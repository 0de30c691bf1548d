"""Attacks on the station: each prints what it found and exits with 1 where a bar does not hold."""
