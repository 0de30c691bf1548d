"""``python -m service.samples FOLDER``: draw the sample thermogram again."""
import sys

from . import write_samples

write_samples(sys.argv[1])
