"""Tests of capture: keeping a camera running, judging it, and correcting its frames."""
