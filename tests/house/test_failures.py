"""A failure is JSON where JSON was asked for, and a person who misspelt something is told what may be meant."""
import json
import sys

import click
import pytest

from service.cli import main as command_line
from service.cli import program, verbs
from tests.house.test_verbs import ENTRIES

#: A failing call of every command that has --json; `none` is a file or folder that does not exist.
FAILING = {
    ('analyse',): ['none.csv', '--out', 'results', '--settings', 'none'],
    ('audit', 'verify'): ['--settings', 'none'],
    ('backup', 'make'): ['none'],
    ('backup', 'test'): ['none', '--folder', 'none'],
    ('backup', 'verify'): ['none'],
    ('bench',): ['--settings', 'none'],
    ('bench', 'cold'): ['--camera', 'crystal-ball'],
    ('bench', 'compare'): ['none', 'none'],
    ('bench', 'soak'): ['--hours', '0.1', '--out', 'results', '--bundle', 'none'],
    ('board',): ['--platform', 'none'],
    ('bundle', 'list'): ['--settings', 'none'],
    ('bundle', 'fetch'): ['none', '--out', 'results'],
    ('bundle', 'show'): ['none'],
    ('bundle', 'verify'): ['none'],
    ('calibrate',): ['none', '--data', 'none'],
    ('cameras',): ['too-much'],
    ('certificate', 'make'): ['--settings', 'none'],
    ('certificate', 'show'): [],
    ('check',): ['none', '--target', 'jetson-nano'],
    ('choose',): ['none'],
    ('compile',): ['none'],
    ('confounds',): ['none', '--out', 'results'],
    ('convert',): ['none.csv', 'none.tscap'],
    ('doctor',): ['--camera', 'crystal-ball'],
    ('engines', 'list'): ['--settings', 'none'],
    ('engines', 'verify'): ['--settings', 'none'],
    ('evaluate',): ['none', '--data', 'none', '--out', 'results'],
    ('exams', 'dicom'): ['none', '--out', 'results', '--folder', 'none'],
    ('exams', 'export'): ['--out', 'results', '--folder', 'none'],
    ('exams', 'hold'): ['none', '--reason', 'a', '--folder', 'none'],
    ('exams', 'import'): ['none', '--folder', 'none'],
    ('exams', 'list'): ['--folder', 'none'],
    ('exams', 'rebuild'): ['--settings', 'none'],
    ('exams', 'report'): ['none', '--out', 'results.pdf', '--folder', 'none'],
    ('exams', 'retention'): ['--settings', 'none'],
    ('exams', 'show'): ['none', '--folder', 'none'],
    ('exams', 'similar'): ['none', '--folder', 'none'],
    ('exams', 'verify'): ['--folder', 'none'],
    ('export',): ['none', '--out', 'results'],
    ('labels', 'import'): ['none', 'none', '--out', 'results'],
    ('operators', 'list'): ['--settings', 'none'],
    ('preflight',): ['none', '--target', 'jetson-nano'],
    ('prune',): ['none', '--flops', '0.5', '--out', 'results'],
    ('queue',): ['none', '--out', 'results'],
    ('restore',): ['none'],
    ('settings',): ['--settings', 'none'],
    ('support',): ['--out', 'none/file'],
    ('tokens', 'add'): ['a', '--settings', 'none'],
    ('tokens', 'list'): ['--settings', 'none'],
    ('validate',): ['--data', 'none', '--out', 'results'],
}


def commands(command, words):
    """Every command below one that prints JSON."""
    if any('--json' in param.opts for param in command.params):
        yield words
    for name, part in getattr(command, 'commands', {}).items():
        for found in commands(part, words + (name,)):
            yield found


@pytest.fixture
def call(monkeypatch, capsys, tmp_path):
    """Run the program in an empty folder: exit code, standard output, standard error."""
    monkeypatch.chdir(str(tmp_path))

    def run(*words):
        monkeypatch.setattr(sys, 'argv', ['thermoscreen'] + list(words))
        with pytest.raises(SystemExit) as caught:
            command_line()
        said = capsys.readouterr()
        return caught.value.code, said.out, said.err
    return run


def test_every_command_with_json_is_tried():
    found = set()
    for verb, entry in ENTRIES.items():
        try:
            found |= set(commands(entry.load(), (verb,)))
        except ImportError:
            found |= {words for words in FAILING if words[0] == verb}
    assert found == set(FAILING)


@pytest.mark.parametrize('words', sorted(FAILING), ids=' '.join)
def test_a_failure_is_json_where_json_is_asked_for(call, words):
    for arguments in (FAILING[words] + ['--json'], ['--json', '--no-such-option']):
        code, out, err = call(*(words + tuple(arguments)))
        told = json.loads(out)
        assert code == told['exit_code'] != 0 and told['outcome'] == 'failed'
        assert told['code'] and told['sentence'] and told['severity'] == 'problem' and err
        assert told['code'] != 'internal'


def test_without_json_standard_output_stays_empty(call):
    assert call('bundle', 'verify', 'none')[:2] == (3, '')
    assert call('bundle', 'verify', '--', '--json')[:2] == (3, '')


def test_an_interrupt_and_a_fault_are_json_too(call, monkeypatch):
    for error, code, name in ((KeyboardInterrupt(), 130, 'interrupted'), (ZeroDivisionError(), 70, 'internal')):
        @click.command()
        @click.option('--json', is_flag=True)
        def command(json, error=error):
            raise error

        monkeypatch.setattr(verbs.Verbs, 'get_command', lambda self, ctx, word, command=command: command)
        status, out, _ = call('settings', '--json')
        assert status == code and json.loads(out)['code'] == name


@pytest.mark.parametrize('words, meant', [
    (['analize'], 'analyse'), (['trian'], 'train'), (['bundle', 'verfy'], 'verify'), (['bench', 'sock'], 'soak'),
    (['engines', 'lst'], 'list'), (['serve', '--camra', 'sim'], '--camera'), (['bench', '--camra', 'sim'], '--camera'),
    (['doctor', '--jsn'], '--json'), (['doctor', '--camera', 'simm'], 'sim'),
    (['doctor', '--camera', 'simusb:leptn'], 'lepton'), (['doctor', '--camera', 'sim:1?heigth=120'], 'height'),
    (['bundle', 'verify', 'phantom-fpnt'], 'phantom-fpn'), (['choose', 'phantom-fpn'], 'phantom-fpn'),
    (['settings', '--settings', 'section.toml'], 'camera'), (['settings', '--settings', 'name.toml'], 'palette'),
    (['settings', '--settings', 'value.toml'], 'iron'),
])
def test_what_is_misspelt_may_be_meant(call, tmp_path, words, meant):
    (tmp_path / 'section.toml').write_text('[camra]\ncamera = "sim"\n')
    (tmp_path / 'name.toml').write_text('[overlay]\npallette = "iron"\n')
    (tmp_path / 'value.toml').write_text('[overlay]\npalette = "iorn"\n')
    code, out, err = call(*words)
    assert code and not out and 'Did you mean' in err
    assert meant in err.split('Did you mean')[1]


def test_a_setting_in_another_section_is_shown_its_own(call, tmp_path):
    (tmp_path / 's.toml').write_text('[camera]\npalette = "iron"\n')
    assert 'It belongs into [overlay].' in call('settings', '--settings', 's.toml')[2]


def test_the_folder_is_named_for_a_file_in_it(call, tmp_path):
    (tmp_path / 'b').mkdir()
    (tmp_path / 'b' / 'manifest.json').write_text('{}')
    assert 'Name the folder: %s' % (tmp_path / 'b') in call('bundle', 'verify', 'b/manifest.json')[2]


@pytest.mark.parametrize('here, words', [(True, ' -m pip install -r '), (False, 'a checkout of the project')])
def test_a_missing_library_comes_with_what_helps_here(call, monkeypatch, tmp_path, here, words):
    monkeypatch.setattr(verbs, '_CHECKOUT', str(tmp_path))
    if here:
        (tmp_path / 'requirements').mkdir()
        (tmp_path / 'requirements' / 'workstation.txt').write_text('')
    monkeypatch.setattr(verbs, 'registered', lambda: {
        'train': verbs.metadata.EntryPoint('train', 'no_such_package.cli:train', verbs.GROUP)})
    for version, expected in (((3, 11), words), ((3, 6), 'Python 3.11 or newer, and this is 3.6.')):
        monkeypatch.setattr(verbs.sys, 'version_info', version)
        code, out, err = call('train', '--json')
        assert code == 1 and expected in err and json.loads(out)['code'] == 'library-missing'


def test_the_version_has_a_short_name(call):
    assert call('-V') == call('--version') and call('-V')[0] == 0


def test_camera_is_the_name_everywhere_and_source_still_works(call):
    for words in (['bench'], ['bench', 'cold'], ['bench', 'soak', '--hours', '1', '--out', 'o'], ['doctor'], ['serve']):
        shown = call(*(words + ['--help']))[1]
        assert '--camera SPEC' in shown and '--source' not in shown
        assert 'crystal-ball' in call(*(words + ['--source', 'crystal-ball']))[2]


@pytest.mark.parametrize('typed, expected', [('ana', 'analyse'), ('bundle ver', 'verify'), ('serve --cam', '--camera')])
@pytest.mark.parametrize('shell', ['bash', 'zsh', 'fish'])
def test_the_shell_completes(call, monkeypatch, shell, typed, expected):
    monkeypatch.setenv('COMP_WORDS', 'thermoscreen ' + typed)
    monkeypatch.setenv('COMP_CWORD', typed.split()[-1] if shell == 'fish' else str(len(typed.split())))
    monkeypatch.setenv('_THERMOSCREEN_COMPLETE', shell + '_complete')
    assert expected in call()[1]
    assert program.commands == {}, 'nothing was loaded into the group'
