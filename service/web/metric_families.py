"""The figures of the station as metric families of prometheus_client, in its base units.

Every value is picked by name, so that no finding, patient or file name can get among them. What is not measured has no
sample.
"""
import contextlib
from typing import TYPE_CHECKING, Any, Dict, Iterable, Iterator, List, Optional, Tuple

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)

from .. import __version__
from ..cameras.capture import GRADES
from ..certificate import utc_now
from ..hospital.peers import days_left
from ..live import BOUNDS_MS, LiveState, StageTimes
from ..messages import ThermoscreenError
from .services import Services

if TYPE_CHECKING:
    from ..hospital.outbox import Outbox
    from ..pipeline import Pipeline
    from ..telemetry import Reading

#: Factors to the base unit.
_MILLI, _MEGA = 1e-3, 1e6

#: Times that are not a stage: they get a histogram of their own, so that a sum over stages does not count them twice.
_WHOLE = {'total': ('thermoscreen_picture_seconds', 'One picture, all stages without the wait for the camera.'),
          'page': ('thermoscreen_latency_seconds', 'From the camera to the page.')}

#: Counts of the capture.
_CAMERA_COUNTS = (('received', 'Frames that the camera gave.'), ('lost', 'Frames that never arrived.'),
                  ('missed', 'Frames that the computer was too late for.'),
                  ('repeated', 'Frames that repeated the one before.'), ('bad', 'Damaged frames.'),
                  ('stalls', 'Waits that ended without a frame.'), ('reconnects', 'Times that the camera came back.'))


def make_registry(objects: Services) -> CollectorRegistry:
    """A registry of everything that the station measures, and of what prometheus_client reports of this process."""
    registry = CollectorRegistry()
    registry.register(_Station(objects))
    ProcessCollector(registry=registry)
    return registry


class _Station:
    """A collector without figures of its own: it asks the station at each request."""

    def __init__(self, objects: Services) -> None:
        self._objects = objects

    def describe(self) -> List[Metric]:
        """Nothing in advance: which sensors there are is known when they are read."""
        return []

    def collect(self) -> List[Metric]:
        """Every family that has a value now."""
        return [family for family in families(self._objects) if family.samples]


def families(objects: Services) -> Iterator[Metric]:
    """Every metric family with its present values."""
    live = objects.live
    yield from _identity(objects.pipeline)
    yield from _pictures(live.state, live.pulse())
    yield from _stages(live.latencies.read())
    yield _labelled('thermoscreen_part_fresh', 'Whether a part of the service makes progress (1) or is stuck (0).',
                    'part', {part: float(entry['fresh']) for part, entry in live.heartbeats.report().items()})
    yield _labelled('thermoscreen_viewers', 'Pages that watch.', 'kind',
                    {'pictures': objects.pictures.taken, 'values': objects.events.taken})
    if objects.outbox is not None:
        yield from _outbox(objects.outbox)
    yield from _machine(objects.vitals.newest)
    yield from _hospital(objects)


def _identity(pipeline: 'Pipeline') -> Iterator[Metric]:
    identity, backend = pipeline.bundle.manifest.identity, pipeline.backend
    labels = {'version': __version__, 'bundle': identity['id'], 'bundle_version': identity['version'],
              'bundle_hash': identity['hash'], 'backend': backend.get('name'), 'provider': backend.get('provider'),
              'precision': backend.get('precision')}
    info = InfoMetricFamily('thermoscreen', 'The program, the model bundle and what runs it.')
    info.add_metric([], {name: str(value) for name, value in labels.items() if value})
    yield info


def _pictures(state: LiveState, pulse: Dict[str, Any]) -> Iterator[Metric]:
    live = state.values['live']
    yield CounterMetricFamily('thermoscreen_frames_shown', 'Frames that were analysed and shown.', live['shown'])
    yield CounterMetricFamily('thermoscreen_frames_dropped', 'Frames that came while the analysis was busy.',
                              live['dropped'])
    yield GaugeMetricFamily('thermoscreen_running', 'Whether the live picture runs.', float(state.running))
    yield from _gauge('thermoscreen_frames_per_second', 'Frames shown a second.', live['rate_hz'])
    yield from _gauge('thermoscreen_picture_age_seconds', 'Age of the picture.', pulse['age_ms'], _MILLI)
    capture = pulse['capture']
    for count, text in _CAMERA_COUNTS:
        yield CounterMetricFamily('thermoscreen_camera_' + count, text, capture[count])
    yield from _gauge('thermoscreen_camera_frames_per_second', 'Frames a second that arrive.', capture['rate_hz'])
    yield from _gauge('thermoscreen_camera_stated_frames_per_second', 'Frames a second that the camera states.',
                      live['camera'].get('rate_hz'))
    yield _labelled('thermoscreen_camera_quality', 'How well the frames arrive: 1 at the grade, 0 at the others.',
                    'grade', {grade: float(grade == capture['quality']['grade']) for grade in GRADES})


def _stages(latencies: Dict[str, StageTimes]) -> Iterator[Metric]:
    stages = HistogramMetricFamily('thermoscreen_stage_seconds', 'One stage of one picture.', labels=['stage'])
    for stage, times in latencies.items():
        if stage in _WHOLE:
            yield HistogramMetricFamily(*_WHOLE[stage], buckets=_buckets(times), sum_value=times.sum_ms * _MILLI)
        else:
            stages.add_metric([stage], _buckets(times), times.sum_ms * _MILLI)
    yield stages


def _buckets(times: StageTimes) -> List[Tuple[str, float]]:
    bounds_ms: Iterable[Optional[float]] = BOUNDS_MS + (None,)
    buckets: List[Tuple[str, float]] = []
    count = 0
    for bound_ms, added in zip(bounds_ms, times.counts):
        count += added
        buckets.append(('+Inf' if bound_ms is None else '%g' % (bound_ms * _MILLI), count))
    return buckets


def _outbox(outbox: 'Outbox') -> Iterator[Metric]:
    yield _labelled('thermoscreen_outbox_objects', 'Objects for the hospital in each state.', 'state',
                    {state: float(count) for state, count in outbox.counts().items()})
    yield GaugeMetricFamily('thermoscreen_outbox_waiting_seconds',
                            'Since when the oldest object waits that the archive has not committed to keep.',
                            outbox.waiting_s())


def _machine(reading: 'Reading') -> Iterator[Metric]:
    values = reading.values
    yield from _gauge('thermoscreen_telemetry_age_seconds', 'Age of the figures of the machine.', reading.age_s)
    yield _labelled('thermoscreen_temperature_celsius', 'Temperature of the device.', 'zone',
                    values.get('temperatures_c', {}))
    for name, signs, watched, text in (
            ('throttled', 'throttle_signs', 'throttling_watched', 'Whether the device is slowed down.'),
            ('supply_sagging', 'supply_signs', 'supply_watched', 'Whether the supply gives too little.')):
        if values.get(signs) or values.get(watched):
            yield GaugeMetricFamily('thermoscreen_' + name, text, float(bool(values.get(signs))))
    clocks = {'cpu%s' % core: clock for core, clock in values.get('cpu_clocks', {}).items()}
    clocks.update((name, values[name + '_clock']) for name in ('gpu', 'emc') if name + '_clock' in values)
    for name, key, text in (('clock_hertz', 'current_mhz', 'Clock now.'),
                            ('clock_cap_hertz', 'cap_mhz', 'Clock that may not be exceeded.')):
        yield _labelled('thermoscreen_' + name, text, 'unit',
                        {unit: clock[key] * _MEGA for unit, clock in clocks.items() if key in clock})
    yield _labelled('thermoscreen_load_ratio', 'Busy share, 0 to 1.', 'unit',
                    {unit: values[unit + '_load_share'] for unit in ('cpu', 'gpu', 'emc')
                     if unit + '_load_share' in values})
    yield from _gauge('thermoscreen_power_watts', 'Power of the whole device.', values.get('power_mw'), _MILLI)
    yield _labelled('thermoscreen_rail_power_watts', 'Power of one rail.', 'rail',
                    {name: rail['power_mw'] * _MILLI for name, rail in values.get('rails', {}).items()
                     if 'power_mw' in rail})
    if 'over_current_alarms' in values:
        yield CounterMetricFamily('thermoscreen_over_current_alarms', 'Alarms of the supply since the device started.',
                                  values['over_current_alarms'])
    fan = values.get('fan', {})
    yield from _gauge('thermoscreen_fan_drive_ratio', 'Drive of the fan, 0 to 1.', fan.get('drive_share'))
    yield from _gauge('thermoscreen_fan_rpm', 'Revolutions of the fan a minute.', fan.get('speed_rpm'))
    yield _labelled('thermoscreen_memory_bytes', 'Memory of the device.', 'kind',
                    {name[:-len('_bytes')]: size for name, size in values.get('memory', {}).items()
                     if name.endswith('_bytes')})
    if reading.disk is not None:
        yield GaugeMetricFamily('thermoscreen_disk_free_bytes', 'Free space on the disk of the service.',
                                reading.disk.free_bytes)
        yield GaugeMetricFamily('thermoscreen_disk_size_bytes', 'Size of that disk.', reading.disk.total_bytes)
        yield GaugeMetricFamily('thermoscreen_disk_read_only', 'Whether that disk is read-only.',
                                float(reading.disk.read_only))


def _hospital(objects: Services) -> Iterator[Metric]:
    if objects.worklist is not None:
        yield from _gauge('thermoscreen_worklist_age_seconds', 'Age of the worklist.', objects.worklist.age_minutes(),
                          60.0)
    tls = objects.settings.site().tls
    if tls is not None:
        with contextlib.suppress(ThermoscreenError):
            yield GaugeMetricFamily('thermoscreen_hospital_certificate_days', 'Days until the first certificate for '
                                    'the hospital ends.', days_left(tls, utc_now()))


def _gauge(name: str, text: str, value: Optional[float], factor: float = 1.0) -> Iterator[Metric]:
    """A gauge, or nothing where there is no value."""
    if value is not None:
        yield GaugeMetricFamily(name, text, value * factor)


def _labelled(name: str, text: str, label: str, values: Dict[str, float]) -> Metric:
    """A gauge with one sample per key."""
    family = GaugeMetricFamily(name, text, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family
