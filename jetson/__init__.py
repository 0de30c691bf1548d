"""The board: what only makes sense on a Jetson. Python 3.6 and up, no PyTorch."""
