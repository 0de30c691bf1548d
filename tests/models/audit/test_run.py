"""A planted confound is detected and named; a clean signal beats every control."""
import json

import pytest

pytest.importorskip('torch', reason='PyTorch is not installed: this is the device half')

from click.testing import CliRunner  # noqa: E402

from models.audit import cli  # noqa: E402
from models.audit.comparison import Rows  # noqa: E402
from models.audit.protocol import Protocol  # noqa: E402
from models.audit.report import markdown, terminal, write_report  # noqa: E402
from models.audit.run import run_audit  # noqa: E402
from models.reports import to_json  # noqa: E402
from service.messages import InputError  # noqa: E402
from tests.fakes.pipelines import stub_pipeline  # noqa: E402

from . import worlds  # noqa: E402

QUICK = Protocol(folds=3, repeats=1, inner_folds=2, draws=300)


def run(collection, protocol=QUICK):
    with stub_pipeline() as pipeline:
        return run_audit(collection, pipeline, protocol)


def rows(report, group='controls'):
    return {row['name']: row for row in report[group]}


@pytest.fixture(scope='module')
def confounded():
    return run(worlds.world(background=True, pattern=True, facts=lambda place: {'dialect': 'space'}))


@pytest.fixture(scope='module')
def clean():
    return run(worlds.world(count=32, pattern=True,
                            facts=lambda place: {'dialect': ('space', 'semicolon')[place // 2 % 2]}))


def test_a_confound_beside_a_perfect_model_is_named(confounded):
    assert rows(confounded, 'models')['regions']['auc'] > 0.95
    assert rows(confounded)['background']['auc'] > 0.95
    assert confounded['verdicts'][0]['code'] == 'explained'
    assert 'background' in confounded['verdict'] and 'not evidence of a disease pattern' in confounded['verdict']


def test_a_constant_control_gets_a_note_instead_of_an_auc(confounded):
    row = rows(confounded)['file dialect']
    assert row['auc'] is None and row['auc_ci95'] is None and row['note'] == 'constant: nothing to learn'
    assert rows(confounded)['date']['note'] == 'not stated in this collection'


def test_a_clean_signal_beats_every_control(clean):
    assert clean['verdicts'][0] == {'model': 'regions', 'code': 'beats', 'sentence': clean['verdict']}
    assert all(row['auc'] < 0.8 for row in clean['controls'] if row['auc'] is not None)
    assert clean['added']['difference'] > 0.2


def test_two_dialects_give_a_warning_with_a_remedy(clean, confounded):
    assert len(clean['warnings']) == 1 and '--where dialect=' in clean['warnings'][0]
    assert confounded['warnings'] == []


def test_rows_carry_patients_and_an_operating_point(clean):
    row = rows(clean, 'models')['regions']
    assert row['n'] == 32 and row['auc_ci95'][0] <= row['auc'] <= row['auc_ci95'][1]
    assert row['sensitivity']['n'] == row['specificity']['n'] == 16
    assert row['sensitivity']['ci95'][0] < row['sensitivity']['value'] <= row['sensitivity']['ci95'][1]


def test_the_report_is_strict_json_and_names_what_it_is(clean):
    document = json.loads(to_json(clean))
    assert document['schema'] == 1 and document['kind'] == 'confound-audit'
    assert document['protocol']['folds'] == 3 and 'bootstrap' in document['meaning']
    assert {'name', 'n', 'auc', 'auc_ci95', 'note'} <= set(document['controls'][0])
    assert '32 patients (16 Healthy, 16 Sick)' in document['data']
    assert document['bundle']['id'] == 'stub' and 'Regions predicted by stub 1.0.0' in terminal(clean)


def test_both_texts_contain_every_row_and_the_verdict(confounded):
    for text in (terminal(confounded), markdown(confounded)):
        assert confounded['verdict'] in text
        for group in ('models', 'controls', 'variants', 'checks'):
            assert all(row['name'] in text for row in confounded[group])


def test_files(clean, tmp_path):
    write_report(tmp_path / 'audit', clean)
    assert sorted(path.name for path in (tmp_path / 'audit').iterdir()) == ['audit.json', 'audit.md', 'audit.svg']
    assert (tmp_path / 'audit' / 'audit.svg').read_text().lstrip().startswith('<?xml')
    write_report(tmp_path / 'audit', clean)  # an earlier audit is replaced
    (tmp_path / 'other').mkdir()
    (tmp_path / 'other' / 'thesis.txt').write_text('dear')
    with pytest.raises(InputError, match='holds something'):
        write_report(tmp_path / 'other', clean)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith('.')] == []


def test_a_picture_without_regions_is_counted(monkeypatch):
    monkeypatch.setattr(Rows, 'of_table', lambda self, name, what, table: self._empty(name, what, 'not asked'))
    world = worlds.world(count=6)
    frozen = worlds.sample('frozen', 'frozen', 0, skin_c=-8.0)
    report = run(type(world)('made', (frozen,) + world.samples, world.classes, world.regions))
    assert 'no regions in 1 of 7 pictures' in report['warnings'][0]
    assert report['verdict'] == 'No model had anything to learn from.'


def test_command_writes_and_prints(tmp_path, monkeypatch, clean):
    seen = {}

    def fake(collection, pipeline, protocol, positive, networks, progress):
        seen.update(collection=collection, protocol=protocol, networks=networks)
        return clean

    monkeypatch.setattr('models.audit.run.run_audit', fake)
    words = ['--data', 'phantoms:3:8', '--out', str(tmp_path / 'a'), '--folds', '4', '--repeats', '2', '--json']
    result = CliRunner().invoke(cli.confounds, words, catch_exceptions=False)
    assert result.exit_code == 0 and json.loads(result.output)['verdict'] == clean['verdict']
    assert (tmp_path / 'a' / 'audit.json').is_file() and len(seen['collection']) == 8
    assert (seen['protocol'].folds, seen['protocol'].repeats, seen['networks']) == (4, 2, {})


@pytest.mark.parametrize('words, code', [
    (['--data', 'nowhere'], 'folder-missing'),
    (['--data', 'phantoms:0:7'], 'fold-without-class'),
    (['--data', 'phantoms:0:1'], 'one-class'),
    (['--data', 'phantoms:0:40', '--where', 'dialect=space'], 'fact-unknown'),
    (['--data', 'phantoms:0:40', '--networks', 'unet_lite'], 'architecture-no-finding'),
    (['--data', 'phantoms:0:40', '--networks', 'nonesuch'], 'architecture-unknown')])
def test_a_refused_audit_leaves_nothing_behind(words, code, tmp_path):
    result = CliRunner().invoke(cli.confounds, words + ['--out', str(tmp_path / 'a')])
    assert isinstance(result.exception, InputError) and result.exception.code == code
    assert not list(tmp_path.iterdir())
