"""What a finished training prints: where things are, and how good it is, with n."""


def summarise(done, recipe):
    """Lines for the terminal.

    Args:
        done (Done): a finished run.
        recipe (Recipe): of it.

    Returns:
        list of str
    """
    metrics = done.metrics
    lines = ['%s is trained: %s' % (recipe.name, done.folder)]
    lines += ['NOTE: %s' % note for note in metrics.get('notes', ())]
    lines.append('Judged on %s.' % metrics['set'])
    lines += _regions(metrics) + _finding(metrics.get('finding', {}))
    if done.bundle is not None:
        lines.append('Bundle for the device: %s' % done.bundle.folder)
        if done.bundle.manifest.refused:
            lines.append('It refuses to be deployed: %s' % done.bundle.manifest.refused)
    else:
        lines.append('No bundle: %s' % done.why_no_bundle)
    if 'wall_s' in metrics:
        lines.append('%d s; %s. Curves: tensorboard --logdir %s' % (
            metrics['wall_s'], metrics['conditions'], done.folder / 'log'))
    return lines


def _regions(metrics):
    if 'miou' not in metrics:
        return []
    lines = ['Regions: mean IoU %s' % _figure(metrics['miou'])]
    lines += ['  %-14s %s' % (name.replace('_', ' '), _short(value)) for name, value in metrics['iou'].items()]
    return lines


def _finding(finding):
    if 'confusion' in finding and 'classes' in finding:
        return ['Finding: %s: AUC %s, sensitivity %s' % (name, _figure(finding[name]['auc']),
                                                        _figure(finding[name]['sensitivity']))
                for name in finding['classes']]
    if 'auc' not in finding:
        return []
    lines = ['Finding: AUC %s of %d thermograms, %d abnormal'
             % (_figure(finding, 'auc'), finding['n'], finding['n_abnormal'])]
    lines += ['  %-14s %s' % (name, _figure(finding, name)) for name in ('sensitivity', 'specificity')]
    return lines + ['  %-14s %.3f' % ('threshold', finding['threshold'])]


def _figure(holder, name=None):
    """``'0.81 (95 % interval 0.70 to 0.90, n 40)'`` of an estimate or of a value with ``_ci95`` beside it."""
    value = holder if name is None else holder[name]
    if not isinstance(value, dict):
        value = {'value': value, 'ci95': holder.get(name + '_ci95') if name else None, 'n': None}
    if value['value'] is None:
        return 'not known'
    rest = ['95 %% interval %.2f to %.2f' % tuple(value['ci95'])] if value['ci95'] else []
    rest += ['n %d' % value['n']] if value['n'] is not None else []
    return '%.3f%s' % (value['value'], ' (%s)' % ', '.join(rest) if rest else '')


def _short(value):
    value = value['value'] if isinstance(value, dict) else value
    return 'not there' if value is None else '%.3f' % value
