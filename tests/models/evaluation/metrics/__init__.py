"""Tests of the figures on arrays."""
