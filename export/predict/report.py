"""What a preflight found, for a terminal and as JSON; every figure of a board is called predicted."""
import math

from export.check import VIOLATION, fits
from export.check.report import summary

from . import cpu, memory
from .coefficients import document
from .kernel import layers, total_macs, total_weights
from .latency import by_kind, layer_rows
from .preflight import NO_FIGURES

_MIB = 2.0 ** 20
#: What the project holds itself to, milliseconds, 90th percentile on a Jetson Nano, FP16, MAXN.
AIM_MS = 33


def describe(name, found, variants, with_layers=False):
    """The report as text.

    Args:
        name (str): what was looked at, as the person called it.
        found (Preflight): predictions.
        variants (dict): variant or file name to list of `Violation`.
        with_layers (bool): add a line for every kernel.

    Returns:
        str: the verdict on operators first.
    """
    target = found.target
    lines = [summary(target, variants)]
    if not any(map(fits, variants.values())):
        lines += _violations(variants)
    lines += ['', '%s against %s: %s, %s. Predicted, not measured: no board was asked.' % (
        name, target.name, target.title, found.precision.upper())]
    if found.fused is None:
        return '\n'.join(lines + [found.reason])
    lines += [''] + _network(found) + _memory(found)
    lines += _latency(found) if found.latency else _no_latency(found)
    if with_layers and found.latency:
        lines += ['', 'layers      %-26s %-12s %9s %12s  %-10s %s' % (
            'name', 'kind', 'GMAC', 'elements', 'limit', 'ms')]
        lines += ['            %-26s %-12s %9.4f %12d  %-10s %.3f' % (
            row['name'][:26], row['kind'], row['gmac'], row['elements'], row['limit'], row['ms'])
            for row in layer_rows(found.fused, found.latency)]
    return '\n'.join(lines)


def to_dict(name, found, variants, with_layers=False):
    """The same as JSON."""
    whole = {'checked': name, 'target': found.target.name, 'precision': found.precision, 'kind': 'predicted',
             'fits': any(map(fits, variants.values())),
             'variants': {variant: [one.to_dict() for one in violations] for variant, violations in variants.items()},
             'not_predicted': found.reason or None}
    if found.fused is None:
        return whole
    whole['network'] = {'layers': layers(found.fused.kernels), 'gmac': round(total_macs(found.fused.kernels) / 1e9, 4),
                        'weights': total_weights(found.fused.kernels), 'unknown_operators': found.fused.unknown}
    whole['memory'] = {'weights_bytes': found.need.weights, 'activations_bytes': found.need.activations,
                       'total_mib': [round(end, 1) for end in found.need.total_mib()],
                       'total_mib_without_cublas_cudnn': [round(end, 1) for end in found.need.total_mib(False)],
                       'target_mib': found.target.memory_bytes and found.target.memory_bytes // 2 ** 20,
                       'service_mib': memory.SERVICE_MIB, 'desktop_mib': memory.DESKTOP_MIB,
                       'libraries_from': memory.LIBRARIES_FROM, 'fits': found.fits_memory}
    if found.latency is None:
        return dict(whole, latency=None, no_latency=NO_FIGURES, lower_limit_ms=found.limit_ms)
    taken, error = found.latency, document()['left_out']
    whole['latency_ms'] = dict(taken.network_ms.to_dict(), gpu=round(taken.gpu_ms, 3),
                               enqueue=round(taken.enqueue_ms, 3), copies=[round(one, 3) for one in taken.copies_ms])
    whole['error'] = {key: error[key] for key in ('n', 'median_percent', 'worst_percent')}
    whole['kinds'] = {kind: {'count': count, 'gmac': round(gmac, 4), 'ms': round(took, 3)}
                      for kind, (count, gmac, took) in by_kind(found.fused, taken).items()}
    whole['build_s'] = dict(zip(('low', 'predicted', 'high'), (round(end) for end in taken.build_s)))
    whole['pipeline_p90_ms'] = _pipeline_dict(found.pipeline)
    if with_layers:
        whole['layers'] = layer_rows(found.fused, taken)
    return whole


def _violations(variants):
    """One line a rule that is broken, and a variant; the verb ``check`` has every node."""
    lines = []
    for variant, found in variants.items():
        broken = [one for one in found if one.severity == VIOLATION]
        for rule in dict.fromkeys(one.rule for one in broken):
            alike = [one for one in broken if one.rule == rule]
            lines.append('VIOLATION %s %s at %s (%s)%s: %s %s' % (
                variant, rule, alike[0].node, alike[0].operator,
                ' and %d more' % (len(alike) - 1) if len(alike) > 1 else '', alike[0].reason, alike[0].remedy))
    return lines


def _network(found):
    lines = ['network     %d layers after fusion, %.3f GMAC, %.2f million weights' % (
        layers(found.fused.kernels), total_macs(found.fused.kernels) / 1e9, total_weights(found.fused.kernels) / 1e6)]
    if found.fused.unknown:
        lines.append('            counted as memory traffic alone: %s' % ', '.join(found.fused.unknown))
    return lines


def _memory(found):
    need, has = found.need, found.target.memory_bytes
    lines = ['memory      weights %.1f MiB, activations %.1f MiB' % (need.weights / _MIB, need.activations / _MIB)]
    if found.target.tensorrt:
        of = ' of %d MiB' % (has // 2 ** 20) if has else ''
        lines += ['            with CUDA, cuBLAS and cuDNN %d to %d MiB%s; without the last two %d to %d' % (
                      *need.total_mib(), of, *need.total_mib(False)),
                  '            (libraries: %s)' % memory.LIBRARIES_FROM]
    if found.fits_memory is not None:
        lines.append('            %s beside the service (up to %d MiB) and a desktop (about %d MiB)' % (
            'there is room' if found.fits_memory else 'NO ROOM', memory.SERVICE_MIB, memory.DESKTOP_MIB))
    return lines


def _no_latency(found):
    lines = ['latency     ' + NO_FIGURES]
    if found.limit_ms is not None:
        lines.append('            Lower limit %.2f ms: weights, inputs and outputs once through the memory at its peak '
                     'rate. It is no prediction.' % found.limit_ms)
    return lines


def _latency(found):
    taken, error = found.latency, document()['left_out']
    inside = document()['fitted']
    middle = taken.network_ms
    lines = ['build       predicted %s (%s to %s)' % tuple(_duration(taken.build_s[place]) for place in (1, 0, 2)),
             'latency     predicted %.1f ms, MAXN, batch 1 (%.1f to %.1f typical, %.1f to %.1f at worst)' % (
                 middle.middle, *middle.typical, *middle.outer),
             '            GPU %.1f ms; the processor hands the layers over in %.1f ms meanwhile' % (
                 taken.gpu_ms, taken.enqueue_ms)]
    lines += ['            %-12s %4d  %7.3f GMAC  %6.2f ms' % (kind, *values)
              for kind, values in by_kind(found.fused, taken).items()]
    lines += ['error       fitted to %d published figures; on %d of %d sources left out: median %.1f %%, worst %.1f %%'
              % (inside['n'], error['n'], len(error['by_source']), error['median_percent'], error['worst_percent']),
              '            half of those lie within what is typical here, all of them within what is at worst']
    return lines + _pipeline(found.pipeline)


def _pipeline(whole):
    lines = ['', 'pipeline    frame %s, 90th percentile, one stage after another, predicted; aim %d ms' % (
        whole.frame, AIM_MS)]
    rows = [('network', (whole.network.low, whole.network_ms, whole.network.high), ''),
            ('copies', (whole.copies_ms,) * 3, ''),
            ('unpin', _ends(whole.unpinning), 'assumed')]
    rows += [(stage, _ends(found), '%.2f ms on the PC' % measured) for stage, (found, measured) in whole.stages.items()]
    rows += [('to result', whole.total(False), ''), ('to picture', whole.total(True), '')]
    lines += ['            %-10s %6.1f ms (%.1f to %.1f)%s' % (stage, middle, low, high, note and ', ' + note)
              for stage, (low, middle, high), note in rows]
    return lines + ['            ' + sentence for sentence in cpu.origins()]


def _pipeline_dict(whole):
    def ends(values):
        return dict(zip(('low', 'predicted', 'high'), (round(value, 2) for value in values)))

    return {'frame': whole.frame, 'aim': AIM_MS,
            'network': ends((whole.network.low, whole.network_ms, whole.network.high)),
            'copies': round(whole.copies_ms, 3), 'unpin': ends(_ends(whole.unpinning)),
            'stages': {stage: dict(ends(_ends(found)), measured_on_pc=measured)
                       for stage, (found, measured) in whole.stages.items()},
            'to_result': ends(whole.total(False)), 'to_picture': ends(whole.total(True)), 'origins': cpu.origins()}


def _ends(found):
    return found.low, found.middle, found.high


def _duration(seconds):
    return '%d s' % seconds if seconds < 120 else '%d min' % math.ceil(seconds / 60)
