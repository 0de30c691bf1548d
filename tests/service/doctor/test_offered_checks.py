"""Checks that other packages offer: shown after the doctor's own, never in their way."""
import sys
import types

from service import doctor
from service.doctor import examine
from service.messages import OK, WARNING, Message
from service.settings import Settings


def _offer(monkeypatch, **targets):
    monkeypatch.setattr(doctor, 'CHECKS', ())
    monkeypatch.setattr(doctor, 'offered', lambda group: targets if group == 'thermoscreen.checks' else {})
    module = types.ModuleType('offering')
    module.good = lambda settings: Message('good-ok', 'Threads: %d.' % settings.threads, severity=OK)
    module.silent = lambda settings: None
    module.broken = lambda settings: 1 // 0
    monkeypatch.setitem(sys.modules, 'offering', module)


def test_they_are_asked_with_the_settings(monkeypatch):
    _offer(monkeypatch, good='offering:good')
    assert examine(Settings(threads=3)) == [Message('good-ok', 'Threads: 3.', severity=OK)]


def test_what_does_not_concern_the_machine_is_not_shown(monkeypatch):
    _offer(monkeypatch, silent='offering:silent')
    assert examine(Settings()) == []


def test_broken_and_missing_ones_stop_no_other(monkeypatch):
    _offer(monkeypatch, a='offering:broken', b='nowhere.to.be.found:check', c='offering:no_such', d='offering:good')
    reports = examine(Settings())
    assert [report.severity for report in reports] == [WARNING] * 3 + [OK]
    assert all(report.code == 'check-failed' and report.next_step for report in reports[:3])
    assert 'ZeroDivisionError' in reports[0].sentence


def test_one_of_them_can_be_asked_again_and_again(monkeypatch):
    _offer(monkeypatch, good='offering:good', broken='offering:broken')
    check = doctor.offered_check('good')
    assert [check(Settings(threads=number)).sentence for number in (1, 2)] == ['Threads: 1.', 'Threads: 2.']
    assert doctor.offered_check('broken')(Settings()).code == 'check-failed'
    assert doctor.offered_check('nobody') is None


def test_nothing_is_offered_in_a_bare_checkout(monkeypatch):
    _offer(monkeypatch)
    assert examine(Settings()) == []
