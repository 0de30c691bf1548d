"""The shell scripts of installer and kiosk: ShellCheck, syntax, help."""
import os
import re
import shutil
import subprocess

import pytest

pytestmark = pytest.mark.slow


@pytest.fixture(scope='module')
def scripts(root):
    found = sorted((root / 'jetson' / 'setup').rglob('*.sh')) + sorted((root / 'systemd').rglob('*.sh'))
    assert len(found) > 5
    return found


def test_shellcheck_finds_nothing(root, scripts):
    if shutil.which('shellcheck') is None:
        pytest.skip('shellcheck is not installed here (apt-get install shellcheck)')
    # The parts of the installer are read with it: what one sets, another uses.
    mains = [str(path) for path in scripts if path.parent.name != 'lib']
    process = subprocess.run(['shellcheck', '--external-sources', '--check-sourced'] + mains, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, universal_newlines=True)
    assert process.returncode == 0, process.stdout


def test_every_part_is_sourced(root):
    main = (root / 'jetson' / 'setup' / 'install.sh').read_text()
    parts = {path.name for path in (root / 'jetson' / 'setup' / 'lib').glob('*.sh')}
    assert set(re.findall(r'^\. "\$SETUP/lib/(\S+)"$', main, re.MULTILINE)) == parts


def test_scripts_can_be_started(scripts):
    assert not [path.name for path in scripts if path.parent.name != 'lib' and not path.stat().st_mode & 0o111]


def test_bash_of_ubuntu_18_is_enough(scripts):
    """Words that came after bash 4.4."""
    newer = re.compile(r'EPOCHSECONDS|EPOCHREALTIME|SRANDOM|wait -[a-z]*p|\$\{[^}]*@[UuLKk]\}|assoc_expand_once')
    assert not [path.name for path in scripts if newer.search(path.read_text())]


def test_cdpath_leads_no_script_elsewhere(root):
    """Every program in shell that changes folders forgets CDPATH first; what it sources runs after that."""
    programs = [path for path in [root / '.ci' / 'run'] + sorted(root.rglob('*.sh'))
                if path.exists() and path.parent.name != 'lib' and not {'.nox', '.venv'} & set(path.parts)]
    codes = {path: re.sub(r'(?m)^ *#.*', '', path.read_text()) for path in programs}
    changing = {path: code.split('cd ')[0] for path, code in codes.items() if re.search(r'\bcd ', code)}
    assert root / 'jetson' / 'setup' / 'install.sh' in changing
    assert not [path for path, before in changing.items() if '\nunset CDPATH\n' not in before]
    recipes = (root / 'Makefile').read_text().split('\n\t') if (root / 'Makefile').exists() else []
    assert not [line for line in recipes[1:] if re.search(r'\bcd ', line)]


def test_the_installer_finds_its_parts_whatever_cdpath_says(root, tmp_path):
    (tmp_path / 'jetson' / 'setup').mkdir(parents=True)
    command = ['bash', 'jetson/setup/install.sh', '--root', str(tmp_path / 'station'), '--bundle', 'none']
    process = subprocess.run(command, cwd=str(root), env={'PATH': os.environ['PATH'], 'CDPATH': str(tmp_path)},
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
    assert process.returncode == 2 and 'none is not a bundle' in process.stdout and 'lib/' not in process.stdout


def test_help_covers_every_option(root):
    script = root / 'jetson' / 'setup' / 'install.sh'
    process = subprocess.run(['bash', str(script), '--help'], stdout=subprocess.PIPE, universal_newlines=True)
    assert process.returncode == 0
    options = set(re.findall(r'--[a-z-]+', script.read_text().split('while [ $# -gt 0 ]')[1].split('done')[0]))
    assert options - {'--help'} <= set(re.findall(r'--[a-z-]+', process.stdout))
    assert 'Examples:' in process.stdout
