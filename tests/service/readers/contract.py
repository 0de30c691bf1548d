"""What every reader must do, whatever its format."""
import json
import os

import numpy as np
import pytest

from service.messages import InputError
from service.readers import READERS, SUFFIXES, count_frames, find_thermograms, read_thermogram, reader_for

from .files import body_c


def refusal(path, code=None, **options):
    """The error of reading a file: one line that names it, with a stable code."""
    with pytest.raises(InputError) as caught:
        read_thermogram(path, **options)
    error = caught.value
    assert '\n' not in error.message.text and error.message.text.endswith('.') and len(error.message.text) < 400
    assert code is None or error.code == code, (error.code, error.message.text)
    return error


class ReaderContract:
    """Subclass it for a format; override `name`, `suffix` and `content`."""

    #: Of the reader.
    name = ''
    suffix = ''
    #: Of 16-bit formats.
    scale = None
    unit = 'celsius'
    #: Largest error of a round trip, degrees (or grey levels).
    tolerance = 0.006
    #: A file cut off anywhere is noticed.
    notices_every_cut = True
    #: Rows and columns of the frame that is read back.
    shape = (60, 80)

    def content(self, celsius):
        """The bytes of a file that holds a frame."""
        raise NotImplementedError

    @pytest.fixture
    def path(self, tmp_path):
        path = tmp_path / ('frame' + self.suffix)
        path.write_bytes(self.content(body_c(*self.shape)))
        return path

    def expected(self, celsius):
        """What reading that file must give."""
        return celsius

    def test_round_trip(self, path):
        thermogram = read_thermogram(path, scale=self.scale)
        assert thermogram.unit == self.unit
        assert thermogram.pixels.shape == self.shape
        assert np.abs(thermogram.pixels - self.expected(body_c(*self.shape))).max() <= self.tolerance
        assert thermogram.provenance.source == path.name
        assert thermogram.provenance.reader == self.name

    def test_is_registered_once(self, path):
        assert [reader.name for reader in READERS].count(self.name) == 1
        assert reader_for(path).name == self.name
        assert reader_for(path).label.split()[0] in ('a', 'an')

    def test_is_found_in_a_folder(self, path):
        assert find_thermograms([path.parent]) == [str(path)]

    def test_suffix_in_capitals(self, path):
        shouted = path.parent / ('FRAME' + self.suffix.upper())
        path.rename(shouted)
        assert read_thermogram(str(shouted), scale=self.scale).unit == self.unit

    def test_a_mirror_image_is_flipped_back(self, path):
        plain = read_thermogram(path, scale=self.scale)
        (path.parent / (path.name + '.json')).write_text(json.dumps({'mirrored': True}))
        flipped = read_thermogram(path, scale=self.scale)
        assert np.array_equal(flipped.pixels, plain.pixels[:, ::-1])
        assert flipped.provenance.mirrored and not plain.provenance.mirrored

    def test_the_sidecar_reaches_the_record(self, path):
        sidecar = {'emissivity': 0.98, 'captured_at': '2024-05-31T11:30:00+02:00'}
        (path.parent / 'frame.json').write_text(json.dumps(sidecar))
        provenance = read_thermogram(path, scale=self.scale).provenance
        assert provenance.emissivity == 0.98
        assert provenance.captured_at == '2024-05-31T09:30:00.000Z'

    def test_a_frame_that_is_not_there_is_refused(self, path):
        for frame in (-1, 0, 2):
            assert 'holds one' in refusal(path, 'frame-missing', scale=self.scale, frame=frame).message.text
        assert count_frames(path) == 1

    def test_another_suffix_contradicts(self, path):
        texts, own = ('text', 'csv'), reader_for(path).suffixes
        for other, reader in SUFFIXES.items():
            if other in own or (self.name in texts and reader.name in texts):
                continue
            wrong = path.parent / ('wrong' + other)
            wrong.write_bytes(path.read_bytes())
            message = refusal(wrong, 'format-mismatch', scale=self.scale).message.text
            assert 'claims to be' in message and 'rename it' in message

    def test_an_unknown_suffix_is_refused(self, path):
        wrong = path.parent / 'frame.dat'
        path.rename(wrong)
        refusal(wrong, 'format-unknown', scale=self.scale)

    def test_binary_garbage_is_refused(self, path):
        path.write_bytes(bytes(range(256)) * 100)
        refusal(path, 'format-mismatch', scale=self.scale)

    def test_an_empty_file_is_refused(self, path):
        path.write_bytes(b'')
        refusal(path, 'file-empty', scale=self.scale)

    def test_a_cut_off_file_is_refused(self, path):
        data = path.read_bytes()
        for length in sorted({1, 3, 9, 13, 40, len(data) // 3, len(data) // 2, len(data) - 2}):
            path.write_bytes(data[:length])
            try:
                read_thermogram(path, scale=self.scale)
            except InputError as error:
                assert error.code in ('file-truncated', 'file-damaged', 'format-mismatch', 'frame-too-small',
                                      'text-no-numbers'), (length, error.code)
            else:
                assert not self.notices_every_cut, length

    def test_damaged_files_are_read_or_refused(self, path, capfd):
        """Whatever a flipped bit does, it ends in a thermogram or in one sentence, and in silence."""
        data = np.frombuffer(path.read_bytes(), np.uint8)
        rng = np.random.RandomState(1)
        for _ in range(40):
            damaged = data.copy()
            damaged[rng.randint(0, min(len(data), rng.choice([64, len(data)])), 3)] = rng.randint(0, 256, 3)
            path.write_bytes(damaged.tobytes())
            try:
                read_thermogram(path, scale=self.scale)
            except InputError as error:
                assert '\n' not in error.message.text
        assert capfd.readouterr() == ('', '')

    def test_a_frame_that_is_too_small_is_refused(self, path):
        path.write_bytes(self.content(body_c(39, 60)))
        refusal(path, 'frame-too-small', scale=self.scale)

    def test_a_folder_of_that_name_is_refused(self, path):
        path.unlink()
        path.mkdir()
        refusal(path, 'file-is-folder', scale=self.scale)

    def test_nothing_is_written(self, path):
        before = sorted(os.listdir(str(path.parent)))
        read_thermogram(path, scale=self.scale)
        assert sorted(os.listdir(str(path.parent))) == before


class CountsContract(ReaderContract):
    """For formats that can hold 16-bit counts: the scale is stated, never guessed."""

    scale = 'centikelvin'

    def counts(self, celsius):
        """uint16 centikelvin of a frame."""
        return np.round((celsius + 273.15) * 100).astype(np.uint16)

    def test_counts_without_a_scale_are_refused(self, path):
        message = refusal(path, 'scale-unknown').message.text
        assert '--scale' in message and path.name + '.json' in message

    def test_the_sidecar_states_the_scale(self, path):
        (path.parent / (path.name + '.json')).write_text('{"scale": "centikelvin"}')
        thermogram = read_thermogram(path)
        assert np.abs(thermogram.pixels - body_c(*self.shape)).max() < 0.006
        assert any('centikelvin' in note for note in thermogram.provenance.notes)

    def test_two_statements_that_differ_are_refused(self, path):
        (path.parent / (path.name + '.json')).write_text('{"scale": "centikelvin"}')
        refusal(path, 'scale-contradiction', scale='centicelsius')
        assert read_thermogram(path, scale='centikelvin').is_celsius
