"""The numbers of a picture as the program in docs/exams.md computes them, without a line of the product."""
import re
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / 'docs' / 'exams.md'


def program():
    """It, as text."""
    return re.findall('```python\n(.*?)```', PAGE.read_text(encoding='utf-8'), re.DOTALL)[1]


def numbers_of(picture):
    """Its lines for a picture without its ending: kind, name and key of each number, and whether that is as stored."""
    output = subprocess.check_output([sys.executable, '-c', program(), str(picture)]).decode('ascii')
    return {tuple(line.split()[:3]): (line.split()[3], not line.endswith('!')) for line in output.splitlines()}
