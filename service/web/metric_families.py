"""The figures of the station as metric families of prometheus_client, in its base units.

Every value is picked by name: what an analysis found, who lies in front of the camera and what a file is called are
never among them. What is not measured has no sample.
"""
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, InfoMetricFamily

from .. import __version__
from ..cameras.capture import GRADES
from ..live import BOUNDS_MS

#: Factors to the base unit.
_MILLI, _MEGA = 1e-3, 1e6

#: Times that are no stage and get a histogram of their own: adding up the stages must not count them twice.
_WHOLE = {'total': ('thermoscreen_picture_seconds', 'One picture, all stages without the wait for the camera.'),
          'page': ('thermoscreen_latency_seconds', 'From the camera to the page.')}


#: Counts of the capture.
_CAMERA_COUNTS = (('received', 'Frames that the camera gave.'), ('lost', 'Frames that never arrived.'),
                  ('repeated', 'Frames that repeated the one before.'), ('bad', 'Damaged frames.'),
                  ('stalls', 'Waits that ended without a frame.'), ('reconnects', 'Times that the camera came back.'))


def make_registry(known):
    """A registry of everything that the station tells, and of what prometheus_client tells of this process.

    Args:
        known (Services): of the application.
    Returns:
        prometheus_client.CollectorRegistry
    """
    registry = CollectorRegistry()
    registry.register(_Station(known))
    ProcessCollector(registry=registry)
    return registry


class _Station:
    """A collector: asked at each request, it holds no figures of its own."""

    def __init__(self, known):
        self._known = known

    def describe(self):
        """Nothing in advance: which sensors there are is known when they are read."""
        return []

    def collect(self):
        """Every family that has a value now; one without is not even named."""
        return [family for family in families(self._known) if family.samples]


def families(known):
    """Every metric family, with the values of now.

    Args:
        known (Services): of the application that is asked.
    Yields:
        prometheus_client.Metric
    """
    live = known.live
    yield from _identity(known.pipeline)
    yield from _pictures(live.state, live.pulse())
    yield from _stages(live.latencies.read())
    yield _labelled('thermoscreen_part_fresh', 'Whether a part of the service gets on (1) or hangs (0).', 'part',
                    {part: float(entry['fresh']) for part, entry in live.heartbeats.report().items()})
    yield _labelled('thermoscreen_viewers', 'Pages that watch.', 'kind',
                    {'pictures': known.pictures.taken, 'values': known.events.taken})
    yield from _machine(known.vitals.newest)


def _identity(pipeline):
    identity, backend = pipeline.bundle.manifest.identity, pipeline.backend
    labels = {'version': __version__, 'bundle': identity['id'], 'bundle_version': identity['version'],
              'bundle_hash': identity['hash'], 'backend': backend.get('name'), 'provider': backend.get('provider'),
              'precision': backend.get('precision')}
    info = InfoMetricFamily('thermoscreen', 'The program, the model bundle and what runs it.')
    info.add_metric([], {name: str(value) for name, value in labels.items() if value})
    yield info


def _pictures(state, pulse):
    live = state.values['live']
    yield CounterMetricFamily('thermoscreen_frames_shown', 'Frames that were analysed and shown.', live['shown'])
    yield CounterMetricFamily('thermoscreen_frames_dropped', 'Frames that came while the analysis was busy.',
                              live['dropped'])
    yield GaugeMetricFamily('thermoscreen_running', 'Whether the live picture runs.', float(state.status.running))
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


def _stages(latencies):
    stages = HistogramMetricFamily('thermoscreen_stage_seconds', 'One stage of one picture.', labels=['stage'])
    for stage, times in latencies.items():
        if stage in _WHOLE:
            yield HistogramMetricFamily(*_WHOLE[stage], buckets=_buckets(times), sum_value=times.sum_ms * _MILLI)
        else:
            stages.add_metric([stage], _buckets(times), times.sum_ms * _MILLI)
    yield stages


def _buckets(times):
    buckets, count = [], 0
    for bound_ms, added in zip(BOUNDS_MS + (None,), times.counts):
        count += added
        buckets.append(('+Inf' if bound_ms is None else '%g' % (bound_ms * _MILLI), count))
    return buckets


def _machine(reading):
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
    yield from _gauge('thermoscreen_fan_drive_ratio', 'What the fan is told, 0 to 1.', fan.get('drive_share'))
    yield from _gauge('thermoscreen_fan_rpm', 'Turns of the fan a minute.', fan.get('speed_rpm'))
    yield _labelled('thermoscreen_memory_bytes', 'Memory of the device.', 'kind',
                    {name[:-len('_bytes')]: size for name, size in values.get('memory', {}).items()
                     if name.endswith('_bytes')})
    if reading.disk is not None:
        yield GaugeMetricFamily('thermoscreen_disk_free_bytes', 'Room on the disk of the service.',
                                reading.disk.free_bytes)
        yield GaugeMetricFamily('thermoscreen_disk_size_bytes', 'Size of that disk.', reading.disk.total_bytes)
        yield GaugeMetricFamily('thermoscreen_disk_read_only', 'Whether it takes nothing.',
                                float(reading.disk.read_only))


def _gauge(name, text, value, factor=1.0):
    """A gauge, or nothing where there is no value."""
    if value is not None:
        yield GaugeMetricFamily(name, text, value * factor)


def _labelled(name, text, label, values):
    """A gauge with one sample a key."""
    family = GaugeMetricFamily(name, text, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family
