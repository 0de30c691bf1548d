"""Capture: what is kept of a camera, what is said of it, and what is done to its frames."""
