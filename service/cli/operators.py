"""``thermoscreen operators``: who has a PIN, where there is no page at hand."""
import contextlib
import json
import os
import pwd
from typing import List, Optional

import click

from ..clock import Clock
from ..messages import InputError, StorageError, printable
from ..operators import ROLES, SUPERVISOR, Operator, Station, list_operators, places
from ..settings import Settings
from .options import json_option, load_settings, settings_option
from .verbs import Group

by_option = click.option('--by', metavar='OPERATOR', help='Supervisor who does it, by name or id. Default: the only '
                          'one.')
#: Where the page does the same while the service runs, in the words on its buttons.
PAGES = {'operators': 'Status, Operators', 'model': 'Status, Model', 'export': 'Status, Backup, Records, Export',
         'import': 'Status, Backup, Records, Import', 'retention': 'Status, Backup, Records, Retention',
         'hold': 'Exams, the exam, More, Legal hold', 'report': 'Exams, the exam, Report',
         'similar': 'Exams, the exam, Similar'}

_operator_argument = click.argument('operator', metavar='OPERATOR')


@click.group(cls=Group)
def operators() -> None:
    """List, add and remove operators, and give them PINs and roles.

    What changes something asks for the PIN of a supervisor and needs the service to be stopped, for one process writes;
    while it runs, its page does the same. Run it as the user of the service, so that the files stay its own.

    \b
    Example:
      sudo -u thermoscreen thermoscreen operators list --settings /etc/thermoscreen/settings.toml
      sudo -u thermoscreen thermoscreen operators add 'Ann Lind' --settings /etc/thermoscreen/settings.toml
    """


@operators.command('list')
@settings_option
@json_option
def list_command(settings_path: Optional[str], as_json: bool) -> None:
    """List the operators; the service may be running.

    \b
    Example:
      thermoscreen operators list --json
    """
    found = list_operators(places(_settings(settings_path).exams_folder).operators)
    if as_json:
        click.echo(json.dumps([operator._asdict() for operator in found], indent=1))
        return
    for operator in found:
        click.echo('%s  %-10s  %s' % (operator.id, operator.role, printable(operator.name)))
    if not found:
        click.echo('There are no operators.')


@operators.command()
@click.argument('name', metavar='NAME')
@click.option('--role', type=click.Choice(ROLES), help='Default: operator; the first one is a supervisor.')
@by_option
@settings_option
def add(name: str, role: Optional[str], by: Optional[str], settings_path: Optional[str]) -> None:
    """Add an operator, and ask for their PIN.

    The first one is a supervisor, and the recovery key of the station is printed. It opens all exams when every PIN is
    forgotten or the station is lost, and it is printed this once: keep the paper in a safe.

    \b
    Example:
      thermoscreen operators add 'Ann Lind'
      thermoscreen operators add Ivo --role integrator --by 'Ann Lind'
    """
    with _open(settings_path) as station:
        if station.operators.is_new:
            _add_first(station, name, role)
            return
        supervisor = ask_supervisor(station, by)
        operator = station.operators.add(supervisor, name, role or ROLES[0], _new_pin(name))
        click.echo('%s is %s (%s).' % (printable(operator.name), operator.id, operator.role))


@operators.command()
@_operator_argument
@by_option
@settings_option
def remove(operator: str, by: Optional[str], settings_path: Optional[str]) -> None:
    """Remove an operator; what they signed stays.

    \b
    Example:
      thermoscreen operators remove 'Bob Ray'
    """
    with _open(settings_path) as station:
        supervisor = ask_supervisor(station, by)
        found = _found(station.operators.list(), operator)
        station.operators.remove(supervisor, found.id)
        click.echo('%s is no operator any more.' % printable(found.name))


@operators.command()
@_operator_argument
@click.option('--recovery', is_flag=True, help='Ask for the recovery key in place of the PIN of a supervisor; OPERATOR '
              'is one.')
@by_option
@settings_option
def pin(operator: str, recovery: bool, by: Optional[str], settings_path: Optional[str]) -> None:
    """Give an operator another PIN.

    \b
    Example:
      thermoscreen operators pin 'Bob Ray' --by 'Ann Lind'
      thermoscreen operators pin 'Ann Lind' --recovery
    """
    with _open(settings_path) as station:
        supervisor = None if recovery else ask_supervisor(station, by)
        found = _found(station.operators.list(), operator)
        if supervisor is None:
            recovery_key = click.prompt('Recovery key', hide_input=True)
            station.operators.recover(recovery_key, found.id, _new_pin(found.name))
        else:
            station.operators.set_pin(supervisor, found.id, _new_pin(found.name))
        click.echo('%s has another PIN.' % printable(found.name))


@operators.command()
@_operator_argument
@click.argument('role', type=click.Choice(ROLES))
@by_option
@settings_option
def role(operator: str, role: str, by: Optional[str], settings_path: Optional[str]) -> None:
    """Give an operator another role.

    An integrator has no key to exams, so nobody becomes one or stops being one: remove the operator and add them anew.

    \b
    Example:
      thermoscreen operators role 'Bob Ray' supervisor
    """
    with _open(settings_path) as station:
        supervisor = ask_supervisor(station, by)
        changed = station.operators.set_role(supervisor, _found(station.operators.list(), operator).id, role)
        click.echo('%s is %s now.' % (printable(changed.name), changed.role))


def _settings(path: Optional[str]) -> Settings:
    settings = load_settings(path)
    if not settings.exams_folder:
        raise InputError('exams-folder', 'No folder of exams is named, so there are no operators.',
                         'Set exams_folder in the settings, and give them with --settings.')
    return settings


def _open(settings_path: Optional[str]) -> Station:
    settings = _settings(settings_path)
    return open_station(settings.exams_folder, settings, Clock(), PAGES['operators'])


def open_station(folder: str, settings: Settings, clock: Clock, page: str) -> Station:
    """The operators of a station, for a verb that changes something.

    Args:
        folder: of the exams.
        settings: of the station.
        clock: of the station.
        page: where the page does the same, one of `PAGES`.

    Raises:
        StorageError: ``audit-in-use`` while the service runs, with that page; as of `Station`.
        InputError: as of `check_user`.
    """
    check_user(folder)
    try:
        return Station(folder, clock, settings.encrypt, settings.audit_signer, settings.audit_anchor)
    except StorageError as error:
        if error.code != 'audit-in-use':
            raise
        raise StorageError(error.code, 'The service runs, and one process writes.', 'Do it on its page (%s), or stop '
                           'the service first: systemctl stop thermoscreen' % page, error.detail)


def check_user(folder: str) -> None:
    """Refuse what root would do in the folder of another user: the service could not open the files that it leaves.

    Raises:
        InputError: ``user-wrong``.
    """
    with contextlib.suppress(FileNotFoundError):
        owner = os.stat(folder).st_uid
        if os.geteuid() == 0 and owner:
            try:
                name = pwd.getpwuid(owner).pw_name
            except KeyError:
                name = '#%d' % owner
            raise InputError('user-wrong', 'The exams in %s belong to the user %s, who could not open what root writes '
                             'there.' % (folder, name), 'Run it as that user: sudo -u %s thermoscreen' % name)


def _add_first(station: Station, name: str, role: Optional[str]) -> None:
    if role not in (None, SUPERVISOR):
        raise InputError('operator-role', 'The first operator is a supervisor.', 'Leave out --role.')
    recovery_key = '' if station.keys.is_new else click.prompt('Recovery key of the exams that are here',
                                                               hide_input=True)
    told = station.operators.first_supervisor(name, _new_pin(name), recovery_key)
    (operator,) = station.operators.list()
    click.echo('%s is %s (%s).' % (printable(operator.name), operator.id, operator.role))
    if told:
        click.echo('\nThe recovery key. It is shown this once; write it down and keep the paper in a safe:\n\n    %s\n'
                   % told)


def ask_supervisor(station: Station, named: Optional[str]) -> Operator:
    """The supervisor who does it, after their PIN, and the passphrase where the station waits for it.

    Args:
        named: name or id; None for the only one.

    Raises:
        InputError: ``operator-unnamed`` or ``operator-unknown``.
        OperatorError: as `Operators.check` and `Operators.start`.
    """
    supervisors = [operator for operator in station.operators.list() if operator.role == SUPERVISOR]
    if named is None and len(supervisors) > 1:
        raise InputError('operator-unnamed', 'There are %d supervisors.' % len(supervisors),
                         'Say with --by who does it.')
    found = supervisors[0] if named is None else _found(supervisors, named)
    if station.keys.waits_for_passphrase:
        station.operators.start(click.prompt('Passphrase of the station', hide_input=True, err=True))
    given = click.prompt('PIN of %s' % printable(found.name), hide_input=True, err=True)
    return station.operators.check(found.id, given, 'confirmed')


def _found(among: List[Operator], named: str) -> Operator:
    for operator in among:
        if named == operator.id or named.casefold() == operator.name.casefold():
            return operator
    raise InputError('operator-unknown', '%s is not among them.' % named, 'See: thermoscreen operators list')


def _new_pin(name: str) -> str:
    return str(click.prompt('New PIN of %s' % printable(name), hide_input=True, confirmation_prompt=True))
