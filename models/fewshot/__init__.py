"""From a network that has seen phantoms only to one for a clinic's own patients, with few labels.

All of it is in `run`; nothing is imported here, since PyTorch takes seconds.
"""
