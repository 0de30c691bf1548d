"""The appliance: capture, analyse, show, keep. Python 3.6 and up, no PyTorch."""

__version__ = '0.1.0'
