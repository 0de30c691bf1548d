"""Tests of the page, the pictures and the folder."""
