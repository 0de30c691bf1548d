"""The program starts where nobody set a locale, as under systemd on JetPack 4.6."""
import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize('locale', [{}, {'LC_ALL': 'C'}, {'LC_ALL': 'POSIX', 'LANG': 'C'}])
def test_starts_without_a_locale(root, tmp_path, locale):
    folder = tmp_path / 'Aufnahmen-\u00e4'
    process = subprocess.run([sys.executable, '-m', 'service', 'settings', '--settings', str(folder / 'none.toml')],
                             cwd=str(root), env=dict(locale, PATH=os.environ['PATH']), stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    said = process.stderr.decode('utf-8')
    assert process.returncode == 2 and 'settings-unreadable' in said
    assert str(folder) in said, 'the name of a file is what it was'
