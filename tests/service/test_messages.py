"""One message for everything that a person is told, and the errors that carry one."""
import json

import pytest

from service import messages
from service.messages import (
    INFO,
    OK,
    PROBLEM,
    SEVERITIES,
    WARNING,
    InputError,
    Message,
    StorageError,
    ThermoscreenError,
    printable,
    shown_size,
    worst,
)

ERRORS = [kind for kind in vars(messages).values()
          if isinstance(kind, type) and issubclass(kind, ThermoscreenError) and kind is not ThermoscreenError]


def test_text_is_sentence_and_next_step():
    assert Message('lens', 'The lens is covered.', 'Uncover it.').text == 'The lens is covered. Uncover it.'
    assert Message('lens', 'The lens is clear.', severity=OK).text == 'The lens is clear.'


def test_json_has_four_keys_and_the_rest_where_there_is_any():
    plain = Message('lens', 'The lens is clear.', severity=OK).to_dict()
    assert plain == {'code': 'lens', 'severity': 'ok', 'sentence': 'The lens is clear.', 'next_step': ''}
    full = Message('hot', 'The board is hot.', 'Clear its fan.', WARNING, 'board', {'celsius': 91.5})
    assert json.loads(json.dumps(full.to_dict())) == {
        'code': 'hot', 'severity': 'warning', 'sentence': 'The board is hot.', 'next_step': 'Clear its fan.',
        'subject': 'board', 'facts': {'celsius': 91.5}}


def test_a_message_cannot_be_changed_through_its_json():
    message = Message('hot', 'The board is hot.', facts={'celsius': 91.5})
    message.to_dict()['facts']['celsius'] = 20
    assert message.facts == {'celsius': 91.5}
    with pytest.raises(AttributeError):
        message.code = 'cold'


def test_messages_without_facts_share_none():
    first, second = Message('a', 'A.'), Message('a', 'A.')
    assert first == second and first.facts is not second.facts


def test_a_message_is_a_problem_unless_it_says_otherwise():
    assert Message('a', 'A.').severity == PROBLEM
    for severity in SEVERITIES:
        assert Message('a', 'A.', severity=severity).severity == severity
    with pytest.raises(ValueError, match='ok, info, warning, problem'):
        Message('a', 'A.', severity='fatal')


#: Names that act, hide, or look like another, and how they are shown.
ODD = [('\x1b[2Jgone', r'\x1b[2Jgone'), ('a\nWARNING all is well', r'a\nWARNING all is well'), ('a\r\tb', r'a\r\tb'),
       ('\u202egnp.exe', r'\u202egnp.exe'), ('a\u200fb\u2066c', r'a\u200fb\u2066c'), ('a\u200bb', r'a\u200bb'),
       ('a\u00a0b', r'a\xa0b'), ('a\u3000b', r'a\u3000b'), ('a\u3164b', r'a\u3164b'), ('a\ufe0fb', r'a\ufe0fb'),
       ('a\u2800b', r'a\u2800b'), ('a\xadb', r'a\xadb'), ('\udcff', r'\udcff'), ('Mu\u0308ller', r'Mu\u0308ller'),
       ('q\u0307\u0323', r'q\u0307\u0323'.replace(r'\u0307', '\u0307')), ('36.5 \u212b', r'36.5 \u212b'),
       ('\u1112\u1161\u11ab', '\u1112' + r'\u1161' + '\u11ab'), ('\U000e0041', r'\U000e0041')]


@pytest.mark.parametrize('text, shown', ODD)
def test_what_acts_hides_or_looks_like_another_is_shown_as_its_escape(text, shown):
    assert printable(text) == shown == printable(shown)
    for told in (Message('c', text), Message('c', 'All is well.', text), Message('c', 'All is well.', subject=text)):
        assert shown in (told.sentence, told.next_step, told.subject)
    assert str(InputError('c', text)) == shown + ' [c]'


@pytest.mark.parametrize('text', ['frontal 01.csv', 'M\xfcller 36,5 \xb0C', '\u5de6\u4e73.png', '\u05d0\u05d1.csv',
                                  '\u0e19\u0e33', 'q\u0323\u0307', 'a\\b', ''])
def test_names_in_any_script_stay(text):
    assert printable(text) == text


def test_no_two_names_look_the_same():
    twins = ['M\xfcller', 'Mu\u0308ller', 'M\xfcller\u200b', 'M\u200d\xfcller', '\u202eM\xfcller', 'M\xfcller\ufe0e',
             'M\xfcller\xa0', 'M\xfcller ', 'M\xfc\u034fller']
    assert len({printable(name) for name in twins}) == len(twins)


def test_worst_is_the_gravest_severity():
    assert worst() == OK
    assert worst(INFO, OK) == INFO and worst(WARNING, PROBLEM, OK) == PROBLEM and worst(INFO, WARNING) == WARNING


@pytest.mark.parametrize('kind', ERRORS)
def test_an_error_carries_its_message(kind):
    error = kind('file-truncated', 'The file is cut off.', 'Copy it again.', 'read 7 of 9 bytes')
    assert error.message == Message('file-truncated', 'The file is cut off.', 'Copy it again.')
    assert error.code == 'file-truncated' and error.detail == 'read 7 of 9 bytes'
    assert str(error) == 'The file is cut off. Copy it again. [file-truncated]'
    assert error.to_dict() == dict(error.message.to_dict(), detail='read 7 of 9 bytes')


def test_an_error_without_a_next_step_is_one_sentence():
    assert str(InputError('empty', 'The folder is empty.')) == 'The folder is empty. [empty]'


def test_errors_have_exit_codes_of_their_own():
    """2 is shared by what the user typed and what the settings file says."""
    codes = {kind.__name__: kind.exit_code for kind in ERRORS}
    assert codes == {'InputError': 2, 'SettingsError': 2, 'BundleError': 3, 'BackendError': 4, 'CameraError': 5,
                     'StorageError': 6}
    assert ThermoscreenError.exit_code == 1 and (InputError.http_status, StorageError.http_status) == (400, 507)
    assert all(400 <= kind.http_status < 600 for kind in ERRORS)


@pytest.mark.parametrize('size_bytes, text', [
    (0, '0 bytes'), (1023, '1023 bytes'), (1024, '1.0 KiB'), (16 << 10, '16 KiB'), (1536 << 10, '1.5 MiB'),
    (1048575, '1.0 MiB'), (64 << 20, '64 MiB'), (9.96 * 1024 * 1024, '10 MiB'), (29.5 * (1 << 30), '30 GiB'),
    (5000 << 30, '4.9 TiB')])
def test_sizes_are_said_in_a_unit_that_fits(size_bytes, text):
    assert shown_size(size_bytes) == text
