"""A result in sentences that can be read out."""

#: Absence of a judgement must not read as 'nothing found'.
NO_FINDING = 'This model gives regions and differences but no finding: it does not judge the heat pattern.'


def describe(differences, finding, is_celsius):
    """The result in words, most important first.

    Args:
        differences (tuple of Difference): of one frame.
        finding (Finding): or None from a model that only marks regions.
        is_celsius (bool): whether the differences are degrees.
    Returns:
        tuple of str: one sentence a pair, then the finding or that there is none.
    """
    sentences = [_pair_sentence(entry, is_celsius) for entry in differences]
    if not is_celsius:
        sentences.append('The picture has no temperatures; differences are in grey levels and are not compared '
                         'with a threshold.')
    if finding is None:
        sentences.append(NO_FINDING)
    else:
        sentences.append('%s: %s the threshold.' % (finding.name[:1].upper() + finding.name[1:],
                                                    'at or above' if finding.above else 'below'))
    return tuple(sentences)


def _pair_sentence(entry, is_celsius):
    size = abs(entry.mean)
    # 1.04 against a threshold of 1.0 must not read '1.0 ... above the 1.0 C threshold'.
    shown = '%.1f' % size if round(size, 1) != round(entry.threshold_c, 1) else '%.2f' % size
    if not is_celsius:
        if float(shown) == 0:
            return 'Left and right %s have the same mean grey level.' % entry.pair
        return '%s %s %s grey levels brighter than %s.' % (_side(entry), entry.pair, shown, _other(entry))
    verdict = '%s the %.1f C threshold.' % ('Above' if entry.exceeds else 'Not above', entry.threshold_c)
    if float(shown) == 0:
        return 'Left and right %s are equally warm to 0.1 C. %s' % (entry.pair, verdict)
    return '%s %s %s C warmer than %s. %s' % (_side(entry), entry.pair, shown, _other(entry), verdict)


def _side(entry):
    return 'Left' if entry.mean > 0 else 'Right'


def _other(entry):
    return 'right' if entry.mean > 0 else 'left'
