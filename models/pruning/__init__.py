"""Filters that contribute least go from a trained segmenter. Nothing is imported here: PyTorch takes seconds."""
