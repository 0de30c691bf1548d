"""`thermoscreen choose`: the table, the JSON, and the choice that a service then follows."""
import json
import os
import sys

import pytest
from click.testing import CliRunner

from service.bundle import open_bundle
from service.cli import program
from service.cli.main import main
from service.pipeline import Pipeline
from service.selection import Runtime
from tests.fakes import bundles, signing
from tests.fakes.variants import document, files, write_variants


@pytest.fixture(scope='module')
def keys(tmp_path_factory):
    """Settings file that trusts the tests' key."""
    folder = tmp_path_factory.mktemp('keys')
    (folder / 'settings.toml').write_text('[model]\ntrusted_keys = "%s"\nthreads = 1\n'
                                          % signing.write_public(folder / 'public'))
    return str(folder / 'settings.toml')


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return signing.sign(write_variants(tmp_path_factory.mktemp('variants') / 'bundle'))


@pytest.fixture(scope='module')
def spoiled(tmp_path_factory):
    """A bundle whose int8-qdq promises more than it keeps."""
    manifest = document()
    manifest['variants']['int8-qdq']['golden'] = {'labels_agreement': 1.0, 'confidence_tolerance': 1e-9,
                                                  'finding_tolerance': 1e-9}
    return signing.sign(bundles.write(tmp_path_factory.mktemp('spoiled') / 'bundle', manifest, files()))


@pytest.fixture
def engines(tmp_path):
    return str(tmp_path / 'engines')


def choose(keys, *arguments):
    result = CliRunner().invoke(program, ['choose', '--settings', keys, '--frames', '1', '--rounds', '2']
                                + list(arguments))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def test_the_table_has_every_figure_and_none_for_a_failed_row(keys, spoiled, engines):
    result = choose(keys, spoiled, '--engines', engines)
    assert result.exit_code == 0
    rows = {line.split()[0]: line.split()[1:] for line in result.output.splitlines() if line.startswith('onnx')}
    assert set(rows) == {'onnxruntime-cpu:' + name for name in
                         ('fp32', 'fp16', 'int8-qdq', 'fp32-logits', 'fp16-logits')}
    median, p90, n, labels, megabytes, start_s = map(float, rows['onnxruntime-cpu:fp32'])
    assert 0 < median <= p90 and n == 4 and labels == 1 and start_s >= 0 and megabytes >= 0
    failed = rows['onnxruntime-cpu:int8-qdq']
    assert failed[0] == 'failed:' and failed[-1] == '[golden-mismatch]'
    assert 'Chosen: onnxruntime-cpu:' in result.output and 'Chosen: onnxruntime-cpu:int8' not in result.output
    assert 'Passed over onnxruntime-cuda:fp32 and 4 more: ONNX Runtime' in result.output
    assert not os.path.exists(engines)


def test_json_has_what_the_table_has(keys, spoiled, engines):
    result = choose(keys, spoiled, '--engines', engines, '--json')
    report = json.loads(result.output)
    assert report['frames'] == 2 and report['rounds'] == 2 and report['written'] is None
    assert report['bundle'] == open_bundle(spoiled).manifest.identity and report['machine']['threads'] == 1
    rows = {row['name']: row for row in report['candidates']}
    assert rows['onnxruntime-cpu:int8-qdq']['problem']['code'] == 'golden-mismatch'
    assert rows[report['chosen']]['median_ms'] == min(row['median_ms'] for row in rows.values() if not row['excluded'])


def test_a_written_choice_is_followed(keys, folder, engines):
    result = choose(keys, folder, '--engines', engines, '--write')
    with open(os.path.join(engines, 'choice.json')) as stream:
        written = json.load(stream)
    assert result.exit_code == 0 and written['chosen'] in result.output and engines in result.output
    with Pipeline.from_folder(folder, runtime=Runtime(engines=engines, threads=1)) as pipeline:
        backend = pipeline.backend
    assert 'onnxruntime-cpu:' + backend['variant'] == written['chosen'] and backend['passed_over'] == []
    # The file decides: the service runs whatever it names.
    other = 'int8-qdq' if backend['variant'] != 'int8-qdq' else 'fp16'
    with open(os.path.join(engines, 'choice.json'), 'w') as stream:
        json.dump(dict(written, chosen='onnxruntime-cpu:' + other), stream)
    with Pipeline.from_folder(folder, runtime=Runtime(engines=engines, threads=1)) as pipeline:
        assert pipeline.backend['variant'] == other


def run(monkeypatch, capsys, *arguments):
    monkeypatch.setattr(sys, 'argv', ['thermoscreen', 'choose'] + list(arguments))
    with pytest.raises(SystemExit) as caught:
        main()
    return caught.value.code, capsys.readouterr().err


def test_an_unwritable_folder_is_reported_before_anything_is_measured(monkeypatch, capsys, tmp_path, keys, folder):
    (tmp_path / 'file').write_text('')
    code, said = run(monkeypatch, capsys, folder, '--settings', keys, '--engines', str(tmp_path / 'file'), '--write')
    assert code == 6 and said.count('\n') == 1 and '[engine-store-unwritable]' in said
    code, said = run(monkeypatch, capsys, folder, '--settings', keys, '--engines', '', '--write')
    assert code == 2 and '[engines-unset]' in said and '--engines' in said


def test_an_unsigned_bundle_is_not_measured(monkeypatch, capsys, tmp_path, keys):
    code, said = run(monkeypatch, capsys, write_variants(tmp_path / 'unsigned'), '--settings', keys)
    assert code == 3 and '[bundle-unsigned]' in said and said.count('\n') == 1


def test_no_bundle_and_no_rounds(monkeypatch, capsys, tmp_path, keys):
    assert run(monkeypatch, capsys, str(tmp_path), '--settings', keys)[0] == 3
    assert run(monkeypatch, capsys, str(tmp_path), '--rounds', '0')[0] == 2
