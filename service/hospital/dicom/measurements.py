"""What was measured as a Comprehensive SR by template 1500 ([DICOM] PS3.16): the numbers of the report, each once.

A picture has one group of measurements for each region, each pair of regions and each sign. Nothing in it is a
diagnosis: a sign says what was measured, against which threshold, and whether that was exceeded.
"""
from typing import Any, Iterable, Iterator, List, Mapping, NamedTuple, Optional, Tuple

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from ...exams import Event
from ...reading import RULES
from ...regions import REGIONS
from ...thermogram import CELSIUS
from ..report import PairRow, RegionRow, Report, Said, View, report_of
from . import content
from .codes import (
    BOTH,
    CONDITION_CODES,
    DEGREE,
    KELVIN,
    LOCAL,
    ONE,
    PAIR_CODES,
    REGION_CODES,
    SKIN_TEMPERATURE,
    Code,
)
from .content import (
    HAS_CONTEXT,
    HAS_MODIFIER,
    HAS_PROPERTIES,
    INFERRED_FROM,
    Reference,
    evidence,
    picture_reference,
    versions,
)
from .identifiers import uid_of
from .modules import LONG, MANUFACTURER, MODEL, Case, Made, finished, new_object, person_name, shown
from .regions import drawn_regions, regions_reference

COMPREHENSIVE_SR = '1.2.840.10008.5.1.4.1.1.88.33'

_PIXELS = Code('{pixels}', 'UCUM', 'pixels')

_TITLE = Code('126000', 'DCM', 'Imaging Measurement Report')
_LANGUAGE, _ENGLISH = (Code('121049', 'DCM', 'Language of Content Item and Descendants'),
                       Code('en', 'RFC5646', 'English'))
_OBSERVER_TYPE, _PERSON, _DEVICE = (Code('121005', 'DCM', 'Observer Type'), Code('121006', 'DCM', 'Person'),
                                    Code('121007', 'DCM', 'Device'))
_PERSON_NAME, _DEVICE_UID, _DEVICE_NAME, _DEVICE_MAKER, _DEVICE_MODEL = (
    Code('121008', 'DCM', 'Person Observer Name'), Code('121012', 'DCM', 'Device Observer UID'),
    Code('121013', 'DCM', 'Device Observer Name'), Code('121014', 'DCM', 'Device Observer Manufacturer'),
    Code('121015', 'DCM', 'Device Observer Model Name'))
_PROCEDURE_REPORTED, _PROCEDURE = (Code('121058', 'DCM', 'Procedure reported'),
                                   Code('thermography', LOCAL, 'Breast thermography'))
_LIBRARY, _LIBRARY_GROUP = Code('111028', 'DCM', 'Image Library'), Code('126200', 'DCM', 'Image Library Group')
_MEASUREMENTS, _GROUP = Code('126010', 'DCM', 'Imaging Measurements'), Code('125007', 'DCM', 'Measurement Group')
_TRACKING, _TRACKING_UID = (Code('112039', 'DCM', 'Tracking Identifier'),
                            Code('112040', 'DCM', 'Tracking Unique Identifier'))
_FINDING, _SITE, _LATERALITY = (Code('121071', 'DCM', 'Finding'), Code('363698007', 'SCT', 'Finding Site'),
                                Code('272741003', 'SCT', 'Laterality'))
_SOURCE = Code('121112', 'DCM', 'Source of Measurement')
_SEGMENT, _SEGMENTED = (Code('121191', 'DCM', 'Referenced Segment'),
                        Code('121233', 'DCM', 'Source image for segmentation'))
_DERIVATION, _UNCERTAINTY = (Code('121401', 'DCM', 'Derivation'),
                             Code('371884006', 'SCT', '+/-, range of measurement uncertainty'))
_GREY = Code('grey-level', LOCAL, 'Grey level, no temperature')
_COUNT = Code('pixel-count', LOCAL, 'Number of pixels')
_DIFFERENCE = Code('left-minus-right', LOCAL, 'Left minus right')

#: How the numbers of a region and of a pair were derived, by their names in a report.
_STATISTICS = {'mean': Code('373098007', 'SCT', 'Mean'), 'sd': Code('386136009', 'SCT', 'Standard Deviation'),
               'p95': Code('p95', LOCAL, '95th percentile'), 'max': Code('56851009', 'SCT', 'Maximum')}

_VALUE, _THRESHOLD, _STATE = (Code('sign-value', LOCAL, 'Measured value of sign'),
                              Code('sign-threshold', LOCAL, 'Threshold of sign'),
                              Code('sign-state', LOCAL, 'State of sign'))
_WORDS, _THRESHOLD_SOURCE = (Code('sign-words', LOCAL, 'Sign in words'),
                             Code('threshold-source', LOCAL, 'Source of threshold'))
_STATES = {'met': Code('met', LOCAL, 'Threshold exceeded'), 'not-met': Code('not-met', LOCAL, 'Threshold not exceeded'),
           'not-assessable': Code('not-assessable', LOCAL, 'Not assessable')}
#: Code values have at most 16 characters.
_SHORT = {'global-difference-ville-marie': 'global-diff-vm', 'global-difference': 'global-diff',
          'quadrant-difference': 'quadrant-diff', 'areola-difference': 'areola-diff',
          'mirror-patch-ville-marie': 'mirror-patch-vm', 'focal-spot-ville-marie': 'focal-spot-vm',
          'hottest-difference': 'hottest-diff', 'fold-difference': 'fold-diff'}

_QUALITATIVE = Code('C0034375', 'UMLS', 'Qualitative Evaluations')
_PURPOSE, _MAMMOGRAM = (Code('121109', 'DCM', 'Indications for Procedure'),
                        Code('last-mammogram', LOCAL, 'Last mammogram'))
_NOTICE, _DEVIATION = Code('notice', LOCAL, 'Notice'), Code('deviation', LOCAL, 'Deviation from protocol')
_IMPRESSION = Code('impression', LOCAL, 'Impression of a reader')
_AMENDMENT, _NO_RESULT = Code('amendment', LOCAL, 'Amendment'), Code('no-result', LOCAL, 'Picture without a result')


def measurements(case: Case) -> Iterator[Made]:
    """The measurements of an exam. An amended exam has another object, which names those before it.

    Raises:
        ExamError, ExamUnreadableError, StorageError, SealError: as of `report_of`.
    """
    report = report_of(case.exams, case.exam, case.site, drawn=False)
    made = versions(case)
    name = _name(case, made[-1])
    dataset = new_object(case, 'measurements', name, COMPREHENSIVE_SR, len(made), made[-1].stamp, 'SR')
    dataset.SeriesDescription = 'Measurements'
    content.add_request(dataset, case)
    _add_document(dataset, case, report, made[:-1])
    sources = [_source(case, view) for view in report.views]
    root = content.container(_TITLE, _content(case, report, sources), '1500')
    del root.RelationshipType
    dataset.update(root)
    dataset.CurrentRequestedProcedureEvidenceSequence = evidence(
        reference for source in sources for reference in (source.picture, source.regions) if reference is not None)
    yield finished(case, name, dataset)


def _name(case: Case, version: Event) -> str:
    return case.name('measurements', 0, version.number)


def _add_document(dataset: Dataset, case: Case, report: Report, earlier: List[Event]) -> None:
    """Whether it is complete, who verified it, and which versions came before."""
    dataset.CompletionFlag, dataset.VerificationFlag, dataset.PreliminaryFlag = 'COMPLETE', 'VERIFIED', 'FINAL'
    last: Optional[Said] = report.amendments[-1] if report.amendments else report.signed
    if last is not None:
        observer = Dataset()
        observer.VerifyingOrganization = shown(case.site.institution, LONG) or 'not stated'
        observer.VerificationDateTime = dataset.ContentDate + dataset.ContentTime
        observer.VerifyingObserverName = person_name(last.who)
        observer.VerifyingObserverIdentificationCodeSequence = Sequence()
        dataset.VerifyingObserverSequence = Sequence([observer])
    dataset.ReferencedPerformedProcedureStepSequence = Sequence()
    dataset.PerformedProcedureCodeSequence = Sequence()
    # Those of before a move to another patient are rejected, and have become one with the first after it.
    uids = dict.fromkeys(uid_of(case.exam.id, _name(case, version)) for version in earlier)
    uids.pop(dataset.SOPInstanceUID, None)
    if uids:
        dataset.PredecessorDocumentsSequence = evidence(
            Reference(COMPREHENSIVE_SR, uid, case.series_uid('measurements'), case.study_uid) for uid in uids)


class _Source(NamedTuple):
    """A picture that measurements are of.

    Attributes:
        view: of the report.
        name: by which its measurements are told from those of other pictures and of earlier outlines.
        picture, regions: the objects that show them; None where they do not leave.
        segments: names of the regions in the order of the segments of `regions`.
    """

    view: View
    name: str
    picture: Optional[Reference]
    regions: Optional[Reference]
    segments: Tuple[str, ...]


def _source(case: Case, view: View) -> _Source:
    capture = case.exam.captures[view.number - 1]
    name = '%04d/%d' % (view.number, case.exam.outlines(view.number))
    picture = picture_reference(case, capture)
    wanted = 'regions' in case.site.objects and picture is not None and not view.frame
    drawn = drawn_regions(case, capture) if wanted else None
    if drawn is None:
        return _Source(view, name, picture, None, ())
    return _Source(view, name, picture, regions_reference(case, capture, drawn),
                   tuple(REGIONS[region] for region in drawn.found))


def _content(case: Case, report: Report, sources: List[_Source]) -> List[Dataset]:
    """Everything under the title."""
    items = [content.code(_LANGUAGE, _ENGLISH, HAS_MODIFIER)]
    said = ([report.signed] if report.signed else []) + list(report.amendments)
    for who in dict.fromkeys(one.who for one in said):
        items += [content.code(_OBSERVER_TYPE, _PERSON, HAS_CONTEXT),
                  content.person(_PERSON_NAME, person_name(who), HAS_CONTEXT)]
    items += [content.code(_OBSERVER_TYPE, _DEVICE, HAS_CONTEXT),
              content.identifier(_DEVICE_UID, uid_of('station', case.site.station_name), HAS_CONTEXT),
              content.text(_DEVICE_NAME, case.site.station_name or MODEL, HAS_CONTEXT),
              content.text(_DEVICE_MAKER, MANUFACTURER, HAS_CONTEXT),
              content.text(_DEVICE_MODEL, MODEL, HAS_CONTEXT)]
    items.append(content.code(_PROCEDURE_REPORTED, _PROCEDURE, HAS_MODIFIER))
    pictures = [content.image(source.picture) for source in sources if source.picture is not None]
    if pictures:
        items.append(content.container(_LIBRARY, [content.container(_LIBRARY_GROUP, pictures)], '1600'))
    groups = [group for source in sources for group in _groups(case, source)]
    if groups:
        items.append(content.container(_MEASUREMENTS, groups))
    items.append(content.container(_QUALITATIVE, _said(report)))
    return items


def _said(report: Report) -> List[Dataset]:
    """Conditions of the exam, and what is said of it in words."""
    items = [content.number(concept, report.conditions[name], unit)
             for name, (concept, unit) in sorted(CONDITION_CODES.items()) if name in report.conditions]
    items += [content.text(concept, words) for concept, words in (
        (_PURPOSE, report.purpose), (_MAMMOGRAM, report.last_mammogram)) if words]
    items += [content.text(_NO_RESULT, '%s: %s' % (view.role, ' '.join(view.refusals or (view.trouble,))))
              for view in report.views if view.refusals or view.trouble]
    items += [content.text(_DEVIATION, words) for words in report.deviations]
    if report.impression is not None:
        words = ': '.join(filter(None, (report.impression.grade, report.impression.said.text)))
        items.append(content.text(_IMPRESSION, '%s: %s' % (report.impression.said.who, words)))
    stated = report.impression.said.event if report.impression is not None else 0
    items += [content.text(_AMENDMENT, '%s: %s' % (said.reason, said.text)) for said in report.amendments
              if said.event != stated]
    return items + [content.text(_NOTICE, report.notice)]


def _groups(case: Case, source: _Source) -> Iterator[Dataset]:
    """The groups of measurements of a picture: of one of a series the means alone, and none of one without a result.

    A board takes half a minute for twenty pictures with everything, and nobody asks for it.
    """
    view = source.view
    if view.refusals:
        return
    for region in view.regions:
        yield _group(case, source, region.region, _region_items(source, region),
                     '1411' if region.region in source.segments else '1501')
    for pair in view.pairs:
        yield _group(case, source, pair.pair, _pair_items(source, pair))
    for sign in view.signs if not view.frame else ():
        if sign['name'] in RULES and sign['state'] in _STATES:  # an older or newer program may know others
            yield _group(case, source, sign['name'], _sign_items(source, sign))


def _group(case: Case, source: _Source, name: str, items: List[Dataset], template: str = '1501') -> Dataset:
    view = source.view
    tracked = '%s %s' % (view.role if not view.frame else '%s %d' % (view.role, view.frame), name.replace('_', ' '))
    return content.container(_GROUP, [
        content.text(_TRACKING, tracked, HAS_CONTEXT),
        content.identifier(_TRACKING_UID, uid_of(case.exam.id, 'measured/%s/%s' % (source.name, name)), HAS_CONTEXT)
        ] + items, template)


def _site(kind: Code, side: Optional[Code]) -> Dataset:
    return content.code(_SITE, kind, HAS_MODIFIER,
                        [] if side is None else [content.code(_LATERALITY, side, HAS_MODIFIER)])


def _region_items(source: _Source, region: RegionRow) -> List[Dataset]:
    items = [_site(*REGION_CODES[REGIONS.index(region.region)])]
    if region.region in source.segments and source.regions is not None and source.picture is not None:
        segment = source.segments.index(region.region) + 1
        items += [content.image(source.regions, _SEGMENT, segment=segment), content.image(source.picture, _SEGMENTED)]
    concept, unit, spread = _units(source.view)
    items.append(_mean(source, concept, region.mean, unit, region.uncertainty_c))
    if not source.view.frame:
        items += [_number(concept, region.sd, spread, 'sd'), _number(concept, region.p95, unit, 'p95'),
                  _number(concept, region.max, unit, 'max'), content.number(_COUNT, region.pixels, _PIXELS)]
    return items


def _pair_items(source: _Source, pair: PairRow) -> List[Dataset]:
    _, _, spread = _units(source.view)
    items = [_site(PAIR_CODES[pair.pair], BOTH), _mean(source, _DIFFERENCE, pair.mean, spread, pair.uncertainty_c)]
    if not source.view.frame:
        items += [_number(_DIFFERENCE, pair.p95, spread, 'p95'), _number(_DIFFERENCE, pair.max, spread, 'max')]
    return items


def _units(view: View) -> Tuple[Code, Code, Code]:
    """What is measured, and the units of values and of differences."""
    return (SKIN_TEMPERATURE, DEGREE, KELVIN) if view.unit == CELSIUS else (_GREY, ONE, ONE)


def _mean(source: _Source, concept: Code, value: float, unit: Code, within: Optional[float]) -> Dataset:
    """A mean, how exact it is, and the picture that it and the numbers after it were taken from."""
    more = [] if within is None else [content.number(_UNCERTAINTY, within, KELVIN, relation=HAS_PROPERTIES)]
    return _number(concept, value, unit, 'mean', more + _taken_from(source))


def _number(concept: Code, value: float, unit: Code, statistic: str, more: Iterable[Dataset] = ()) -> Dataset:
    """A measurement and how it was derived."""
    derived = content.code(_DERIVATION, _STATISTICS[statistic], HAS_MODIFIER)
    return content.number(concept, value, unit, [derived, *more])


def _taken_from(source: _Source) -> List[Dataset]:
    return [] if source.picture is None else [content.image(source.picture, _SOURCE, INFERRED_FROM)]


def _sign_items(source: _Source, sign: Mapping[str, Any]) -> List[Dataset]:
    """A sign: what was measured, the threshold and whose it is, and whether it was exceeded."""
    unit = KELVIN if sign['unit'] == '°C' else ONE
    name = sign['name']
    items = [content.code(_FINDING, Code(_SHORT.get(name, name), LOCAL, RULES[name].title))]
    items.append(_site(PAIR_CODES['breast'], BOTH))
    if sign['value'] is not None:
        items.append(content.number(_VALUE, sign['value'], unit, _taken_from(source)))
    return items + [content.number(_THRESHOLD, sign['threshold'], unit),
                    content.code(_STATE, _STATES[sign['state']]), content.text(_WORDS, sign['sentence']),
                    content.text(_THRESHOLD_SOURCE, sign['source'])]
