"""``python -m tests.fuzz``: damaged files and frames by the hundred thousand, and one table.

Each target runs in a process of its own, so that a crash of a library ends that process and not the run, and so that
its memory is its own. The exit code is 1 where anything did not end well.
"""
import json
import resource
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import click

from . import TARGETS, Report, run

#: Address space that a target may take beyond what it has when it starts; more is a fault.
_LIMIT_MIB = 512


@click.command()
@click.option('--cases', default=100000, help='Inputs in all, divided evenly over the targets.')
@click.option('--seed', default=1, help='The same seed makes the same inputs.')
@click.option('--jobs', default=2, help='Targets at a time.')
@click.option('--target', 'names', multiple=True, type=click.Choice(list(TARGETS)), help='Only this one; repeatable.')
@click.option('--keep', type=click.Path(), help='Folder for inputs that did not end well.')
@click.option('--only-report', hidden=True, is_flag=True, help='One target, in this process, as JSON.')
def main(cases, seed, jobs, names, keep, only_report):
    """Feed damaged bytes to every reader and every wire format.

    \b
    Example:
      python -m tests.fuzz --cases 100000
      python -m tests.fuzz --cases 5000 --target fff --keep /tmp/bad
    """
    if only_report:
        _report(names[0], cases, seed, keep)
        return
    names = list(names or TARGETS)
    shares = [cases // len(names) + (place < cases % len(names)) for place in range(len(names))]
    started = time.monotonic()
    with ThreadPoolExecutor(jobs) as pool:
        reports = list(pool.map(lambda pair: _apart(pair[0], pair[1], seed, keep), zip(names, shares)))
    _print(reports, time.monotonic() - started, seed)
    sys.exit(1 if any(report.faults or not report.cases for report in reports) else 0)


def _report(name, cases, seed, keep):
    """What runs in the process of a target."""
    with open('/proc/self/statm') as stream:
        size = int(stream.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + (_LIMIT_MIB << 20),) * 2)
    print(json.dumps(run(TARGETS[name], cases, seed, keep).to_dict()))


def _apart(name, cases, seed, keep):
    """The report of a target in a process of its own."""
    command = [sys.executable, '-m', 'tests.fuzz', '--only-report', '--target', name, '--cases', str(cases),
               '--seed', str(seed)] + (['--keep', keep] if keep else [])
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    try:
        return Report(**json.loads(done.stdout))
    except ValueError:
        return Report(name, faults=['ended with code %d: %s' % (done.returncode, done.stderr[-2000:])])


def _print(reports, seconds, seed):
    print('| target | inputs | still a frame | refused, by code | slowest ms | memory grown MiB | faults |')
    print('| --- | ---: | ---: | --- | ---: | ---: | ---: |')
    for report in reports:
        codes = ', '.join('%s %d' % pair for pair in sorted(report.refused.items(), key=lambda pair: -pair[1]))
        print('| %s | %d | %d | %s | %.0f | %.0f | %d |' % (report.target, report.cases, report.answered, codes,
                                                       report.slowest_ms, report.peak_mib, len(report.faults)))
    print('\n%d inputs, seed %d, %.0f s, Python %s; at most %d MiB of address space for each target beyond its start.'
          % (sum(report.cases for report in reports), seed, seconds, sys.version.split()[0], _LIMIT_MIB))
    for report in reports:
        for fault in report.faults[:5]:
            print('\n%s, %s' % (report.target, fault))


if __name__ == '__main__':
    main()
