"""What a calibration found, as JSON and in a few lines."""


def figures(calibrated, folder):
    """A calibration as JSON.

    Args:
        calibrated (models.calibrating.Calibrated): what was found.
        folder (Path): the bundle that was written.

    Returns:
        dict: ``bundle``, ``calibration``, ``golden``, ``parity`` (per set of frames), ``latency``, ``finding`` (the
        manifest's, with ``loss``) or None, ``why_no_thresholds``, ``refused`` and ``failed`` frames.
    """
    document, fitted = calibrated.package.document, calibrated.finding
    return {
        'bundle': str(folder), 'calibration': document['calibration'],
        'golden': document['variants']['int8-qdq']['golden'],
        'parity': {title: parity.to_dict() for title, parity in calibrated.parities.items()},
        'latency': calibrated.latency,
        'finding': fitted and dict(fitted.entry, loss=[round(loss, 4) for loss in fitted.loss]),
        'why_no_thresholds': calibrated.why_no_thresholds,
        'refused': calibrated.survey.refused, 'failed': calibrated.survey.failures}


def describe(calibrated, folder):
    """The same in lines of text."""
    calibration, latency = calibrated.package.document['calibration'], calibrated.latency
    lines = ['%s: INT8 by %s ranges of %d frames of %s. It is unsigned now; thermoscreen bundle sign signs it.'
             % (folder, calibration['method'], calibration['frames'], calibration['data'])]
    lines += ['  against FP32 on %s: %s' % (title, _said(parity)) for title, parity in calibrated.parities.items()]
    lines.append('  FP32 %.1f ms, INT8 %.1f ms, ratio %.2f (n = %d each, %s)'
                 % (latency['fp32_ms'], latency['int8_ms'], latency['ratio'], latency['n'], latency['conditions']))
    if calibrated.survey.refused:
        lines.append('  %d frames were left out: the quality checks refuse them.' % calibrated.survey.refused)
    return lines + _thresholds(calibrated)


def _thresholds(calibrated):
    fitted = calibrated.finding
    if fitted is None:
        return ['Temperature and thresholds of the finding stay as they were. %s' % calibrated.why_no_thresholds]
    lines = ['Temperature %g: mean loss %.4f before, %.4f after (n = %d frames of other patients).'
             % ((fitted.entry['temperature'],) + fitted.loss + (fitted.judged,))]
    lines += ['  %-16s threshold %.4f  %s' % (point['name'], point['threshold'], point['basis'])
              for point in fitted.entry['operating_points']]
    return lines + ['Threshold of the finding: %.4f. %s' % (fitted.entry['threshold'],
                                                            fitted.entry['threshold_basis'])]


def _said(parity):
    said = '%.2f %% of the labels agree' % (100 * parity.label_agreement)
    if parity.miou_change is not None:
        said += ', mIoU %.4f, %+.4f (95 %% interval %+.4f to %+.4f, n = %d)' % (
            (parity.miou, parity.miou_change) + parity.miou_change_ci95 + (parity.labelled,))
    if parity.finding_error is not None:
        said += ', finding off by up to %.3f' % parity.finding_error
    return said
