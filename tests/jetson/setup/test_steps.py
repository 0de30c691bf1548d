"""The steps of the installer with a fake interpreter: dry runs, power cuts, failures."""
import os
import re
import subprocess

import pytest

from .conftest import listing

pytestmark = pytest.mark.slow

STEPS = ['machine', 'rights', 'memory', 'disk', 'power', 'python', 'account', 'folders', 'environment', 'libraries',
         'program', 'settings', 'bundle', 'cameras', 'system', 'units', 'kiosk', 'engine', 'self-test', 'start']
NANO = {
    'etc/nv_tegra_release': '# R32 (release), REVISION: 7.1, GCID: 29818004, BOARD: t210ref, EABI: aarch64\n',
    'proc/device-tree/model': 'NVIDIA Jetson Nano Developer Kit\0',
    'proc/device-tree/nvidia,dtsfilename': '/dvs/kernel-dts/tegra210-p3448-0000-p3449-0000-b00.dts\0',
    'proc/device-tree/compatible': 'nvidia,p3449-0000-b00+p3448-0000-b00\0nvidia,jetson-nano\0nvidia,tegra210\0',
    'proc/meminfo': 'MemTotal:        4059292 kB\nSwapTotal:       2029632 kB\n',
    'var/lib/nvpmodel/status': 'pmode:0001\n',
    'etc/nvpmodel.conf': '< POWER_MODEL ID=0 NAME=MAXN >\n< POWER_MODEL ID=1 NAME=5W >\n',
}


def steps_of(process):
    """Step to what was printed for it."""
    lines = re.findall(r'^ ?(\d+)  (\S+) +(fine|done|already so|would do|skipped|problems) +(.*)$', process.stdout,
                       re.MULTILINE)
    assert [int(number) for number, _, _, _ in lines] == list(range(1, len(lines) + 1))
    return {name: (verdict, text) for _, name, verdict, text in lines}


def fake_machine(folder, files):
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return str(folder)


def without_times(files):
    return {name: value if isinstance(value, str) else (value[0], value[2]) for name, value in files.items()}


def test_every_step_is_numbered_and_described(fake, tmp_path):
    first = fake('--root', tmp_path / 'root', *fake.python)
    assert first.returncode == 0, first.stderr
    steps = steps_of(first)
    assert list(steps) == STEPS
    assert {name for name, (verdict, _) in steps.items() if verdict == 'skipped'} == {
        'rights', 'power', 'account', 'kiosk', 'engine', 'start'}
    assert all(text.startswith('(') for verdict, text in steps.values() if verdict == 'skipped')
    assert {name for name, (verdict, _) in steps.items() if verdict == 'done'} == set(STEPS[7:16])
    before = listing(tmp_path / 'root')

    second = fake('--root', tmp_path / 'root', *fake.python)
    assert second.returncode == 0, second.stderr
    assert {name for name, (verdict, _) in steps_of(second).items() if verdict == 'already so'} == set(STEPS[7:16])
    assert 'nothing was changed' in second.stdout
    assert listing(tmp_path / 'root') == before


def test_dry_run_prints_every_action_and_makes_none(fake, tmp_path):
    process = fake('--root', tmp_path / 'root', '--dry-run', '--kiosk', *fake.python)
    assert process.returncode == 0, process.stderr
    assert not (tmp_path / 'root').exists() and not fake.log.exists()
    announced = set(re.findall(r'would write (\S+) ', process.stdout))

    assert fake('--root', tmp_path / 'root', '--kiosk', *fake.python).returncode == 0
    manifest = (tmp_path / 'root' / 'etc' / 'thermoscreen' / 'installed.txt').read_text()
    assert announced == {str(tmp_path / 'root') + path for path in re.findall('^file (\\S+)', manifest, re.MULTILINE)}

    before = listing(tmp_path / 'root')
    assert fake('--root', tmp_path / 'root', '--uninstall', '--dry-run').returncode == 0
    assert listing(tmp_path / 'root') == before


def test_power_cut_at_every_step(fake, tmp_path):
    """The same command continues, and ends where an installation without power cuts ends."""
    # With TensorRT and without CUDA there is one step more than on a PC.
    fake.environment.update(FAKE_TENSORRT='1', FAKE_ENGINE='4')
    assert fake('--root', tmp_path / 'whole', *fake.python).returncode == 0
    stops = list(dict.fromkeys(fake.log.read_text().splitlines()))
    assert len(stops) >= 9 and 'build' in stops and 'bundle install' in stops and 'compile' in stops
    root = tmp_path / 'cut'
    for stop in stops:
        assert fake('--root', root, *fake.python, FAKE_STOP=stop).returncode == -9, stop
        # A power cut ends everything at once; here the killed installer's children keep its lock for a moment.
        subprocess.check_call(['flock', str(root), 'true'])
    last = fake('--root', root, *fake.python)
    assert last.returncode == 0, last.stderr
    renamed = {name: (value[0], value[1].replace(b'/cut', b'/whole')) if isinstance(value, tuple) else value
               for name, value in without_times(listing(root)).items()}
    whole = without_times(listing(tmp_path / 'whole'))
    manifest = 'etc/thermoscreen/installed.txt'
    assert _kinds(renamed.pop(manifest)[1]) == _kinds(whole.pop(manifest)[1])
    assert renamed == whole


def _kinds(manifest):
    """Lines of a manifest without hashes, which hold the name of the root, in any order."""
    return sorted(b' '.join(line.split()[:2]) for line in manifest.splitlines())


@pytest.mark.parametrize('stop, step, word', [
    ('venv:1', 'environment', 'venv cannot go on.'),
    ('install libraries.txt:1', 'libraries', 'install libraries.txt cannot go on.'),
    ('build:1', 'program', 'build cannot go on.'),
    ('settings:2', 'settings', 'settings cannot go on.'),
    ('bundle install:3', 'bundle', 'bundle install cannot go on.'),
    ('doctor:70', 'self-test', 'doctor cannot go on.'),
    ('analyse:4', 'self-test', 'analyse cannot go on.')])
def test_failure_is_one_line_that_names_the_step(fake, tmp_path, stop, step, word):
    process = fake('--root', tmp_path / 'root', *fake.python, FAKE_STOP=stop)
    assert process.returncode == 1
    line, = process.stderr.splitlines()
    assert '(%s)' % step in line and word in line and 'the same command again' in line
    assert step not in steps_of(process)


def test_a_problem_of_the_doctor_gives_exit_code_1(fake, tmp_path):
    process = fake('--root', tmp_path / 'root', *fake.python, FAKE_STOP='doctor:1')
    assert process.returncode == 1
    assert steps_of(process)['start'][0] == 'skipped', 'it is installed all the same'
    assert 'self-test found' in process.stderr


def test_nano_in_5w_with_tensorrt(fake, tmp_path):
    machine = fake_machine(tmp_path / 'machine', NANO)
    process = fake('--root', tmp_path / 'root', *fake.python, THERMOSCREEN_MACHINE=machine, FAKE_TENSORRT='1')
    assert process.returncode == 0, process.stderr
    steps = steps_of(process)
    assert 'Jetson Nano' in steps['machine'][1] and '32.7.1' in steps['machine'][1] and '4.6.1' in steps['machine'][1]
    assert steps['power'] == ('fine', '5W') and 'nvpmodel -m 0' in process.stdout
    assert steps['memory'][1].startswith('3964 MiB') and 'swap file' not in process.stdout
    assert 'system-site-packages = true' in (tmp_path / 'root/opt/thermoscreen/pyvenv.cfg').read_text()
    assert steps['engine'] == ('done', 'fp16-engine is ready in a folder.')

    again = fake('--root', tmp_path / 'root', *fake.python, THERMOSCREEN_MACHINE=machine, FAKE_TENSORRT='1')
    assert steps_of(again)['engine'] == ('already so', 'fp16-engine was there already in a folder.')
    without = fake('--root', tmp_path / 'root', '--no-engine', *fake.python, THERMOSCREEN_MACHINE=machine,
                   FAKE_TENSORRT='1', FAKE_STOP='compile:4')
    assert without.returncode == 0 and steps_of(without)['engine'][0] == 'skipped'


@pytest.mark.parametrize('end, reason', [
    ('4', 'There is no NVIDIA driver: the loader does not find libcuda.so.1.'), ('killed', 'ended by signal 6')])
def test_an_engine_that_cannot_be_built_ends_nothing(fake, tmp_path, end, reason):
    machine = fake_machine(tmp_path / 'machine', NANO)
    options = dict(THERMOSCREEN_MACHINE=machine, FAKE_TENSORRT='1')
    process = fake('--root', tmp_path / 'root', *fake.python, FAKE_ENGINE=end, **options)
    assert process.returncode == 0 and process.stderr == ''
    steps = steps_of(process)
    assert list(steps) == STEPS and steps['self-test'][0] == 'fine'
    assert steps['engine'] == ('problems', 'no engine could be built; ONNX Runtime runs the model')
    note, = [line for line in process.stdout.splitlines() if line.startswith('Note: No engine could be built')]
    assert reason in note and 'ONNX Runtime runs the model' in note and 'thermoscreen compile' in note
    units = [path.name for path in (tmp_path / 'root').rglob('*.service')]
    assert 'thermoscreen.service' in units

    # The same command builds it as soon as CUDA can be reached.
    again = fake('--root', tmp_path / 'root', *fake.python, **options)
    assert again.returncode == 0 and steps_of(again)['engine'] == ('done', 'fp16-engine is ready in a folder.')
    assert 'No engine could be built' not in again.stdout


def test_unknown_board_and_release(fake, tmp_path):
    machine = fake_machine(tmp_path / 'machine', {'etc/nv_tegra_release': 'R99 of something else\n'})
    process = fake('--root', tmp_path / 'root', '--dry-run', *fake.python, THERMOSCREEN_MACHINE=machine)
    assert process.returncode == 0, process.stderr
    steps = steps_of(process)
    assert steps['machine'][1].startswith('unknown, L4T unknown, JetPack unknown')
    assert steps['memory'][0] == 'skipped' and steps['power'] == ('fine', 'unknown')


def test_own_settings_and_bundle_are_kept(fake, tmp_path):
    root = tmp_path / 'root'
    assert fake('--root', root, *fake.python).returncode == 0
    settings, manifest = root / 'etc/thermoscreen/settings.toml', root / 'var/lib/thermoscreen/bundle/manifest.json'
    settings.write_text('# mine\n')
    manifest.write_text('{"another": "bundle"}')
    process = fake('--root', root, *fake.python)
    assert process.returncode == 0, process.stderr
    assert settings.read_text() == '# mine\n' and 'another' in manifest.read_text()
    assert 'is kept' in steps_of(process)['bundle'][1]

    process = fake('--root', root, '--bundle', fake.script.parents[2] / 'service/bundles/phantom-fpn', *fake.python)
    assert process.returncode == 0 and 'another' not in manifest.read_text()
    # Settings that somebody changed are not the installer's to remove.
    process = fake('--root', root, '--uninstall')
    assert process.returncode == 0 and 'changed by hand' in process.stdout
    assert [str(path.relative_to(root)) for path in root.rglob('*') if path.is_file()] == [
        'etc/thermoscreen/settings.toml']


def test_newer_directives_only_for_newer_systemd(fake, tmp_path):
    (tmp_path / 'bin').mkdir()
    path = tmp_path / 'bin' / 'systemctl'
    for version, expected in (('237', 0), ('252 (252.39-1)', 5)):
        path.write_text('#!/bin/sh\necho "systemd %s"\n' % version)
        path.chmod(0o755)
        process = fake('--root', tmp_path / 'root', '--dry-run', *fake.python,
                       PATH='%s:%s' % (path.parent, os.environ['PATH']))
        assert process.returncode == 0, process.stderr
        assert len(re.findall(r'would write \S+hardening\.conf', process.stdout)) == expected


@pytest.mark.parametrize('words', [
    ('--rot', '/tmp/x'), ('--root',), ('--root', '/tmp/a b'), ('--offline', '/nowhere'), ('--bundle', '/nowhere'),
    ('--root', '/tmp/x', '--camera', 'sim"')])
def test_wrong_options_are_refused_in_one_line(fake, words):
    process = fake(*words)
    assert process.returncode == 2 and len(process.stderr.splitlines()) == 1
    assert '--help' in process.stderr


def test_nothing_to_uninstall(fake, tmp_path):
    process = fake('--root', tmp_path / 'root', '--uninstall')
    assert process.returncode == 0 and 'Nothing is installed' in process.stdout
