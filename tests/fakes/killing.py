"""Work that is killed at its k-th call of the system."""
import os
import signal

#: What writers call; `shutil` calls the same functions of `os`.
CALLS = tuple((os, name) for name in ('open', 'write', 'fsync', 'rename', 'replace', 'mkdir', 'close', 'unlink',
                                      'rmdir'))


def killed_at(k, work, calls=CALLS):
    """Do some work in a process of its own, killed when it is about to make its k-th call; whether it was.

    Args:
        k (int): counted from 0.
        work (callable): without arguments.
        calls (tuple): (module, name) of the functions that count.
    """
    process = os.fork()
    if process == 0:
        left = [k]

        def killing(real):
            def call(*args, **kwargs):
                if left[0] == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                left[0] -= 1
                return real(*args, **kwargs)
            return call
        try:
            for module, name in calls:
                setattr(module, name, killing(getattr(module, name)))
            work()
        except BaseException:
            os._exit(1)
        os._exit(0)
    status = os.waitpid(process, 0)[1]
    assert status in (0, signal.SIGKILL), 'the work itself failed'
    return status != 0
