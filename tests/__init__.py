"""Tests. Every folder here is a package named like the one it tests, so that file names may repeat."""
