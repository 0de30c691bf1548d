"""The report of an exam as FHIR R4 [FHIR4]: one transaction that an electronic record takes whole or not at all.

Every resource has an identifier by which the server finds it again, so that sending twice makes no second one.
Patient, device and study are made where the server has none (conditional create) and never changed; the report and its
measurements are ours, and a correction takes their place (conditional update). The transaction is a function of the
exam and the settings, to the last byte.
"""
import base64
import uuid
from dataclasses import replace
from typing import Any, Dict, Iterator, List, Optional
from urllib.parse import urlencode

from ..durable import encode_json
from ..exams import SIGNED, Exam, ExamError, Exams, Order
from ..exams.exam import ANYWHERE
from ..regions import PAIRS, REGIONS, pair_name, region_label
from ..thermogram import CELSIUS
from .dicom.codes import REGION_CODES
from .dicom.identifiers import uid_of
from .printing import print_report
from .report import COVERAGE, PairRow, RegionRow, Report, report_of
from .site import Site

_SNOMED, _LOINC, _UCUM = 'http://snomed.info/sct', 'http://loinc.org', 'http://unitsofmeasure.org'
_DICOM = 'http://dicom.nema.org/resources/ontology/DCM'
_HL7 = 'http://terminology.hl7.org/CodeSystem/'

_JSON = Dict[str, Any]

#: Of the concepts for which no standard code was found, and of our identifiers of devices; fixed for ever.
LOCAL = 'urn:uuid:8f1d4f0e-52a9-4a5e-9c2b-6a4f0f6f7f51'

#: Skin temperature, in both systems. A difference is none, and must not be drawn into a curve of them.
_SKIN_TEMPERATURE = [{'system': _SNOMED, 'code': '364537001'}, {'system': _LOINC, 'code': '60839-8'}]
_DIFFERENCE = [{'system': LOCAL, 'code': 'skin-temperature-difference'}]

#: A breast with its side, and both of them, which SNOMED CT has codes for; of other regions our own code has the side.
_BREASTS = {'left_breast': '80248007', 'right_breast': '73056007', 'breast': '63762007'}

#: Status of what was taken back.
_ERROR = 'entered-in-error'

_SEX = {'M': 'male', 'F': 'female', 'O': 'other'}

#: As in DICOM objects: who makes the station, what it is, and thermography as the modality.
_MANUFACTURER, _MODEL, _MODALITY = 'thermoscreen', 'Breast thermography station', 'TG'


def make_message(exams: Exams, exam: Exam, site: Site) -> bytes:
    """The transaction that is sent for an exam, as JSON.

    Args:
        exams: where it is kept.
        exam: signed.
        site: as the settings say it.

    Raises:
        ExamError: ``exam-state`` for one that nobody has signed; as `report_of`.
        SealError, StorageError: as `report_of`.
    """
    if not exam.locked:
        raise ExamError('exam-state', 'The exam is not signed, so nothing of it is sent.', 'Sign it first.')
    report = report_of(exams, exam, site)
    return encode_json(transaction(report, print_report(report, site.paper), site, exams.order(exam)))


def make_withdrawal(exams: Exams, exam: Exam, site: Site) -> bytes:
    """The transaction that takes back what was sent of an exam that was moved to another patient, as JSON.

    Report and measurements stay under the wrong patient as entered in error, without a value, a finding or a file.

    Args:
        exams: where it is kept.
        exam: the one that was moved, with its old patient.
        site: as the settings say it.

    Raises:
        ExamError, SealError, StorageError: as `report_of`.
    """
    moved = exam.moved
    assert moved is not None
    before = replace(exam, state=SIGNED, events=exam.events[:moved.number - 1])
    message = transaction(report_of(exams, before, site, drawn=False), b'', site, exams.order(before))
    for entry in message['entry']:
        resource = entry['resource']
        if resource['resourceType'] == 'Observation':
            resource['status'] = _ERROR
            for name in ('valueQuantity', 'component', 'dataAbsentReason', 'note'):
                resource.pop(name, None)
        elif resource['resourceType'] == 'DiagnosticReport':
            resource.update(status=_ERROR, issued=moved.stamp.utc, conclusion='It was of another patient.')
            for name in ('presentedForm', 'resultsInterpreter'):
                resource.pop(name, None)
    return encode_json(message)


def last_event(exam: Exam) -> int:
    """Number of the last event that may have changed what is sent of an exam."""
    return max(event.number for event in exam.events if event.kind not in ANYWHERE)


def transaction(report: Report, pdf: bytes, site: Site, order: Optional[Order] = None) -> _JSON:
    """The transaction of a signed report.

    Args:
        report: final or amended.
        pdf: the same as a file.
        site: as the settings say it.
        order: of `Exams.order`; None where the exam was not scheduled.

    Returns:
        A Bundle as JSON values.
    """
    maker = _Maker(report, site, order)
    entries = [maker.patient(), maker.device()] + ([maker.study()] if site.archive is not None else [])
    observations = list(maker.observations())
    return {'resourceType': 'Bundle', 'type': 'transaction',
            'entry': entries + observations + [maker.report(pdf, [entry['fullUrl'] for entry in observations])]}


class _Maker:
    """Makes the resources of one report."""

    def __init__(self, report: Report, site: Site, order: Optional[Order]) -> None:
        self._report, self._site, self._order = report, site, order
        self._view = report.deciding
        uid = order.study_uid if order is not None and order.study_uid else uid_of(report.exam_id, 'study')
        self._study = {'system': 'urn:dicom:uid', 'value': 'urn:oid:' + uid}
        self._status = _status(report)

    def patient(self) -> _JSON:
        """Who it is of, as the record knows her, or as far as the station does."""
        patient = self._report.patient
        identifier: _JSON = {'use': 'usual', 'type': _concept(_HL7 + 'v2-0203', 'MR'),
                      'system': self._site.fhir_patient_system, 'value': patient.id}
        resource: _JSON = {'resourceType': 'Patient', 'identifier': [identifier]}
        name = _name(self._order.name if self._order is not None and self._order.name else patient.name)
        if name:
            resource['name'] = [name]
        if patient.birth_date:
            resource['birthDate'] = patient.birth_date
        sex = _SEX.get(self._order.sex) if self._order is not None else None
        if sex:
            resource['gender'] = sex
        return self._create('patient', resource, identifier)

    def device(self) -> _JSON:
        """The station as it was: another program, camera or model makes it another one."""
        view = self._view
        models = ['%s %s %s' % (model.get('id'), model.get('version'), model.get('hash'))
                  for model in self._report.models]
        software, serial = (view.software, view.camera.get('serial')) if view else ('', None)
        known = '/'.join([self._site.title, self._site.station_name, software, serial or ''] + models)
        identifier = {'system': LOCAL, 'value': str(_uuid('station', known))}
        resource: _JSON = {
            'resourceType': 'Device', 'identifier': [identifier], 'manufacturer': _MANUFACTURER,
            'deviceName': [{'name': _MODEL, 'type': 'model-name'}]
            + ([{'name': self._site.station_name, 'type': 'user-friendly-name'}] if self._site.station_name else []),
            'version': [{'type': {'text': text}, 'value': value} for text, value in
                        [('software', software)] + [('model of the network', model) for model in models] if value]}
        if serial:
            resource['serialNumber'] = str(serial)
        if not resource['version']:
            del resource['version']
        return self._create('device', resource, identifier)

    def study(self) -> _JSON:
        """Where the pictures are, by the number that the archive has too."""
        identifiers = [self._study]
        if self._accession:
            identifiers.append(self._accession)
        return self._create('study', {
            'resourceType': 'ImagingStudy', 'identifier': identifiers, 'status': 'available',
            'modality': [{'system': _DICOM, 'code': _MODALITY}], 'subject': self._reference('patient'),
            'started': self._report.begun.utc, 'description': 'Breast thermography'}, self._study)

    def observations(self) -> Iterator[_JSON]:
        """Of every region its mean, then of every pair its difference, also of those that the picture does not show."""
        view = self._view
        in_celsius = view is not None and view.unit == CELSIUS
        regions = {row.region: row for row in view.regions} if view and in_celsius else {}
        pairs = {row.pair: row for row in view.pairs} if view and in_celsius else {}
        for region, name in enumerate(REGIONS):
            if region in REGION_CODES:
                words = 'Skin temperature of the %s, mean of the region' % region_label(region)
                yield self._observation(name, _SKIN_TEMPERATURE, words,
                                        _site_of(name, REGION_CODES[region][0].value), _of_region(regions.get(name)))
        for right, _ in PAIRS:
            name = pair_name(right)
            words = 'Difference of skin temperature, left minus right %s, of the means' % name
            yield self._observation(name, _DIFFERENCE, words, _site_of(name, REGION_CODES[right][0].value),
                                    _of_pair(pairs.get(name)))

    def report(self, pdf: bytes, results: List[str]) -> _JSON:
        """The report with its file.

        Args:
            results: references to the observations.
        """
        report = self._report
        assert report.signed is not None, 'a draft is never sent'
        last = (report.amendments or (report.signed,))[-1]
        identifier = self._identifier('report')
        resource: _JSON = {
            'resourceType': 'DiagnosticReport', 'identifier': [identifier], 'status': self._status,
            'category': [_concept(_HL7 + 'v2-0074', 'IMG')],
            'code': dict(_concept(LOCAL, 'breast-thermal-findings'), text='Breast thermal findings assessment'),
            'subject': self._reference('patient'), 'effectiveDateTime': report.begun.utc, 'issued': last.when.utc,
            'performer': [{'display': text} for text in (report.institution, report.signed.who) if text],
            'result': [{'reference': reference} for reference in results],
            'conclusion': _conclusion(report),
            'presentedForm': [{
                'contentType': 'application/pdf', 'data': base64.b64encode(pdf).decode('ascii'), 'size': len(pdf),
                'title': 'Report of exam %d' % report.number, 'creation': last.when.utc}]}
        if report.impression is not None:
            resource['resultsInterpreter'] = [{'display': report.impression.said.who}]
        if self._accession:
            resource['basedOn'] = [{'type': 'ServiceRequest', 'identifier': self._accession}]
        if self._site.archive is not None:
            resource['imagingStudy'] = [self._reference('study')]
        return self._update('report', resource, identifier)

    def _observation(self, name: str, codes: List[_JSON], words: str, body_site: _JSON, values: _JSON) -> _JSON:
        view, name = self._view, 'observation/' + name
        identifier = self._identifier(name)
        taken = view.taken if view is not None else self._report.begun
        resource: _JSON = dict({
            'resourceType': 'Observation', 'identifier': [identifier], 'status': self._status,
            'category': [_concept(_HL7 + 'observation-category', 'imaging')],
            'code': {'coding': codes, 'text': words}, 'subject': self._reference('patient'),
            'effectiveDateTime': taken.utc, 'bodySite': body_site,
            'method': {'text': 'Infrared thermography, %s view' % (view.role.replace('-', ' ') if view else 'no')},
            'device': self._reference('device')}, **values)
        notes = ['%s is not certain: the clock of the station was not set by a time server.' % taken.utc
                 ] if not taken.certain else []
        if view is not None and view.corrected is not None:
            notes.append('The outlines were drawn by hand.')
        if 'dataAbsentReason' in values and view is not None:
            notes += [text for text in view.refusals + (view.trouble,) if text]
        if notes:
            resource['note'] = [{'text': text} for text in notes]
        return self._update(name, resource, identifier)

    @property
    def _accession(self) -> Optional[_JSON]:
        if self._order is None or not self._order.accession:
            return None
        return {'type': _concept(_HL7 + 'v2-0203', 'ACSN'), 'value': self._order.accession}

    def _identifier(self, name: str) -> _JSON:
        return {'system': 'urn:ietf:rfc:3986', 'value': self._url(name)}

    def _url(self, name: str) -> str:
        return 'urn:uuid:%s' % _uuid(self._report.exam_id, 'fhir/' + name)

    def _reference(self, name: str) -> _JSON:
        return {'reference': self._url(name)}

    def _create(self, name: str, resource: _JSON, identifier: _JSON) -> _JSON:
        kind = resource['resourceType']
        return {'fullUrl': self._url(name), 'resource': resource,
                'request': {'method': 'POST', 'url': kind, 'ifNoneExist': _search(identifier)}}

    def _update(self, name: str, resource: _JSON, identifier: _JSON) -> _JSON:
        url = '%s?%s' % (resource['resourceType'], _search(identifier))
        return {'fullUrl': self._url(name), 'resource': resource, 'request': {'method': 'PUT', 'url': url}}


def _status(report: Report) -> str:
    """``final``; ``corrected`` once outlines were corrected after the signature, ``amended`` for other amendments."""
    if not report.amendments:
        return 'final'
    signed = report.signed.event if report.signed else 0
    corrected = any(view.corrected is not None and view.corrected.event > signed for view in report.views)
    return 'corrected' if corrected else 'amended'


def _of_region(row: Optional[RegionRow]) -> _JSON:
    if row is None:
        return _absent()
    return {'valueQuantity': _quantity(row.mean, 'Cel'),
            'component': _components([('Standard deviation over the region', 'sd', _quantity(row.sd, 'K')),
                                      ('95th percentile', 'p95', _quantity(row.p95, 'Cel')),
                                      ('Maximum', 'maximum', _quantity(row.max, 'Cel')),
                                      ('Pixels of the region', 'pixels', _quantity(row.pixels, '{pixels}'))],
                                     row.uncertainty_c)}


def _of_pair(row: Optional[PairRow]) -> _JSON:
    if row is None:
        return _absent()
    return {'valueQuantity': _quantity(row.mean, 'K'),
            'component': _components([('Difference of the 95th percentiles', 'p95', _quantity(row.p95, 'K')),
                                      ('Difference of the maxima', 'maximum', _quantity(row.max, 'K')),
                                      ('Descriptive threshold', 'threshold', _quantity(row.threshold_c, 'K'))],
                                     row.uncertainty_c)}


def _absent() -> _JSON:
    return {'dataAbsentReason': _concept(_HL7 + 'data-absent-reason', 'not-performed')}


def _components(values: List[Any], uncertainty: Optional[float]) -> List[_JSON]:
    """Further values, each with a code of our own; the uncertainty states its coverage factor in words."""
    if uncertainty is not None:
        words = 'Expanded uncertainty of the mean, coverage factor %g' % COVERAGE
        values = [(words, 'expanded-uncertainty', _quantity(uncertainty, 'K'))] + values
    return [{'code': dict(_concept(LOCAL, code), text=words), 'valueQuantity': quantity}
            for words, code, quantity in values]


def _quantity(value: float, code: str) -> _JSON:
    return {'value': value, 'unit': {'Cel': '°C', '{pixels}': 'pixels'}.get(code, code), 'system': _UCUM, 'code': code}


def _site_of(name: str, general: str) -> _JSON:
    """A part of the body: its code in SNOMED CT, and ours, which has the side."""
    words = name.replace('_', ' ')
    return {'coding': [{'system': _SNOMED, 'code': _BREASTS.get(name, general)},
                       {'system': LOCAL, 'code': name.replace('_', '-'), 'display': words}], 'text': words}


def _concept(system: str, code: str) -> _JSON:
    return {'coding': [{'system': system, 'code': code}]}


def _name(written: str) -> _JSON:
    """A name in words; where it is written as in DICOM, also by its parts. Of several scripts it is the first one."""
    parts = written.partition('=')[0].split('^')
    name: _JSON = {'text': ' '.join(part for part in parts if part)}
    if len(parts) > 1:
        name.update(family=parts[0], given=[part for part in parts[1:3] if part])
    return {key: value for key, value in name.items() if value}


def _conclusion(report: Report) -> str:
    """What a named reader said, and always the notice."""
    said = []
    if report.impression is not None:
        impression = report.impression
        said.append('%s (%s%s)' % (impression.said.text, impression.said.who,
                                   ', ' + impression.grade if impression.grade else ''))
    return '\n\n'.join(said + [report.notice])


def _search(identifier: _JSON) -> str:
    """The search that finds a resource by its identifier; signs that a search would take as its own are escaped."""
    parts = [''.join('\\' + sign if sign in '\\$,|' else sign for sign in identifier[key])
             for key in ('system', 'value')]
    return urlencode({'identifier': '|'.join(parts)})


def _uuid(exam_id: str, name: str) -> uuid.UUID:
    """A UUID that is the same whenever the same is made."""
    return uuid.UUID(int=int(uid_of(exam_id, name).rpartition('.')[2]))
