"""A whole simulation of tiny clinics, from the command line to a signed bundle, and back from that bundle."""
import json

import numpy as np
import pytest

torch = pytest.importorskip('torch', reason='PyTorch is not installed: this is the device half')
pytest.importorskip('lightning', reason='the training extra is not installed')

from click.testing import CliRunner  # noqa: E402

from models.federated import ends, simulate  # noqa: E402
from models.federated.cli import federate_command  # noqa: E402
from models.federated.core import digest  # noqa: E402
from models.federated.ends import finish, open_start, plan_of  # noqa: E402
from models.federated.local import network_with  # noqa: E402
from models.federated.rounds import Federation, read_rounds  # noqa: E402
from models.federated.simulate import Camera  # noqa: E402
from models.federated.simulation_report import draw  # noqa: E402
from service.bundle import generate_key, open_bundle, read_signature  # noqa: E402
from service.messages import InputError  # noqa: E402

#: What makes a round of a clinic quick.
SMALL = ('training.samples=4', 'training.batch=4', 'input.height=48')


@pytest.fixture(autouse=True)
def few(monkeypatch):
    """Few phantoms of one kind, and three ways of training."""
    monkeypatch.setattr(simulate, '_TRAIN', (2, 4))
    monkeypatch.setattr(simulate, '_VAL', 2)
    monkeypatch.setattr(simulate, '_TEST', 2)
    monkeypatch.setattr(simulate, '_BODIES', ({'flat': 1.0},))
    monkeypatch.setattr(ends, '_PHANTOMS', 4)
    monkeypatch.setattr(simulate, 'ways_of', lambda setting: [
        simulate.Way('alone', 'alone', 'alone'), simulate.Way('fedavg', 'FedAvg'),
        simulate.Way('pooled', 'pooled', 'pooled'), simulate.Way('lies', 'FedAvg, one lies', fault='lies'),
        simulate.Way('nan', 'FedAvg, one sends NaN', fault='nan')])


def _arguments(out, *more):
    return ['--simulate', '2', '--rounds', '1', '--mu', '0.1', '--workers', '1', '--out', str(out),
            *(part for change in SMALL for part in ('--set', change)), *more]


def _run(*arguments):
    result = CliRunner().invoke(federate_command, list(arguments))
    if isinstance(result.exception, InputError):
        raise result.exception
    return result


def test_a_simulation_ends_in_figures_and_in_a_signed_bundle_that_another_can_start_from(tmp_path):
    generate_key(str(tmp_path / 'release.pem'))
    out = tmp_path / 'out'
    result = _run(*_arguments(out, '--bundle', '--key', str(tmp_path / 'release.pem')))
    assert result.exit_code == 0, result.output
    report = json.loads((out / 'simulation.json').read_text(encoding='utf-8'))
    assert list(report['ways']) == ['alone', 'fedavg', 'pooled', 'lies', 'nan']
    assert report['ways']['nan']['refused'] == {'clinic-02': {'update-not-finite': 1}}
    assert report['ways']['lies']['capped']['clinic-02'][0] == 10 ** 9
    own = {site['name']: site['train'] for site in report['sites']}
    assert report['ways']['lies']['capped']['clinic-02'][1] == own['clinic-02']
    for way in report['ways'].values():
        for score in way['scores'].values():
            assert 0 <= score['ci95'][0] <= score['ci95'][1] <= 1
    assert (out / 'simulation.png').read_bytes() == draw(report) and '| FedAvg |' in result.output

    bundle = open_bundle(str(out / 'run' / 'bundle'))
    assert read_signature(bundle.folder) is not None
    stated = bundle.manifest['training_data']
    assert '2 clinics (clinic-01, clinic-02)' in stated and '1 of 1 rounds of FedAvg' in stated
    assert bundle.manifest['metrics']['federation']['weights_sha256'] == report_weights(out)

    # Its normalisation is merged into the convolutions; taken apart again it gives the same answers.
    start = open_start(bundle.folder, 'federated-small', SMALL)
    network = network_with(start.arrays, start.recipe).eval()
    original = network_with(read_rounds(out / 'rounds' / 'fedavg').arrays, start.recipe).eval()
    picture = torch.rand(2, 1, 48, 80, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected, answer = original(picture).regions, network(picture).regions
    assert float((expected - answer).abs().max()) < 1e-3 * float(expected.abs().max())
    # In training each batch is normalised by itself, and the statistics of phantoms are near those of a batch.
    assert all((array >= 0).all() for name, array in start.arrays.items() if name.endswith('running_var'))

    with pytest.raises(InputError, match='simulation-other'):
        _run(*_arguments(out, '--seed', '7'))


def report_weights(out):
    return json.loads((out / 'rounds' / 'fedavg' / 'rounds.json').read_text())['records'][-1]['weights']


def test_nothing_learned_is_nothing_delivered(tmp_path):
    start = open_start('', 'federated-small', SMALL)
    plan = plan_of(start, {'a': 1, 'b': 1}, 1)
    records = [{'round': 0, 'outcome': 'kept', 'sites': {}, 'scores': {}, 'weights': digest(start.arrays)},
               {'round': 1, 'outcome': 'void', 'sites': {}, 'weights': digest(start.arrays)}]
    with pytest.raises(InputError, match='federation-nothing-learned'):
        finish(plan, Federation(start.arrays, records), tmp_path / 'run', start.source)
    assert not (tmp_path / 'run').exists()


def test_starts_that_do_not_fit_are_refused(tmp_path):
    with pytest.raises(InputError, match='start-missing'):
        open_start(str(tmp_path / 'nowhere'))
    with pytest.raises(InputError, match='start-other-network'):
        open_start('service/bundles/phantom-fpn', 'federated-small')


def test_the_command_says_what_is_missing(tmp_path):
    (tmp_path / 'full').mkdir()
    (tmp_path / 'full' / 'letter.txt').write_text('mine')
    with pytest.raises(InputError, match='out-not-empty'):
        _run(*_arguments(tmp_path / 'full'))
    for arguments in ([], ['--simulate', '2'], ['--simulate', '1', '--out', 'x'], ['--simulate', '21', '--out', 'x'],
                      ['--simulate', '2', '--out', 'x', '--mu', 'nan'],
                      ['--simulate', '2', '--out', 'x', '--key', 'k']):
        assert CliRunner().invoke(federate_command, arguments).exit_code == 2


def test_a_worse_camera_shows_the_same_scene_otherwise():
    scene = np.full((48, 64), 30, np.float32)
    scene[:, 32:] = 34
    seen = Camera(0.0, 1.0, 0.5, 0.0, 1.0).see(np.random.default_rng(0), scene)
    assert seen.dtype == np.float32 and np.allclose(seen[0, [0, -1]], (32, 34), atol=1e-3)
    blurred = Camera(0.0, 0.0, 1.0, 0.05, 0.5).see(np.random.default_rng(0), scene)
    assert blurred.shape == scene.shape and 30.5 < blurred[0, 30] < 33.5
    noisy = Camera(0.2, 0.0, 1.0, 0.0, 1.0).see(np.random.default_rng(0), scene)
    assert 0.15 < (noisy - scene).std() < 0.25
