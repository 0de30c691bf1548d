"""Everything is in setup.cfg; this file is what the pip of Python 3.6 asks for."""

from setuptools import setup

setup()
