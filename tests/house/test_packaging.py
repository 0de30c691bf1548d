"""What an installation gets: every data file, every verb, pins for every Python."""
import configparser
import fnmatch
import subprocess
import sys

import pytest

PACKAGES = ('service', 'jetson', 'calibration', 'models', 'export')


@pytest.fixture(scope='module')
def setup_cfg(root):
    parser = configparser.ConfigParser()
    parser.read(str(root / 'setup.cfg'))
    return parser


def _tracked(root):
    try:
        return subprocess.check_output(['git', 'ls-files', '-z'] + list(PACKAGES), cwd=str(root),
                                       stderr=subprocess.DEVNULL, universal_newlines=True).split('\0')
    except (OSError, subprocess.CalledProcessError):
        pytest.skip('git, which lists the files of the project, does not answer here')


def _belongs(root, name, patterns):
    """Whether package data of any package above the file covers it, as setuptools 59.6 reads patterns."""
    path = root / name
    for folder in path.parents:
        if not (folder / '__init__.py').exists():
            continue
        package = '.'.join(folder.relative_to(root).parts)
        inside = path.relative_to(folder).parts
        for pattern in patterns.get('*', []) + patterns.get(package, []):
            parts = pattern.split('/')
            if len(parts) == len(inside) and all(map(fnmatch.fnmatch, inside, parts)):
                return True
    return False


def test_every_data_file_is_installed(root, setup_cfg):
    patterns = {package: lines.split() for package, lines in setup_cfg['options.package_data'].items()}
    left_out = [name for name in _tracked(root) if name and not name.endswith(('.py', '.md'))
                and not _belongs(root, name, patterns)]
    assert not left_out, 'files that [options.package_data] in setup.cfg leaves out'


def test_every_folder_with_code_is_a_package(root):
    folders = {(root / name).parent for name in _tracked(root) if name.endswith('.py')}
    assert not sorted(str(folder) for folder in folders if not (folder / '__init__.py').exists())


def test_no_pyproject(root):
    """Its presence makes pip 21.3 fetch build tools from the network, which a board does not have."""
    assert not (root / 'pyproject.toml').exists()


@pytest.mark.parametrize('version, name', [
    ((2, 7), None), ((3, 5), None), ((3, 6), 'jetpack46.txt'), ((3, 7), 'jetpack46.txt'),
    ((3, 8), 'jetpack5.txt'), ((3, 9), 'jetpack5.txt'), ((3, 10), 'jetpack6.txt'),
    ((3, 11), 'today.txt'), ((3, 14), 'today.txt')])
def test_choice_of_pins(root, version, name, monkeypatch):
    monkeypatch.syspath_prepend(str(root / 'requirements'))
    from choose import choose
    assert choose(version) == name
    assert name is None or (root / 'requirements' / name).is_file()


def test_choice_prints_a_file(root):
    printed = subprocess.check_output([sys.executable, 'requirements/choose.py'], cwd=str(root),
                                      universal_newlines=True).strip()
    assert (root / printed).is_file()


def test_requirements_are_pinned(root):
    loose = []
    for path in sorted((root / 'requirements').glob('*.txt')):
        if path.name == 'nox.txt':
            continue
        for line in path.read_text().splitlines():
            if line and not line.startswith(('#', '-r ')) and '==' not in line.split(';')[0]:
                loose.append('%s: %s' % (path.name, line))
    assert not loose


@pytest.mark.parametrize('name', ['jetpack46.txt', 'jetpack5.txt', 'jetpack6.txt', 'today.txt'])
def test_device_pins_are_light(root, name):
    words = (root / 'requirements' / name).read_text().lower()
    assert 'torch' not in words.replace('no pytorch', '') and 'nvidia-' not in words
