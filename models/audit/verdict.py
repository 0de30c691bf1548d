"""What a model's AUC is worth beside the controls, in words, by rules that stand here and nowhere else.

For each model, in this order:

1. ``chance``: the lower end of its interval is not above 0.5.
2. ``explained``: a control that is itself above chance (lower end above 0.5) is not beaten: the paired bootstrap
   interval of model minus control reaches zero or below.
3. ``undecided``: the controls that are above chance are beaten, and another one is not.
4. ``beats``: every control is beaten; the least lower end of the paired intervals is what it beats them by.

Controls without anything to learn take no part.
"""

#: Codes of the four verdicts.
CHANCE, EXPLAINED, UNDECIDED, BEATS = 'chance', 'explained', 'undecided', 'beats'

#: The four in a few words, for models after the first.
SHORT = {CHANCE: 'not shown to be better than chance', EXPLAINED: 'no evidence of a disease pattern, a control '
         'reaches as much', UNDECIDED: 'too few patients to tell it from every control',
         BEATS: 'beats every control'}


def judge(model, controls):
    """The verdict on one model.

    Args:
        model (dict): row of the report: name, auc, auc_ci95, and ``minus``: control name to
            ``{'difference', 'ci95'}`` by the paired bootstrap.
        controls (list): rows of the report: name, auc, auc_ci95; auc None where there is nothing to learn.
    Returns:
        tuple: (code, sentence).
    """
    able = [row for row in controls if row['auc'] is not None]
    own = '%s reaches AUC %s' % (model['name'], figure(model))
    if model['auc_ci95'][0] <= 0.5:
        return CHANCE, ('%s: not shown to be better than chance, so there is no score to explain. %s'
                        % (own, _strongest(able))).strip()
    reached = [row for row in able if model['minus'][row['name']]['ci95'][0] <= 0]
    reached.sort(key=lambda row: -row['auc'])
    loud = [row for row in reached if row['auc_ci95'][0] > 0.5]
    if loud:
        return EXPLAINED, ('%s, and without any skin pattern %s: the model\'s score is not evidence of a disease '
                           'pattern.' % (own, _listed(loud, 'reaches ')))
    if reached:
        return UNDECIDED, ('%s. No control that is above chance comes near, but with so few patients %s cannot be '
                           'told from it: more patients are needed before the score means anything.'
                           % (own, _names(reached)))
    if not able:
        return UNDECIDED, '%s, but no control had anything to learn: the score stands without comparison.' % own
    closest = min(able, key=lambda row: model['minus'][row['name']]['ci95'][0])
    gap = model['minus'][closest['name']]
    return BEATS, ('%s and beats every control by at least %.4f (paired bootstrap over patients; closest: %s, '
                   'difference %.3f, 95 %% %.4f to %.4f). None of these controls explains it; one that nobody '
                   'measured still may.' % (own, gap['ci95'][0], closest['name'], gap['difference'], *gap['ci95']))


def figure(row):
    """AUC of a row with its interval: ``'0.825 (0.714 to 0.924)'``."""
    return '%.3f (%.3f to %.3f)' % (row['auc'], *row['auc_ci95'])


def _strongest(able):
    above = [row for row in able if row['auc_ci95'][0] > 0.5]
    if not above:
        return ''
    best = max(above, key=lambda row: row['auc'])
    return 'Without any skin pattern %s reaches %s.' % (best['name'], figure(best))


def _listed(rows, verb):
    return ', '.join('%s %s%s' % (row['name'], '' if place else verb, figure(row)) for place, row in enumerate(rows))


def _names(rows):
    return ', '.join(row['name'] for row in rows)
