"""While pip works, a person sees what it does."""
import subprocess
import sys

import pytest

#: Lines of pip 21.3 and 26, as they were.
PIP = """Looking in indexes: https://pypi.org/simple
Collecting numpy==1.19.5
  Downloading numpy-1.19.5-cp36-cp36m-manylinux2010_x86_64.whl (14.8 MB)
  Downloading click-8.1.7-py3-none-any.whl.metadata (3.0 kB)
Downloading click-8.1.7-py3-none-any.whl (97 kB)
Using cached opencv_python_headless-4.6.0.66-cp36-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64.whl (48.3 MB)
Processing /opt/files/colorama-0.4.6-py2.py3-none-any.whl (from -r r.txt (line 2))
  Downloading https://host/simple/pycuda-2021.1.tar.gz (1.7 MB)
Requirement already satisfied: six in ./lib (from x) (1.16.0)
Installing collected packages: numpy, click, colorama
Successfully installed numpy-1.19.5
"""


@pytest.fixture
def install(root, monkeypatch):
    monkeypatch.syspath_prepend(str(root / 'requirements'))
    import install
    return install


def test_every_package_has_a_line_with_its_size(install, tmp_path):
    (tmp_path / 'said').write_text(PIP)
    said, now = [], iter(range(100))
    report = install.Report(said.append, lambda: next(now))
    assert install.install([], report, command=['cat', str(tmp_path / 'said')]) == 0
    assert said == ['numpy 1.19.5, 15 MB', 'click 8.1.7, 0.1 MB',
                    'opencv_python_headless 4.6.0.66, 48 MB from the cache', 'colorama 0.4.6 from this machine',
                    'pycuda 2021.1, 1.7 MB', 'unpacking 3 packages',
                    'ready after 1 s; packages: 5, loaded: 17 MB']


def test_silence_is_broken_and_pip_s_failure_is_passed_on(install, tmp_path):
    waits = 'import os, sys, time\nprint("Installing collected packages: a")\nsys.stdout.flush()\n' \
            'while not os.path.exists(sys.argv[2]):\n    time.sleep(0.01)\nsys.exit(3)'
    said = []

    def say(text):
        said.append(text)
        if text.startswith('unpacking ('):
            (tmp_path / 'go').write_text('')

    command = [sys.executable, '-c', waits]
    assert install.install([str(tmp_path / 'go')], install.Report(say), 0.05, command) == 3
    assert 'unpacking 1 packages' in said
    assert said[-1].startswith('failed after') and any(words.startswith('unpacking (') for words in said)


def test_it_runs_pip_on_files(root, tmp_path):
    (tmp_path / 'none.txt').write_text('# nothing\n')
    process = subprocess.run([sys.executable, 'requirements/install.py', str(tmp_path / 'none.txt')], cwd=str(root),
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    lines = process.stdout.splitlines()
    assert lines and all(line.startswith('pip: ') for line in lines) and 'after' in lines[-1]


def test_make_and_nox_install_with_it(root):
    for name in ('Makefile', 'noxfile.py'):
        text = (root / name).read_text()
        assert text.count('requirements/install.py') >= 2 and 'install -r' not in text and "install('-r'" not in text
