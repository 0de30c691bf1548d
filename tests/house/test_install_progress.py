"""While pip works, a person sees what it does."""
import os
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
    assert install.install([], report, ['cat', str(tmp_path / 'said')]) == 0
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
    assert install.install([str(tmp_path / 'go')], install.Report(say), command, silence_s=0.05) == 3
    assert 'unpacking 1 packages' in said
    assert said[-1].startswith('failed after') and any(words.startswith('unpacking (') for words in said)


UV = """#!/bin/sh
echo 'Resolved 1 package in 5ms' >&2
echo ' + click==8.5.1' >&2
exit %d
"""


@pytest.mark.parametrize('status, said', [
    (0, ['pip: Resolved 1 package in 5ms', 'pip: ready']),
    (2, ['pip: Resolved 1 package in 5ms', 'pip: failed', 'pip: ready']),
])
@pytest.mark.skipif(sys.version_info < (3, 8), reason='uv serves Python 3.8 and newer')
def test_uv_comes_first_and_pip_where_it_fails(root, tmp_path, status, said):
    (tmp_path / 'one.txt').write_text('click\n')
    (tmp_path / 'uv').write_text(UV % status)
    (tmp_path / 'uv').chmod(0o755)
    process = subprocess.run([sys.executable, 'requirements/install.py', str(tmp_path / 'one.txt')], cwd=str(root),
                             env=dict(os.environ, PATH='%s:%s' % (tmp_path, os.environ['PATH'])),
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    lines = process.stdout.splitlines()
    assert process.returncode == 0
    assert [line.split(' after')[0] for line in lines if not line.endswith(' s)')] == said


def test_make_and_nox_install_with_it(root):
    for name in ('Makefile', 'noxfile.py'):
        text = (root / name).read_text()
        assert text.count('requirements/install.py') >= 2 and 'install -r' not in text and "install('-r'" not in text
