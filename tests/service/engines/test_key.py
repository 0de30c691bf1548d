"""What an engine of this machine is keyed by."""
import sys

import pytest

from service.engines import machine_facts
from tests.fakes.board_trees import identity, write_tree


@pytest.mark.parametrize('board, version, sm, expected', [
    ('nano', '8.2.1', 53, ('8.2.1.8', 53, 'Jetson Nano 4 GB developer kit (p3448-0000)', 'MAXN')),
    ('xavier-nx', '8.5.2', 72, ('8.5.2.2', 72, 'Jetson Xavier NX (p3668)', 'MODE_15W_6CORE')),
])
def test_a_board_is_read_from_its_files_and_libraries(tensorrt_double, tmp_path, board, version, sm, expected):
    tensorrt_double(version=version, sm=sm)
    facts = machine_facts(write_tree(tmp_path, identity(board)))
    assert (facts['tensorrt'], facts['sm'], facts['board'], facts['power_mode']) == expected


def test_a_pc_is_its_gpu(tensorrt_double, tmp_path):
    tensorrt_double(version='11.4.0', sm=90)
    facts = machine_facts(write_tree(tmp_path, {'proc/cpuinfo': 'model name : Some processor\n'}))
    assert facts == {'tensorrt': '11.4.0', 'sm': 90, 'board': 'NVIDIA H200', 'power_mode': 'none'}


@pytest.mark.parametrize('broken', [{'no_device': True}, None])
def test_what_is_absent_is_empty(tensorrt_double, tmp_path, monkeypatch, broken):
    if broken:
        tensorrt_double(**broken)
    else:
        for name in ('tensorrt', 'pycuda', 'pycuda.driver'):
            monkeypatch.setitem(sys.modules, name, None)
    facts = machine_facts(write_tree(tmp_path / 'pc', {'proc/cpuinfo': 'model name : Some processor\n'}))
    assert facts['sm'] is None and facts['board'] == 'Some processor'
    assert facts['tensorrt'] == ('8.2.1.8' if broken else '')
    assert machine_facts(write_tree(tmp_path / 'nano', identity('nano')))['sm'] == 53
