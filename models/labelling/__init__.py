"""Labelling in tools that people already use: frames to CVAT and Label Studio, and what was drawn there back."""
