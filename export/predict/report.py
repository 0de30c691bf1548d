"""The report of a preflight, for a terminal and as JSON; every figure of a board is called predicted."""
import math
from typing import Any, Dict, List

from export.check import VIOLATION, Violation, fits
from export.check.report import summary

from .kernel import count_layers, total_macs, total_weights
from .latency import by_kind, fit_document, layer_rows
from .pipeline import origins
from .preflight import DESKTOP_MIB, LIBRARIES_FROM, NO_FIGURES, SERVICE_MIB, Preflight

_MIB = 2.0 ** 20
#: The project's aim for a Jetson Nano, FP16, MAXN: 90th percentile, milliseconds.
AIM_MS = 33


def describe(name: str, prediction: Preflight, variants: Dict[str, List[Violation]],
             with_layers: bool = False) -> str:
    """The report as text.

    Args:
        name: what was examined, as the user named it.
        prediction: for the network.
        variants: violations by the name of the variant or file.
        with_layers: add a line for every kernel.

    Returns:
        The report, with the verdict on operators first.
    """
    target = prediction.target
    lines = [summary(target, variants)]
    if not any(map(fits, variants.values())):
        lines += _violations(variants)
    lines += ['', '%s against %s: %s, %s. Predicted, not measured: no board was asked.' % (
        name, target.name, target.title, prediction.precision.upper())]
    if prediction.fused is None:
        return '\n'.join(lines + [prediction.reason])
    lines += [''] + _network(prediction) + _memory(prediction)
    lines += _latency(prediction) if prediction.latency else _no_latency(prediction)
    if with_layers and prediction.latency:
        lines += ['', 'layers      %-26s %-12s %9s %12s  %-10s %s' % (
            'name', 'kind', 'GMAC', 'elements', 'limit', 'ms')]
        lines += ['            %-26s %-12s %9.4f %12d  %-10s %.3f' % (
            row['name'][:26], row['kind'], row['gmac'], row['elements'], row['limit'], row['ms'])
            for row in layer_rows(prediction.fused, prediction.latency)]
    return '\n'.join(lines)


def to_dict(name: str, prediction: Preflight, variants: Dict[str, List[Violation]],
            with_layers: bool = False) -> Dict[str, Any]:
    """The same as JSON."""
    target, fused, memory = prediction.target, prediction.fused, prediction.memory
    document: Dict[str, Any] = {
        'checked': name, 'target': target.name, 'precision': prediction.precision, 'kind': 'predicted',
        'fits': any(map(fits, variants.values())),
        'variants': {variant: [violation.to_dict() for violation in violations]
                     for variant, violations in variants.items()},
        'not_predicted': prediction.reason or None}
    if fused is None or memory is None:
        return document
    document['network'] = {
        'layers': count_layers(fused.kernels), 'gmac': round(total_macs(fused.kernels) / 1e9, 4),
        'weights': total_weights(fused.kernels), 'unknown_operators': fused.unknown}
    document['memory'] = {
        'weights_bytes': memory.weights, 'activations_bytes': memory.activations,
        'total_mib': [round(end, 1) for end in memory.total_mib()],
        'total_mib_without_cublas_cudnn': [round(end, 1) for end in memory.total_mib(False)],
        'target_mib': target.memory_bytes and target.memory_bytes // 2 ** 20,
        'service_mib': SERVICE_MIB, 'desktop_mib': DESKTOP_MIB, 'libraries_from': LIBRARIES_FROM,
        'fits': prediction.fits_memory}
    if prediction.latency is None:
        return dict(document, latency=None, no_latency=NO_FIGURES, lower_limit_ms=prediction.limit_ms)
    latency, error = prediction.latency, fit_document()['left_out']
    document['latency_ms'] = dict(
        latency.network_ms.to_dict(), gpu=round(latency.gpu_ms, 3), enqueue=round(latency.enqueue_ms, 3),
        copies=[round(copy_ms, 3) for copy_ms in latency.copies_ms])
    document['error'] = {key: error[key] for key in ('n', 'median_percent', 'worst_percent')}
    document['outside_fit'] = [departure.to_dict() for departure in latency.outside]
    document['kinds'] = {kind: {'count': count, 'gmac': round(gmac, 4), 'ms': round(ms, 3)}
                         for kind, (count, gmac, ms) in by_kind(fused, latency).items()}
    document['build_s'] = dict(zip(('low', 'predicted', 'high'), (round(end) for end in latency.build_s)))
    document['pipeline_p90_ms'] = _pipeline_dict(prediction.pipeline)
    if with_layers:
        document['layers'] = layer_rows(fused, latency)
    return document


def _violations(variants):
    """One line per broken rule and variant; ``thermoscreen check`` lists every node."""
    lines = []
    for variant, violations in variants.items():
        broken = [violation for violation in violations if violation.severity == VIOLATION]
        for rule in dict.fromkeys(violation.rule for violation in broken):
            alike = [violation for violation in broken if violation.rule == rule]
            lines.append('VIOLATION %s %s at %s (%s)%s: %s %s' % (
                variant, rule, alike[0].node, alike[0].operator,
                ' and %d more' % (len(alike) - 1) if len(alike) > 1 else '', alike[0].reason, alike[0].remedy))
    return lines


def _network(prediction):
    fused = prediction.fused
    lines = ['network     %d layers after fusion, %.3f GMAC, %.2f million weights' % (
        count_layers(fused.kernels), total_macs(fused.kernels) / 1e9, total_weights(fused.kernels) / 1e6)]
    if fused.unknown:
        lines.append('            counted as memory traffic alone: %s' % ', '.join(fused.unknown))
    return lines


def _memory(prediction):
    need, available = prediction.memory, prediction.target.memory_bytes
    lines = ['memory      weights %.1f MiB, activations %.1f MiB' % (need.weights / _MIB, need.activations / _MIB)]
    if prediction.target.tensorrt:
        of = ' of %d MiB' % (available // 2 ** 20) if available else ''
        lines += ['            with CUDA, cuBLAS and cuDNN %d to %d MiB%s; without the last two %d to %d' % (
                      *need.total_mib(), of, *need.total_mib(False)),
                  '            (libraries: %s)' % LIBRARIES_FROM]
    if prediction.fits_memory is not None:
        lines.append('            %s beside the service (up to %d MiB) and a desktop (about %d MiB)' % (
            'there is room' if prediction.fits_memory else 'NO ROOM', SERVICE_MIB, DESKTOP_MIB))
    return lines


def _no_latency(prediction):
    lines = ['latency     ' + NO_FIGURES]
    if prediction.limit_ms is not None:
        lines.append('            Lower limit %.2f ms: weights, inputs and outputs once through the memory at its peak '
                     'rate. It is no prediction.' % prediction.limit_ms)
    return lines


def _latency(prediction):
    latency, error = prediction.latency, fit_document()['left_out']
    interval = latency.network_ms
    lines = ['build       predicted %s (%s to %s)' % tuple(_duration(latency.build_s[place]) for place in (1, 0, 2)),
             'latency     predicted %.1f ms, MAXN, batch 1 (%.1f to %.1f typical, %.1f to %.1f at worst)' % (
                 interval.middle, *interval.typical, *interval.outer),
             '            GPU %.1f ms; the processor hands the layers over in %.1f ms meanwhile' % (
                 latency.gpu_ms, latency.enqueue_ms)]
    lines += ['            %-12s %4d  %7.3f GMAC  %6.2f ms' % (kind, *values)
              for kind, values in by_kind(prediction.fused, latency).items()]
    lines += ['error       fitted to %d published figures; on %d of %d sources left out: median %.1f %%, worst %.1f %%'
              % (fit_document()['fitted']['n'], error['n'], len(error['by_source']), error['median_percent'],
                 error['worst_percent']),
              '            half of those lie within what is typical here, all of them within what is at worst']
    if latency.outside:
        lines += ['outside     This network differs from those that the prediction was fitted to; '
                  'its error may be larger:']
        lines += ['            ' + departure.sentence for departure in latency.outside]
    return lines + _pipeline(prediction.pipeline)


def _pipeline(pipeline):
    lines = ['', 'pipeline    frame %s, 90th percentile, one stage after another, predicted; aim %d ms' % (
        pipeline.frame, AIM_MS)]
    rows = [('network', (pipeline.network.low, pipeline.network_ms, pipeline.network.high), ''),
            ('copies', (pipeline.copies_ms,) * 3, ''),
            ('unpin', _ends(pipeline.unpinning), 'assumed')]
    rows += [(stage, _ends(on_nano), '%.2f ms on the PC' % measured)
             for stage, (on_nano, measured) in pipeline.stages.items()]
    rows += [('to result', pipeline.total(False), ''), ('to picture', pipeline.total(True), '')]
    lines += ['            %-10s %6.1f ms (%.1f to %.1f)%s' % (stage, middle, low, high, note and ', ' + note)
              for stage, (low, middle, high), note in rows]
    return lines + ['            ' + sentence for sentence in origins()]


def _pipeline_dict(pipeline):
    def ends(values):
        return dict(zip(('low', 'predicted', 'high'), (round(value, 2) for value in values)))

    return {'frame': pipeline.frame, 'aim': AIM_MS,
            'network': ends((pipeline.network.low, pipeline.network_ms, pipeline.network.high)),
            'copies': round(pipeline.copies_ms, 3), 'unpin': ends(_ends(pipeline.unpinning)),
            'stages': {stage: dict(ends(_ends(on_nano)), measured_on_pc=measured)
                       for stage, (on_nano, measured) in pipeline.stages.items()},
            'to_result': ends(pipeline.total(False)), 'to_picture': ends(pipeline.total(True)), 'origins': origins()}


def _ends(span):
    return span.low, span.middle, span.high


def _duration(seconds):
    return '%d s' % seconds if seconds < 120 else '%d min' % math.ceil(seconds / 60)
