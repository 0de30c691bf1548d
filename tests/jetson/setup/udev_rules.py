"""Applies a udev rules file to one device, for the part of the language that our rules use."""
import fnmatch
import re

_WORD = re.compile(r'([A-Z_]+)(?:\{([^}]*)\})?(==|!=|\+=|=)"([^"]*)"$')


def read_rules(text):
    """The rules, each a list of ``(key, attribute, operator, value)``.

    Raises:
        ValueError: a word that is none.
    """
    rules = []
    for line in text.splitlines():
        if not line.strip() or line.startswith('#'):
            continue
        words = re.split(r',\s*(?=[A-Z])', line.strip())
        parsed = [_WORD.match(word) for word in words]
        if None in parsed:
            raise ValueError('not a rule: %s' % line)
        rules.append([word.groups() for word in parsed])
    return rules


def apply_rules(rules, device):
    """The device after the rules.

    Args:
        device (dict): ``ACTION``, ``SUBSYSTEM``, ``ATTR`` (its own), ``ATTRS`` (list of dicts, one for itself and each
            of its parents), ``ENV``.
    Returns:
        dict: ``GROUP``, ``MODE``, ``SYMLINK`` and ``TAG`` (sets), ``ENV``.
    """
    result = {'SYMLINK': set(), 'TAG': set(), 'ENV': dict(device['ENV'])}
    goto = None
    for rule in rules:
        labels = [value for key, _, _, value in rule if key == 'LABEL']
        if goto is not None and goto not in labels:
            continue
        goto = None
        if _fits(rule, device, result['ENV']):
            goto = _act(rule, result)
    return result


def _fits(rule, device, environment):
    parents = [(name, value) for key, name, operator, value in rule if key == 'ATTRS' and operator == '==']
    # All of them must fit one and the same parent.
    if parents and not any(all(one.get(name) == value for name, value in parents) for one in device['ATTRS']):
        return False
    for key, name, operator, value in rule:
        if key in ('ATTRS', 'LABEL') or operator not in ('==', '!='):
            continue
        have = {'ENV': environment, 'ATTR': device['ATTR']}[key].get(name, '') if name else device.get(key, '')
        if key == 'TEST':
            have, value = ('x', 'x') if value in device['ATTR'] else ('', 'x')
        if any(fnmatch.fnmatchcase(have, pattern) for pattern in value.split('|')) != (operator == '=='):
            return False
    return True


def _act(rule, result):
    goto = None
    for key, name, operator, value in rule:
        if operator in ('==', '!='):
            continue
        value = re.sub(r'\$env\{([^}]*)\}', lambda hit: result['ENV'].get(hit.group(1), ''), value)
        if key == 'GOTO':
            goto = value
        elif key == 'ENV':
            result['ENV'][name] = value
        elif operator == '+=':
            result[key].update(value.split())
        elif key != 'ATTR':
            result[key] = value
    return goto
