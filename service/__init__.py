"""The appliance: it captures, analyses, shows and keeps thermograms. Python 3.6 and newer, no PyTorch."""

__version__ = '0.1.0'
