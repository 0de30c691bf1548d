"""The bundle that ships: it loads, it is small enough, and it answers the same everywhere."""
import json
import os
import re

import cv2
import numpy as np
import pytest

from service.backends import Worker
from service.bundle import Trust, open_bundle, prove
from service.capture_file import pack_capture
from service.pipeline import Pipeline
from service.radiometry import Raw, Temperatures
from service.record import encode_png
from service.regions import REGIONS
from service.selection import Runtime, every_candidate
from service.settings import SHIPPED_BUNDLE, Settings

from ..fakes.numbers import numbers_of, program
from .expected import PATIENTS, analyse, path_of


@pytest.fixture(scope='module')
def pipeline():
    with Pipeline.from_folder(SHIPPED_BUNDLE) as started:
        yield started


def test_it_is_within_the_device_s_means():
    manifest = open_bundle(SHIPPED_BUNDLE).manifest
    assert os.path.getsize(os.path.join(SHIPPED_BUNDLE, 'model.onnx')) <= 5e6
    assert manifest['model']['gmac'] <= 0.6 and manifest['model']['opset'] == 13


def test_it_says_what_it_is_not():
    manifest = open_bundle(SHIPPED_BUNDLE).manifest
    assert 'simulated' in manifest['training_data'] and 'no real patient' in manifest['training_data']
    assert 'Not for screening or diagnosis' in manifest['intended_use']
    assert 'simulated' in manifest['finding']['meaning']


def test_its_golden_answer_is_proven_on_this_python(pipeline):
    assert pipeline.proof['labels_agreement'] > 0.999


def test_it_is_signed_by_a_key_that_ships():
    assert open_bundle(SHIPPED_BUNDLE, trust=Trust.from_settings(Settings())).signed_by


@pytest.mark.parametrize('name', ['fp16', 'int8-qdq', 'fp16-logits'])
def test_its_other_forms_are_proven_on_this_python(name):
    bundle = open_bundle(SHIPPED_BUNDLE)
    ways = {way.name: way for way in every_candidate(bundle, Runtime(backend='onnxruntime'))}
    way = ways['onnxruntime-cpu:' + name]
    with Worker(way.make) as worker:
        assert prove(bundle, worker.infer, way.variant)['labels_agreement'] > 0.99


@pytest.mark.parametrize('patient', PATIENTS, ids=lambda patient: '%dx%d' % patient[:0:-1])
def test_labels_are_those_of_every_other_python(pipeline, patient):
    """The interpreters, ONNX Runtime 1.10 and today's, and OpenCV 4 and 5 agree to the last two of 10,000 pixels.

    Other processors add in another order, so that a pixel whose two best regions are equally likely
    may fall to either.
    """
    result = analyse(pipeline, *patient)
    expected = cv2.imread(path_of(patient[0]), cv2.IMREAD_UNCHANGED)
    assert result.outcome == 'result'
    assert np.mean(result.labels == expected) > 0.9998
    assert set(np.unique(expected)) == set(range(len(REGIONS)))


def test_the_program_of_the_page_about_exams_comes_to_the_same_numbers(pipeline, tmp_path):
    """It shares no line with the product; a wrong number is said."""
    assert set(re.findall(r'import (\w+)', program())) == {'json', 'cv2'}
    for patient in PATIENTS[:2]:
        result = analyse(pipeline, *patient)
        document, frame = result.to_dict(), result.thermogram
        (tmp_path / '1.tscap').write_bytes(pack_capture([Raw(frame.pixels, Temperatures(), frame.provenance)]))
        (tmp_path / '1.labels.png').write_bytes(encode_png(result.labels))
        document['regions']['neck']['max'] += 0.1
        (tmp_path / '1.result.json').write_text(json.dumps(document))
        found = numbers_of(tmp_path / '1')
        assert [key for key, (_, is_as_stored) in found.items() if not is_as_stored] == [('regions', 'neck', 'max')]
        assert len(found) == 7 * 5 + 3 * 3 + 2
