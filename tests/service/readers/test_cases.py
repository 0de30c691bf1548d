"""Small files as programs and cameras really save them, and what they hold: ``cases`` of the shared data."""
import pytest

from service.messages import InputError
from service.readers import read_raw

#: Degrees Celsius that a value may be away from the table.
TOLERANCE_C = 0.02

#: (lowest, highest, mean) of the scene of most files, and of the same in tenths of a degree; °C.
SCENE = (21.835, 34.635, 27.921)
TENTHS = (21.8, 34.6, 27.922)

#: File, arguments of `read_raw`, corrections, and (lowest, highest, mean) in °C or the code of the refusal.
CASES = [
    # Text.
    ('k2_thermal_studio.csv', {}, {}, SCENE),
    ('k2_thermal_studio_two.csv', {}, {}, SCENE),
    ('k2_thermal_studio_two.csv', {'frame': 2}, {}, (22.335, 35.135, 28.421)),
    ('k3_hikmicro_quoted.csv', {}, {}, TENTHS),
    ('k3_quoted.csv', {}, {}, TENTHS),
    ('k3_hikmicro_axis.csv', {}, {}, TENTHS),
    ('k3_optris_size_line.csv', {}, {}, TENTHS),
    ('k3_r_write_csv.csv', {}, {}, TENTHS),
    ('k10_blank_comma.txt', {}, {}, (21.840, 34.630, 27.921)),
    ('k10_unit_k.csv', {}, {}, 'text-unit'),
    # TIFF.
    ('k5_float32_celsius.tif', {}, {}, SCENE),
    ('k5_float32_be.tif', {}, {}, SCENE),
    ('k6_lepton_160x122.tif', {}, {}, (21.828, 34.630, 27.938)),
    ('k6_lepton_160x122.tif', {'scale': 'centikelvin'}, {}, (21.828, 34.630, 27.938)),
    ('k6_lepton_160x122.tif', {'scale': 'decikelvin'}, {}, 'scale-contradiction'),
    ('keba_out.tif', {}, {}, (10.480, 26.033, 23.119)),
    # FLIR.
    ('k4_air_0.5m.fff', {}, {}, SCENE),
    ('k4_air_1m.fff', {}, {}, SCENE),
    ('k4_air_2m.fff', {}, {}, SCENE),
    ('k4_air_5m.fff', {}, {}, SCENE),
    ('k7_emissivity_0.jpg', {}, {}, 'radiometry-value'),
    ('k7_emissivity_0.jpg', {}, {'emissivity': 0.98}, SCENE),
    ('k7_window_0K.jpg', {}, {}, SCENE),
    ('k9_cat_s61.jpg', {}, {'emissivity': 0.98, 'reflected_c': 20.0, 'window_transmission': 1.0}, SCENE),
    ('k1_jpegls.jpg', {}, {}, SCENE),
    ('k1_jpegls.csq', {}, {}, SCENE),
    ('k1_jpegls.csq', {'frame': 2}, {}, SCENE),
    # Others.
    ('k10_lepton.raw', {}, {}, 'format-mismatch'),
    ('k8_infiray_ijpeg.jpg', {}, {}, (21.803, 34.631, 27.926)),
]


@pytest.mark.parametrize('name, options, corrections, expected', CASES)
def test_every_case_is_read_or_refused_as_its_table_says(shared_data, name, options, corrections, expected):
    path = shared_data / 'cases' / name
    if not path.exists():
        pytest.skip('%s is absent' % path)
    if isinstance(expected, str):
        with pytest.raises(InputError) as caught:
            read_raw(path, **options).corrected(corrections).thermogram()
        assert caught.value.code == expected
        return
    thermogram = read_raw(path, **options).corrected(corrections).thermogram()
    assert thermogram.is_celsius
    pixels = thermogram.pixels.astype(float)
    assert (pixels.min(), pixels.max(), pixels.mean()) == pytest.approx(expected, abs=TOLERANCE_C)


def test_every_file_has_a_row(shared_data):
    folder = shared_data / 'cases'
    if not folder.exists():
        pytest.skip('%s is absent' % folder)
    assert {path.name for path in folder.iterdir() if path.suffix != '.md'} == {case[0] for case in CASES}


def test_what_a_header_states_reaches_the_record(shared_data):
    path = shared_data / 'cases' / 'k2_thermal_studio_two.csv'
    if not path.exists():
        pytest.skip('%s is absent' % path)
    raw = read_raw(path, frame=2)
    assert raw.meaning.computed_with['reflected_c'] == 22.0 and raw.meaning.computed_with['distance_m'] == 1.0
    assert raw.thermogram().provenance.emissivity == 0.98
