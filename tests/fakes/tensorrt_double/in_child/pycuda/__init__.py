"""Found first by a child process of a test: puts the doubles in place of this package."""
import tensorrt  # noqa: F401, its double brings that of pycuda
