import json

import pytest

from models.federated.core import Answers, Update
from models.federated.kits import OUTCOME, SITE, open_kit
from models.federated.launching import DONE, LATE, TOO_FEW, Chain, probe, report, report_lines
from models.federated.rounds import run_rounds
from service.messages import InputError
from service.operators.chain import EMPTY, follow, read_lines

from .clinics import START, Parabolas, plan
from .kit_folders import Root, make_kit


class Fallible(Parabolas):
    """Of its clinics, east reports an error, and south is silent from round 2 on and then gone."""

    def train(self, number, arrays):
        return self._without(number, super().train(number, arrays))

    def score(self, number, arrays):
        return self._without(number, super().score(number, arrays))

    def _without(self, number, answers):
        absent = {'east': 'failed'}
        if number >= 2:
            absent['south'] = 'no-answer' if number == 2 else 'not-joined'
        return Answers({site: update for site, update in answers.updates.items() if site not in absent}, absent)


def test_report_says_who_was_missing_when_and_why(tmp_path):
    agreed = plan(quorum=1, rounds=3)
    run_rounds(agreed, START, Fallible(), tmp_path)
    document = report(agreed, set(agreed.sites), DONE, tmp_path)
    assert document['missing'] == ['east', 'south'] and document['rounds'] == 3
    assert document['sites']['north'] == {'used': 3, 'reasons': {}}
    assert document['sites']['south'] == {'used': 1, 'reasons': {'no-answer': [2], 'not-joined': [3]}}
    lines = report_lines(document)
    assert lines[0] == 'The run ended; 3 of 3 rounds are finished, and %d changed the network.' % document['kept']
    assert 'east: used in 0 of 3 rounds; in round 0, 1, 2, 3 it reported an error, which its own log explains.' in lines
    json.dumps(document, allow_nan=False)


def test_report_of_refused_updates(tmp_path):
    agreed = plan(rounds=1)
    run_rounds(agreed, START, Parabolas(changed={
        'north': lambda update: Update(update.arrays, {'count': -4})}), tmp_path)
    document = report(agreed, set(agreed.sites), DONE, tmp_path)
    assert document['sites']['north'] == {'used': 0, 'reasons': {'update-count': [1]}}
    assert 'north: used in 0 of 1 rounds; in round 1 it was refused (update-count).' in report_lines(document)


def test_report_of_a_run_that_did_not_begin(tmp_path):
    agreed = plan()
    document = report(agreed, {'north'}, TOO_FEW, tmp_path)
    assert document['missing'] == ['east', 'south'] and document['rounds'] == document['kept'] == 0
    assert 'too few clinics' in report_lines(document)[0]
    assert 'east: used in 0 of 0 rounds; it was not connected.' in report_lines(document)


def test_report_of_a_late_run_names_the_way_on(tmp_path):
    run_rounds(plan(rounds=1), START, Parabolas(), tmp_path)
    (tmp_path / OUTCOME).write_text(json.dumps({'code': 'federation-aborted', 'sentence': 'It was stopped.'}))
    lines = report_lines(report(plan(), set(plan().sites), LATE, tmp_path))
    assert 'It was stopped.' in lines and lines[-1] == 'The same command goes on after round 1.'


# -- the audit chain


def test_chain_goes_on_and_takes_every_line_once(tmp_path):
    log = tmp_path / 'audit.log'
    log.write_text('[E:1] one\n[E:2] two\n')
    with Chain(tmp_path / 'chain') as chain:
        chain.append('run-started', sites=['north'])
        chain.take(log)
        chain.take(tmp_path / 'none')
    log.write_text('[E:1] one\n[E:2] two\n[E:3] three\n')
    # A power cut while an entry was written.
    with open(tmp_path / 'chain' / '00000001.jsonl', 'ab') as stream:
        stream.write(b'{"half')
    with Chain(tmp_path / 'chain') as chain:
        chain.take(log)
    key = (tmp_path / 'chain' / 'key').read_bytes()
    entries = [entry for entry, _ in follow(read_lines(str(tmp_path / 'chain')), EMPTY, key)]
    assert [entry['facts'].get('line') for entry in entries] == [None, '[E:1] one', '[E:2] two', '[E:3] three']


def test_changed_chain_is_refused(tmp_path):
    with Chain(tmp_path) as chain:
        chain.append('run-started')
        chain.append('run-ended')
    path = tmp_path / '00000001.jsonl'
    path.write_bytes(path.read_bytes().replace(b'run-started', b'run-stopped'))
    with pytest.raises(InputError, match='Entry 1 '):
        Chain(tmp_path)


def test_probe_of_nobody(tmp_path):
    kit = open_kit(make_kit(tmp_path / 'north', Root()), SITE)
    with pytest.raises(InputError) as caught:
        probe(kit._replace(port=1))
    assert caught.value.code == 'server-absent'
