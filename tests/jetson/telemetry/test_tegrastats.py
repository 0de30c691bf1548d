"""tegrastats: the parser on published and on generated lines, and starting and killing the program."""
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jetson.telemetry import BoardError, Clock, Rail, parse_tegrastats, read_line

from . import lines

MIB = 1 << 20


def _sound(reading):
    """What holds for every reading, of whatever text."""
    assert reading.source == 'tegrastats'
    for share in (reading.cpu_load_share, reading.gpu_load_share, reading.emc_load_share):
        assert share is None or 0 <= share <= 1
    assert all(-60 <= value <= 200 for value in reading.temperatures_c.values())
    assert all(rail.power_mw >= 0 for rail in reading.rails.values())
    assert not set(reading.cpu_clocks) & set(reading.cores_off)
    json.dumps(reading.to_dict(), allow_nan=False)


@pytest.mark.parametrize('name', sorted(lines.LINES))
def test_every_published_line(name):
    reading = parse_tegrastats(lines.LINES[name])
    _sound(reading)
    assert len(reading.to_dict()) > 2, 'something was read'
    assert not any(zone.startswith('pmic') for zone in reading.temperatures_c)


def test_nano():
    reading = parse_tegrastats(lines.NANO, 12.0)
    assert reading.read_at_s == 12.0 and reading.cpu_load_share == pytest.approx(0.045)
    assert reading.cpu_clocks == {core: Clock(102.0) for core in range(4)}
    assert reading.gpu_load_share == 0 and reading.gpu_clock is None and reading.emc_clock is None
    assert reading.temperatures_c == {'pll': 28.0, 'cpu': 31.5, 'gpu': 30.5, 'ao': 36.0, 'fan-est': 31.25}
    assert reading.rails == {'POM_5V_IN': Rail(1388.0, 1388.0), 'POM_5V_GPU': Rail(122.0, 122.0),
                             'POM_5V_CPU': Rail(163.0, 163.0)}
    assert reading.memory.total_bytes == 3964 * MIB and reading.memory.available_bytes == 1949 * MIB
    assert (reading.memory.swap_used_bytes, reading.memory.swap_total_bytes) == (29 * MIB, 1982 * MIB)
    assert reading.memory.gpu_bytes is None and reading.clocks_held is None


def test_root_sees_clocks():
    reading = parse_tegrastats(lines.NANO_ROOT)
    assert (reading.gpu_load_share, reading.gpu_clock, reading.emc_clock) == (0.5, Clock(76.0), Clock(204.0))
    assert reading.emc_load_share == 0.03 and reading.rails['POM_5V_CPU'] == Rail(84.0, 105.0)


def test_cores_that_are_off():
    reading = parse_tegrastats(lines.NANO_5W)
    assert reading.cores_off == (2, 3) and sorted(reading.cpu_clocks) == [0, 1]
    assert reading.cpu_load_share == pytest.approx(0.445), 'over the running cores'


def test_missing_fields_are_absent():
    assert parse_tegrastats(lines.NANO_NO_GPU).gpu_load_share is None
    assert parse_tegrastats(lines.NANO_NO_RAILS).rails == {}
    assert parse_tegrastats(lines.NANO_NO_RAILS).power_mw is None
    assert parse_tegrastats(lines.NANO_NO_RAILS).temperatures_c['iwlwifi'] == 35.0
    assert parse_tegrastats(lines.AGX_XAVIER).memory.swap_total_bytes is None


def test_rails_named_like_other_things():
    reading = parse_tegrastats(lines.AGX_XAVIER)
    assert sorted(reading.rails) == ['CPU', 'CV', 'GPU', 'SOC', 'SYS5V', 'VDDRQ'] and reading.power_mw == 3113.0
    assert len(reading.cpu_clocks) == 8


def test_sensors_off_and_rails_not_connected():
    reading = parse_tegrastats(lines.AGX_ORIN)
    assert 'gpu' not in reading.temperatures_c and reading.temperatures_c['tj'] == 42.593
    assert 'NC' not in reading.rails and len(reading.rails) == 4 and len(reading.cpu_clocks) == 12


def test_orin_under_load():
    reading = parse_tegrastats(lines.ORIN_BUSY)
    assert (reading.gpu_load_share, reading.gpu_clock, reading.emc_load_share) == (0.99, Clock(612.0), 0.61)
    assert reading.rails['VDD_IN'] == Rail(16321.0, 11204.0) and reading.power_mw == 16321.0


def test_parts_of_newer_boards():
    assert parse_tegrastats(lines.JETPACK_7).rails['VDD_CPU_CV'] == Rail(3268.0, 3268.0)
    assert parse_tegrastats(lines.JETPACK_7).temperatures_c == {'cpu': 52.968, 'soc2': 48.406}
    thor = parse_tegrastats(lines.THOR)
    assert thor.gpu_clock == Clock(1000.0) and thor.gpu_load_share is None
    assert parse_tegrastats(lines.TWO_GPCS).gpu_load_share == 0
    assert parse_tegrastats(lines.TX2).power_mw == 14025.0


@given(st.sampled_from(sorted(lines.LINES.values())), st.data())
def test_a_line_cut_anywhere(line, data):
    start, end = sorted(data.draw(st.tuples(*[st.integers(0, len(line))] * 2)))
    _sound(parse_tegrastats(line[start:end]))


@given(st.permutations(lines.ORIN_IDLE.split(' ')))
def test_words_in_any_order(words):
    _sound(parse_tegrastats(' '.join(words)))


@given(st.text(max_size=300))
def test_any_text(text):
    _sound(parse_tegrastats(text))


_NUMBER = st.one_of(st.integers(0, 120), st.integers(0, 10 ** 400), st.floats(), st.just(''), st.just('off'))


@given(st.lists(st.one_of(
    st.tuples(_NUMBER, _NUMBER).map(lambda pair: 'RAM %s/%sMB' % pair),
    st.tuples(_NUMBER, _NUMBER).map(lambda pair: 'SWAP %s/%skB' % pair),
    st.lists(_NUMBER, max_size=20).map(lambda cores: 'CPU [%s]' % ','.join('%s%%@102' % core for core in cores)),
    st.tuples(_NUMBER, _NUMBER).map(lambda pair: 'GR3D_FREQ %s%%@[%s]' % pair),
    st.tuples(_NUMBER, _NUMBER).map(lambda pair: 'EMC_FREQ %s%%@%s' % pair),
    st.tuples(st.text(max_size=5), _NUMBER).map(lambda pair: '%s@%sC' % pair),
    st.tuples(st.sampled_from(('VDD_IN', 'NC', 'RAM')), _NUMBER, _NUMBER).map(lambda rail: '%s %smW/%smW' % rail)),
    max_size=12))
def test_fields_with_any_value(fields):
    _sound(parse_tegrastats(' '.join(fields)))


@given(st.dictionaries(st.sampled_from(('AO', 'CPU', 'GPU', 'PLL')), st.integers(-240, 800), max_size=4),
       st.dictionaries(st.sampled_from(('VDD_IN', 'VDD_SOC')), st.integers(0, 99999), max_size=2),
       st.lists(st.one_of(st.none(), st.integers(0, 100)), max_size=8))
def test_generated_lines_are_read(quarters_c, rails_mw, loads):
    line = ' '.join(['CPU [%s]' % ','.join('off' if load is None else '%d%%@1479' % load for load in loads)]
                    + ['%s@%gC' % (zone, value / 4.0) for zone, value in quarters_c.items()]
                    + ['%s %dmW/7mW' % pair for pair in rails_mw.items()])
    reading = parse_tegrastats(line)
    assert reading.temperatures_c == {zone.lower(): value / 4.0 for zone, value in quarters_c.items()}
    assert reading.rails == {name: Rail(float(value), 7.0) for name, value in rails_mw.items()}
    assert reading.cores_off == tuple(core for core, load in enumerate(loads) if load is None)
    busy = [load for load in loads if load is not None]
    assert reading.cpu_load_share == (pytest.approx(sum(busy) / 100.0 / len(busy)) if busy else None)


def test_filling_takes_only_what_is_missing():
    mine, other = parse_tegrastats(lines.NANO_NO_RAILS), parse_tegrastats(lines.NANO)
    filled = mine.filled_from(other)
    assert filled.rails == other.rails and filled.temperatures_c == mine.temperatures_c
    assert filled.source == 'tegrastats+tegrastats' and other.filled_from(mine) is other


def _program(tmp_path, text):
    path = tmp_path / 'tegrastats'
    path.write_text('#!/bin/sh\n' + text)
    path.chmod(0o755)
    return [str(path)]


def _ended(pid):
    """Whether a process is gone, or dead and not yet collected by whoever inherited it."""
    for _ in range(2000):
        try:
            with open('/proc/%d/stat' % pid) as stream:
                if stream.read().rpartition(')')[2].split()[0] == 'Z':
                    return True
        except OSError:
            return True
        time.sleep(0.01)
    return False


def test_first_line_of_endless_output(tmp_path):
    command = _program(tmp_path, 'trap "" PIPE\necho $$ >%s/pid\nwhile :; do echo "%s"; sleep 0.05; done\n'
                       % (tmp_path, lines.NANO))
    assert read_line(command, 20.0) == lines.NANO
    assert _ended(int((tmp_path / 'pid').read_text()))


def test_a_hung_process_is_killed_with_its_children(tmp_path):
    command = _program(tmp_path, 'trap "" PIPE TERM\nsleep 300 &\necho $! >%s/child\nprintf "RAM 1"\nwait\n' % tmp_path)
    child, limit_s = tmp_path / 'child', 0.25
    child.write_text('')
    while not child.read_text():  # a busy machine starts it late
        with pytest.raises(BoardError) as caught:
            read_line(command, limit_s)
        assert caught.value.code == 'tegrastats-hung' and 'restart the board' in caught.value.message.text
        limit_s *= 4
    assert _ended(int(child.read_text()))


def test_a_process_without_output(tmp_path):
    with pytest.raises(BoardError) as caught:
        read_line(_program(tmp_path, 'exit 3\n'), 20.0)
    assert caught.value.code == 'tegrastats-failed'


def test_a_missing_program_or_no_program(tmp_path):
    (tmp_path / 'notes.txt').write_text('no program')
    for command in (['/nowhere/tegrastats'], [str(tmp_path / 'notes.txt')]):
        with pytest.raises(BoardError) as caught:
            read_line(command)
        assert caught.value.code == 'tegrastats-missing'


def test_a_line_without_line_end_and_with_invalid_utf8(tmp_path):
    line = read_line(_program(tmp_path, 'printf "RAM 1/2MB \\377"\n'), 20.0)
    assert line == 'RAM 1/2MB \ufffd' and parse_tegrastats(line).memory.total_bytes == 2 << 20


def test_an_endless_line_is_cut(tmp_path):
    assert len(read_line(_program(tmp_path, 'trap "" PIPE\nexec tr "\\0" x </dev/zero\n'), 20.0)) >= 1 << 16
