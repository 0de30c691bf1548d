"""Many rounds: kept, void and not kept; killed and gone on with."""
import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from models.federated import rounds
from models.federated.core import Update, digest
from models.federated.rounds import read_rounds, run_rounds
from service.messages import InputError

from .clinics import BOTTOMS, START, Parabolas, plan


def _outcomes(federation):
    return [record['outcome'] for record in federation.records]


def test_rounds_lead_to_weights_that_all_clinics_like_better(tmp_path):
    told, lines = [], []
    done = run_rounds(plan(), START, Parabolas(mu=0.1), tmp_path, lambda event, facts: told.append((event, facts)),
                      lines.append)
    assert _outcomes(done) == ['kept'] * 5 and done.kept == 4
    first, last = done.records[0]['scores'], done.records[-1]['scores']
    assert all(last[site] >= first[site] - 0.02 for site in BOTTOMS)
    assert [event for event, _ in told] == ['federation-begun'] + ['federation-round'] * 5 + ['federation-ended']
    assert told[-1][1]['weights'] == digest(done.arrays) and len(lines) == 5
    stored = read_rounds(tmp_path)
    assert digest(stored.arrays) == digest(done.arrays) and stored.records == done.records
    with np.load(tmp_path / 'round-0004.npz', allow_pickle=False) as file:
        assert digest(dict(file)) == done.records[4]['weights']


@pytest.mark.parametrize('dies', [0, 1, 3, 4])
def test_a_killed_server_ends_with_the_same_bytes(tmp_path, dies):
    whole = run_rounds(plan(), START, Parabolas(mu=0.1), tmp_path / 'whole')
    killed = Parabolas(mu=0.1, dies=dies)
    if dies == 0:
        killed.score = killed.train
    with pytest.raises(KeyboardInterrupt):
        run_rounds(plan(), START, killed, tmp_path / 'killed')
    again = Parabolas(mu=0.1)
    resumed = run_rounds(plan(), START, again, tmp_path / 'killed')
    assert digest(resumed.arrays) == digest(whole.arrays) and resumed.records == whole.records
    assert again.rounds == list(range(max(dies, 1), 5))


def test_a_kill_between_weights_and_record_repeats_the_round(tmp_path, monkeypatch):
    whole = run_rounds(plan(), START, Parabolas(), tmp_path / 'whole')
    write = rounds.atomic_write_json

    def killed(path, document):
        if document['records'][-1]['round'] == 2:
            raise KeyboardInterrupt
        write(path, document)

    monkeypatch.setattr(rounds, 'atomic_write_json', killed)
    with pytest.raises(KeyboardInterrupt):
        run_rounds(plan(), START, Parabolas(), tmp_path / 'killed')
    monkeypatch.undo()
    assert (tmp_path / 'killed' / 'round-0002.npz').exists()
    assert digest(run_rounds(plan(), START, Parabolas(), tmp_path / 'killed').arrays) == digest(whole.arrays)


def test_a_process_that_is_killed_lets_go_of_the_folder(tmp_path):
    code = ('import os, signal, sys\nfrom pathlib import Path\n'
            'from models.federated.rounds import run_rounds\n'
            'from tests.models.federated.clinics import START, Parabolas, plan\n'
            'clinics = Parabolas(mu=0.1)\nasked = clinics.train\n'
            'clinics.train = lambda number, arrays: (os.kill(os.getpid(), signal.SIGKILL) if number == 3\n'
            '                                        else asked(number, arrays))\n'
            'run_rounds(plan(), START, clinics, Path(sys.argv[1]))\n')
    done = subprocess.run([sys.executable, '-c', code, str(tmp_path / 'killed')], cwd=os.getcwd(), timeout=60)
    assert done.returncode == -signal.SIGKILL
    whole = run_rounds(plan(), START, Parabolas(mu=0.1), tmp_path / 'whole')
    assert digest(run_rounds(plan(), START, Parabolas(mu=0.1), tmp_path / 'killed').arrays) == digest(whole.arrays)


def test_a_void_round_and_one_that_makes_a_clinic_worse_keep_the_weights_before(tmp_path):
    def nan_in_round_2(update):
        calls.append(1)
        return update if len(calls) != 2 else Update(dict(update.arrays, w=update.arrays['w'] * np.nan), update.scalars)

    calls = []
    clinics = Parabolas(changed={'north': nan_in_round_2, 'south': lambda update: 'no-answer'})
    lines = []
    done = run_rounds(plan(), START, clinics, tmp_path / 'void', say=lines.append)
    assert _outcomes(done) == ['kept', 'kept', 'void', 'kept', 'kept']
    assert done.records[2]['weights'] == done.records[1]['weights']
    assert 'north refused (update-not-finite)' in lines[2] and 'south absent (no-answer)' in lines[2]
    assert not (tmp_path / 'void' / 'round-0002.npz').exists()

    falling = Parabolas(scores={'east': lambda arrays: 0.9 if not arrays['w'].any() else 0.5})
    done = run_rounds(plan(), START, falling, tmp_path / 'worse')
    assert _outcomes(done) == ['kept'] + ['worse'] * 4 and done.kept == 0
    assert done.records[1]['below'] == ['east'] and digest(done.arrays) == digest(START)


def test_a_clinic_cannot_change_the_weights_of_the_server(tmp_path):
    def vandal(arrays):
        arrays['w'][:] = 7
        return 0.5

    done = run_rounds(plan(rounds=1), START, Parabolas(scores={'north': vandal}), tmp_path)
    assert done.records[0]['weights'] == digest(START)


def test_other_plans_other_starts_damage_and_two_servers_are_refused(tmp_path):
    run_rounds(plan(rounds=1), START, Parabolas(), tmp_path)
    for wrong_plan, start in ((plan(rounds=2), START), (plan(rounds=1), dict(START, w=np.ones(3, np.float32)))):
        with pytest.raises(InputError, match='federation-other'):
            run_rounds(wrong_plan, start, Parabolas(), tmp_path)
    with rounds._alone(tmp_path), pytest.raises(InputError, match='federation-running'):
        run_rounds(plan(rounds=1), START, Parabolas(), tmp_path)
    weights = tmp_path / 'round-0001.npz'
    weights.write_bytes(weights.read_bytes()[:-60])
    with pytest.raises(InputError, match='federation-damaged'):
        read_rounds(tmp_path)
    (tmp_path / 'rounds.json').write_text('{"records": []}')
    with pytest.raises(InputError, match='federation-damaged'):
        read_rounds(tmp_path)
    with pytest.raises(InputError, match='federation-start'):
        run_rounds(plan(), {'n': np.array(3)}, Parabolas(), tmp_path / 'whole numbers')
