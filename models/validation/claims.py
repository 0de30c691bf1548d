"""What may and what may not be claimed of a bundle at a site: each claim, the evidence it needs, and what was found.

The bars below are those that the project holds itself to (docs/figures.md), or our own, fixed with the published
figures of the project in view; no option moves them for one clinic. A claim needs the whole interval on the right side
of its bar, not the figure alone: twenty patients who happen to do well prove little.
"""
import math
from typing import Any, Dict, List, NamedTuple

from calibration.thresholds import wilson
from models.evaluation.formatting import figure
from models.evaluation.landmarks import FAR_PX, NEAR_PX
from models.statistics import auc_n, spread_n, wilson_n
from service.reading import DETECTABLE_C

from .repeats import BETWEEN, WITHIN

MAY, MAY_NOT, OPEN, NOT_ASSESSED = VERDICTS = ('may be claimed', 'may not be claimed', 'not shown yet', 'not assessed')

#: Patients below which an interval is too wide, or too uncertain itself, to stand on.
LEAST_PATIENTS = 20
#: Patients with two visits: a first study of repeatability; fewer are told and decide nothing.
LEAST_REPEATED = 10

#: What the overlap may lie below that on phantoms, and still count as the same.
MARGIN_MIOU = 0.05
#: Lowest acceptable lower ends.
LEAST_ANSWERED, LEAST_STOPPED, LEAST_NEAR = 0.9, 0.95, 0.85
#: Half widths that a study should reach.
HALF_SHARE, HALF_MIOU, HALF_AUC, HALF_SPREAD = 0.05, 0.03, 0.1, 0.3

#: Standard deviation between patients that gave 20 of them a half width of 0.038 (docs/figures.md).
_SD_MIOU = 0.085


class Claim(NamedTuple):
    """One claim.

    Attributes:
        claim: what somebody may want to say.
        needed: the evidence without which nobody may, as a sentence.
        found: the evidence that these data give, with n and interval.
        verdict: one of `VERDICTS`.
        step: how to say it where it may be said, what to collect where not.
    """

    claim: str
    needed: str
    found: str
    verdict: str
    step: str


def judge_claims(document: Dict[str, Any]) -> List[Dict[str, str]]:
    """Every claim, as JSON.

    Args:
        document: of a validation, with everything but its claims.
    """
    claims = [_outlines(document), _nipples(document), _answers(document), _sides(document),
              _changes(document), _finding(document)] + _NEVER
    return [_limited(claim, document)._asdict() for claim in claims]


def _limited(claim: Claim, document: Dict[str, Any]) -> Claim:
    """The claim within what all of the data allow: simulated or trained-on patients prove nothing about others."""
    if claim.verdict == MAY and document['simulated']:
        return claim._replace(verdict=MAY_NOT, step='These pictures are simulated. Repeat it on patients.')
    if claim.verdict == MAY and not document['split'].startswith('Patient-level'):
        return claim._replace(verdict=MAY_NOT, step='The data are not of patients whom the bundle has never seen.')
    if claim.verdict == MAY and document['looks']['n'] > 1:
        return claim._replace(step='%s Say that it was look %d at these pictures.' % (claim.step,
                                                                                     document['looks']['n']))
    return claim


def _outlines(document: Dict[str, Any]) -> Claim:
    regions, reference = document['regions'], document['reference_miou']
    bar = None if reference is None else reference - MARGIN_MIOU
    claim = 'It outlines the regions of patients at this site as well as those of phantoms.'
    needed = ('Outlines drawn by hand on %d patients or more whom it has not seen, without its help; lower end of the '
              'mIoU not below %s.' % (LEAST_PATIENTS, 'that on its own test set, which this bundle does not state'
                                      if bar is None else '%.3f (its test set: %.3f, less %.2f)'
                                      % (bar, reference, MARGIN_MIOU)))
    wanted = math.ceil((2 * _SD_MIOU / HALF_MIOU) ** 2)
    if not regions:
        return Claim(claim, needed, 'No outlines.', NOT_ASSESSED,
                     'Have the outlines of %d patients drawn, for an interval of about ±%.2f.' % (wanted, HALF_MIOU))
    everyone = regions['all']
    found = 'mIoU %s, %d pictures of %d patients.' % (figure(everyone['miou']), everyone['n'], everyone['patients'])
    if document['corrected']:
        found += ' %d outlines began as those of a model and were corrected.' % document['corrected']
        return Claim(claim, needed, found, NOT_ASSESSED,
                     'Corrected outlines begin as a model\'s, and are of pictures that it got wrong. Have %d patients '
                     'drawn without them.' % wanted)
    if bar is None:
        return Claim(claim, needed, found, NOT_ASSESSED, 'Export a bundle that states the mIoU of its test set.')
    verdict = _held(everyone['miou'], bar, everyone['patients'])
    return Claim(claim, needed, found, verdict, 'Give mIoU, interval and patients. It says nothing of another camera '
                 'or pose.' if verdict == MAY else _more(everyone['miou'], bar, everyone['patients'], wanted))


def _nipples(document: Dict[str, Any]) -> Claim:
    landmarks = document['landmarks']
    claim = 'It finds the nipples of patients at this site.'
    needed = ('Nipples marked on %d patients or more; lower end of the share within %d pixels of 480 rows not below '
              '%.0f %%.' % (LEAST_PATIENTS, NEAR_PX, 100 * LEAST_NEAR))
    wanted = wilson_n(LEAST_NEAR, HALF_SHARE)
    if not landmarks or not landmarks['n']:
        return Claim(claim, needed, 'No marks.', NOT_ASSESSED,
                     'Mark the nipples of %d patients (landmarks.csv), for a Wilson interval of ±%.0f %% around '
                     '%.0f %%.' % (wanted, 100 * HALF_SHARE, 100 * LEAST_NEAR))
    median = '' if landmarks['median_px'] is None else ' Median %.1f pixels.' % landmarks['median_px']
    found = 'Within %d pixels: %s; beyond %d or not found: %s; %d nipples of %d patients, by %s.%s' % (
        NEAR_PX, figure(landmarks['near'], 1, True), FAR_PX, figure(landmarks['far'], 1, True), landmarks['n'],
        landmarks['patients'], landmarks['source'], median)
    if landmarks['source'] == 'outlines' and document['corrected']:
        return Claim(claim, needed, found, NOT_ASSESSED, 'Mark nipples without the help of a model.')
    verdict = _held(landmarks['near'], LEAST_NEAR, landmarks['patients'])
    return Claim(claim, needed, found, verdict, 'Give the share, its interval and the number of patients.'
                 if verdict == MAY else _more(landmarks['near'], LEAST_NEAR, landmarks['patients'], wanted))


def _answers(document: Dict[str, Any]) -> Claim:
    front = document['gate']['front']
    claim = 'It gives a result for nearly every frontal picture that is taken here.'
    needed = ('Frontal pictures of %d patients or more, as they were taken and not chosen; lower end of the share with '
              'a result not below %.0f %%.' % (LEAST_PATIENTS, 100 * LEAST_ANSWERED))
    wanted = wilson_n(0.95, HALF_SHARE)
    if not front['n']:
        return Claim(claim, needed, 'The data call no picture frontal.', NOT_ASSESSED,
                     'State the view of each picture (column view), of %d patients.' % wanted)
    found = 'Result: %s of %d pictures of %d patients.' % (figure(front['answered'], 1, True), front['n'],
                                                          front['patients'])
    verdict = _held(front['answered'], LEAST_ANSWERED, front['patients'])
    return Claim(claim, needed, found, verdict, 'Say that the pictures were not chosen, if that is so.'
                 if verdict == MAY else _more(front['answered'], LEAST_ANSWERED, front['patients'], wanted))


def _sides(document: Dict[str, Any]) -> Claim:
    side = document['gate']['side']
    claim = 'It compares left and right in frontal pictures only.'
    needed = ('Side views of %d patients or more; lower end of the share that is refused or named a side view not '
              'below %.0f %%.' % (LEAST_PATIENTS, 100 * LEAST_STOPPED))
    wanted = next(n for n in range(1, 1000) if wilson(n, n)[0] >= LEAST_STOPPED)
    if not side['n']:
        return Claim(claim, needed, 'No side view.', NOT_ASSESSED, 'Take side views of %d patients: so many without an '
                     'error put the lower end of Wilson\'s interval there.' % wanted)
    found = 'Refused or named: %s of %d side views of %d patients.' % (figure(side['stopped'], 1, True), side['n'],
                                                                      side['patients'])
    verdict = _held(side['stopped'], LEAST_STOPPED, side['patients'])
    return Claim(claim, needed, found, verdict, 'Give the share, its interval and the number of patients.'
                 if verdict == MAY else _more(side['stopped'], LEAST_STOPPED, side['patients'], wanted))


def _changes(document: Dict[str, Any]) -> Claim:
    visits = document['repeats'][BETWEEN]
    breast = visits['measures']['breast']
    claim = ('A left-right difference of the breasts that changes by more than %.1f °C between two visits has changed '
             'by more than it does by itself.' % DETECTABLE_C)
    needed = ('Two visits within %d days of %d patients or more in whom nothing is known to have changed; both upper '
              'ends of the repeatability coefficient not above %.1f °C.'
              % (document['conditions']['repeat_days'], LEAST_REPEATED, DETECTABLE_C))
    wanted = spread_n(HALF_SPREAD)
    step = ('Call %d patients twice within %d days, for a standard deviation within ±%.0f %% of itself.'
            % (wanted, document['conditions']['repeat_days'], 100 * HALF_SPREAD))
    if not breast['patients']:
        inside = document['repeats'][WITHIN]['measures']['breast']
        found = 'No patient with two visits.' + ('' if not inside['patients'] else ' Within one visit: %s °C, %d '
                                                 'patients; a second visit scatters more.'
                                                 % (figure(inside['coefficient'], 2), inside['patients']))
        return Claim(claim, needed, found, NOT_ASSESSED, step)
    highest = breast['smallest_change']
    found = 'Repeatability coefficient %s °C, %d visits of %d patients%s; ICC %s.' % (
        figure(breast['coefficient'], 2), breast['n'], breast['patients'],
        '' if highest is None else ', upper end by chi-squared %.2f °C' % breast['coefficient_upper'],
        figure(breast['icc'], 2))
    if breast['patients'] < LEAST_REPEATED or highest is None:
        return Claim(claim, needed, found, OPEN, step)
    if breast['verdict'] == 'covered':
        return Claim(claim, needed, found, MAY, 'Say it of the means of the breasts alone, on the same camera, view '
                     'and distance. This site may count %.2f °C.' % highest)
    if breast['verdict'] == 'exceeded':
        return Claim(claim, needed, found, MAY_NOT, 'At this site only a change above %.2f °C is more than repetition. '
                     'Look at how patients are placed and rest.' % highest)
    return Claim(claim, needed, found, OPEN, 'Until then count a change above %.2f °C. %s' % (highest, step))


def _finding(document: Dict[str, Any]) -> Claim:
    finding, audit = document['finding'], document['audit']
    words = (' or '.join(finding['positive']), ' or '.join(finding['negative'])) if finding else ('sick', 'healthy')
    claim = 'The finding tells %s from %s.' % words
    needed = ('Classes proven by pathology (--pathology), frontal pictures, %d patients of each class or more; lower '
              'end of the AUC above 0.5; on the same patients an audit in which the skin beats every control '
              '(background, marker, noise, number).' % LEAST_PATIENTS)
    collect = ('Collect %d patients of each class whose diagnosis is proven, all by one camera, room and protocol, for '
               'an AUC within ±%.1f around 0.75 [Hanley1982].' % (auc_n(0.75, HALF_AUC), HALF_AUC))
    if not finding:
        return Claim(claim, needed, document['no_finding'], NOT_ASSESSED, collect)
    auc = finding['roc']['auc']
    found = 'AUC %s, %d and %d pictures; classes as %s. %s' % (
        figure(auc), finding['roc']['n_positive'], finding['roc']['n_negative'],
        'proven by pathology' if document['pathology'] else 'the data state them, not proven by pathology',
        'Audit: %s' % audit['verdict'] if audit else document['no_audit'])
    reasons = []
    if not document['pathology']:
        reasons.append('no pathology')
    if not audit:
        reasons.append('no audit of what else predicts the classes')
    elif audit['code'] != 'beats':
        reasons.append('a control does as well as the skin, or may')
    if audit and audit['patients'] != finding['patients']:
        reasons.append('the audit is of other patients')
    if finding['fewest'] < LEAST_PATIENTS:
        reasons.append('too few patients of a class')
    if not auc['ci95'] or auc['ci95'][0] <= 0.5:
        reasons.append('no better than chance')
    if reasons:
        return Claim(claim, needed, found, MAY_NOT, 'Missing: %s. %s' % ('; '.join(reasons), collect))
    return Claim(claim, needed, found, MAY, 'Give AUC and the controls beside each other. Sensitivity needs its '
                 'specificity; accuracy alone says nothing.')


def _held(estimate: Dict[str, Any], bar: float, patients: int) -> str:
    """Whether an interval lies above a bar, below it, or around it."""
    ends = estimate['ci95']
    if not ends:
        return OPEN
    if ends[1] < bar:
        return MAY_NOT
    return MAY if ends[0] >= bar and patients >= LEAST_PATIENTS else OPEN


def _more(estimate: Dict[str, Any], bar: float, patients: int, wanted: int) -> str:
    """What to do where a claim does not hold."""
    if estimate['ci95'] and estimate['ci95'][1] < bar:
        return 'More patients will not change this. Look at the worst cases, and adapt the bundle to the site.'
    if patients >= wanted:
        return 'Take many more patients, or adapt the bundle to the site: the figure is close to the bar.'
    return 'Take %d patients; here are %d.' % (wanted, patients)


#: What no result of this kit supports, and why.
_NEVER = [
    Claim('It shows, rules out or screens for cancer; it can take the place of mammography.',
          'Prospective trials with pathology and follow-up, and an approval for that use.',
          'None. This kit cannot give it.', MAY_NOT,
          'Say: research and adjunct use only. A normal result does not exclude cancer.'),
    Claim('It is so many percent accurate.',
          'None makes it a good figure: it follows from how many of the patients are sick.',
          'Not a headline of this report.', MAY_NOT,
          'Say sensitivity at a stated specificity, and AUC, with n, interval and controls.'),
    Claim('Its temperatures are right.',
          'A reference source of known temperature in view, traceable, over the hours of a day.', 'Not in these data.',
          NOT_ASSESSED, 'Have the camera calibrated. Differences within a picture need it less.')]
