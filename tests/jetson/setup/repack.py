"""Wheels made from the environment that runs the tests, for --offline."""
import zipfile
from pathlib import Path

try:
    from importlib import metadata
except ImportError:  # before Python 3.8
    import importlib_metadata as metadata
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

#: Written by whoever installs a wheel, and no part of it.
_NOT_PACKED = ('INSTALLER', 'REQUESTED', 'direct_url.json', 'RECORD')


def pinned(path):
    """The requirements of a file that count for this interpreter."""
    lines = (line.split('#')[0].strip() for line in Path(str(path)).read_text().splitlines())
    found = [Requirement(line) for line in lines if line]
    return [one for one in found if one.marker is None or one.marker.evaluate()]


def repack(requirements, folder):
    """Write a wheel for each requirement.

    Returns:
        list of str: those that are not installed here in that version; their wheels are lacking.
    """
    installed = {canonicalize_name(one.metadata['Name']): one for one in metadata.distributions()}
    lacking = []
    for requirement in requirements:
        distribution = installed.get(canonicalize_name(requirement.name))
        if distribution is None or distribution.version not in requirement.specifier:
            lacking.append(str(requirement))
        elif distribution.read_text('WHEEL') is None:
            lacking.append('%s (as a wheel)' % requirement)
        else:
            _pack(distribution, folder)
    return lacking


def _pack(distribution, folder):
    record = next(path for path in distribution.files if path.name == 'RECORD')
    stem = str(record.parent)[:-len('.dist-info')]
    tags = [line.split()[1].split('-') for line in distribution.read_text('WHEEL').splitlines()
            if line.startswith('Tag:')]
    tag = '-'.join('.'.join(dict.fromkeys(part)) for part in zip(*tags))
    files = [path for path in distribution.files
             # Programs are made anew from entry_points.txt; what Python compiled is compiled anew.
             if path.parts[0] != '..' and '__pycache__' not in path.parts
             and not (path.parent == record.parent and path.name in _NOT_PACKED)]
    # Stored, not compressed: the whole takes a second instead of ten.
    with zipfile.ZipFile(str(folder / ('%s-%s.whl' % (stem, tag))), 'w', zipfile.ZIP_STORED) as archive:
        lines = []
        for path in files:
            archive.write(str(path.locate()), str(path))
            digest = '%s=%s' % (path.hash.mode, path.hash.value) if path.hash else ''
            lines.append('%s,%s,%s' % (path, digest, path.size if path.size is not None else ''))
        archive.writestr(str(record), '\n'.join(lines + ['%s,,' % record]) + '\n')
