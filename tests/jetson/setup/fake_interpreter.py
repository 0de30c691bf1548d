"""Replaces python3, the interpreter of its virtual environment, pip and the program: a second instead of minutes.

What it is asked and does not play itself goes to the real interpreter. Environment: FAKE_REAL names that one; FAKE_LOG
takes a line for every word of pip or the program; FAKE_STOP names the one at which the installer is killed (or, after
a colon, the exit code it gets instead); FAKE_TENSORRT makes TensorRT importable; FAKE_ENGINE is how a compilation ends:
its exit code, or `killed`.
"""
import json
import os
import shutil
import signal
import sys

HERE = os.path.abspath(sys.argv[0])
WORDS = sys.argv[1:]
ENVIRONMENT = os.path.dirname(os.path.dirname(HERE))


def main():
    if os.path.basename(HERE) == 'thermoscreen':
        return program()
    if WORDS[:2] == ['-m', 'venv']:
        return make_environment(WORDS[-1], '--system-site-packages' in WORDS)
    if WORDS[:2] == ['-m', 'pip']:
        return pip([word for word in WORDS[2:] if word != '--disable-pip-version-check'])
    if WORDS[-1] == 'tensorrt':
        return 0 if os.environ.get('FAKE_TENSORRT') else 1
    os.execv(os.environ['FAKE_REAL'], [os.environ['FAKE_REAL']] + WORDS)


def told(what):
    """Note a word, and stop where the test says."""
    with open(os.environ['FAKE_LOG'], 'a') as stream:
        stream.write(what + '\n')
    where, _, code = os.environ.get('FAKE_STOP', '').partition(':')
    if where == what and code:
        print('%s cannot go on.' % what)
        sys.exit(int(code))
    if where == what:
        os.kill(int(os.environ['FAKE_INSTALLER']), signal.SIGKILL)
        sys.exit(1)


def make_environment(folder, system):
    told('venv')
    shutil.rmtree(folder)
    write(os.path.join(folder, 'pyvenv.cfg'), 'include-system-site-packages = %s\n' % str(system).lower())
    copy(os.path.join(folder, 'bin', 'python'))
    return 0


def pip(words):
    target = words[words.index('--requirement') + 1] if '--requirement' in words else words[-1]
    done = os.path.join(ENVIRONMENT, 'has-' + os.path.basename(target))
    if words[0] == 'wheel':
        told('build')
        write(os.path.join(words[words.index('--wheel-dir') + 1], 'thermoscreen-0-py3-none-any.whl'), '')
    elif '--no-deps' in words and '--requirement' in words:
        return 0 if os.path.exists(done) else 1
    else:
        told('install ' + os.path.basename(target))
        if target.endswith('.whl'):
            copy(os.path.join(ENVIRONMENT, 'bin', 'thermoscreen'))
        else:
            write(done, '')
    return 0


def program():
    words = [word for word in WORDS if not word.startswith('--')]
    told(' '.join(words[:2] if words[:1] == ['bundle'] else words[:1]) or 'version')
    if words[:1] == ['settings']:
        root = WORDS[WORDS.index('--settings') + 1][:-len('/etc/thermoscreen/settings.toml')]
        print(json.dumps({'bundle': root + '/var/lib/thermoscreen/bundle'}))
    elif words[:2] == ['bundle', 'install']:
        shutil.rmtree(words[3], ignore_errors=True)
        shutil.copytree(words[2], words[3])
    elif words[:2] == ['bundle', 'verify']:
        print('a bundle is whole.')
        return 0 if os.path.exists(os.path.join(words[2], 'manifest.json')) else 3
    elif words[:1] == ['compile'] and os.environ.get('FAKE_ENGINE'):
        print('thermoscreen: There is no NVIDIA driver: the loader does not find libcuda.so.1.')
        sys.stdout.flush()
        if os.environ['FAKE_ENGINE'] == 'killed':
            os.kill(os.getpid(), signal.SIGABRT)
        return int(os.environ['FAKE_ENGINE'])
    elif words[:1] == ['compile']:
        print('fp16-engine %s in a folder.' % ('was there already' if os.path.exists(ENVIRONMENT + '/engine')
                                               else 'is ready'))
        write(ENVIRONMENT + '/engine', '')
    elif words[:1] == ['analyse']:
        write(os.path.join(words[words.index('centikelvin') + 1], 'golden', 'result.json'), '{}')
        print('golden.npy -> golden\n  No difference.')
    return 0


def copy(path):
    write(path, '#!%s -IS\n' % os.environ['FAKE_REAL'])
    with open(HERE) as stream, open(path, 'a') as copied:
        copied.write(stream.read())
    os.chmod(path, 0o755)


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w') as stream:
        stream.write(text)


if __name__ == '__main__':
    sys.exit(main())
