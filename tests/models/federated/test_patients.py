"""The same patient in two clinics is found by tokens that name nobody."""
import json

import pytest

pytest.importorskip('torch', reason='PyTorch is not installed: this is the device half')

from click.testing import CliRunner  # noqa: E402

from models.federated.cli import federate_command  # noqa: E402
from models.federated.patients import common_tokens, read_key, token, write_tokens  # noqa: E402
from service.messages import InputError  # noqa: E402

KEY, OTHER = b'k' * 32, b'o' * 32


def test_one_woman_in_two_clinics_is_counted_and_not_named(tmp_path):
    assert write_tokens(tmp_path / 'north', 'north', ['4711', '0815', 'A 12'], KEY) == 3
    write_tokens(tmp_path / 'south', 'south', ['4712', ' a  12 '], KEY)
    write_tokens(tmp_path / 'east', 'east', ['1', '2'], KEY)
    pairs, shared = common_tokens([tmp_path / 'north', tmp_path / 'south', tmp_path / 'east'])
    assert pairs == {('north', 'south'): 1, ('north', 'east'): 0, ('south', 'east'): 0}
    assert shared == [token('A 12', KEY)]
    assert token('A 12', OTHER) not in shared
    handed_in = (tmp_path / 'north').read_text()
    assert '4711' not in handed_in and KEY.decode() not in handed_in


def test_two_keys_short_keys_and_other_files_are_refused(tmp_path):
    for name, key in (('a', KEY), ('b', OTHER)):
        write_tokens(tmp_path / name, name, ['1'], key)
    with pytest.raises(InputError, match='tokens-other-key'):
        common_tokens([tmp_path / 'a', tmp_path / 'b'])
    with pytest.raises(InputError, match='tokens-twice'):
        common_tokens([tmp_path / 'a', tmp_path / 'a'])
    (tmp_path / 'c').write_text(json.dumps({'format': 'thermoscreen patient tokens', 'clinic': 'c', 'tokens': [1],
                                            'key': ''}))
    for wrong in ('c', 'nowhere'):
        with pytest.raises(InputError, match='tokens-unreadable'):
            common_tokens([tmp_path / wrong])
    (tmp_path / 'key').write_bytes(b'secret\n')
    with pytest.raises(InputError, match='tokens-key'):
        read_key(tmp_path / 'key')


def test_a_clinic_learns_whom_to_leave_out(tmp_path):
    (tmp_path / 'key').write_bytes(KEY)
    for name, data in (('north', 'phantoms:10:3'), ('south', 'phantoms:12:3')):
        result = CliRunner().invoke(federate_command, [
            'patients', '--data', data, '--key', str(tmp_path / 'key'), '--clinic', name,
            '--out', str(tmp_path / name)])
        assert result.exit_code == 0 and 'tokens of 3 patients' in result.output
    result = CliRunner().invoke(federate_command, ['duplicates', str(tmp_path / 'north'), str(tmp_path / 'south'),
                                                   '--out', str(tmp_path / 'common')])
    assert result.exit_code == 1 and 'north and south: 1 patients in common' in result.output
    result = CliRunner().invoke(federate_command, ['patients', '--data', 'phantoms:10:3', '--key',
                                                   str(tmp_path / 'key'), '--common', str(tmp_path / 'common')])
    assert result.output.split() == ['phantom-00000012']
