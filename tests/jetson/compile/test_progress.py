"""A build that is silent for minutes still says for how long and what it was doing last."""
import io
import threading

from jetson.compile import Progress


class Screen(io.StringIO):
    """A stream that says when something of interest was written to it."""

    def __init__(self, terminal, awaited):
        super().__init__()
        self._terminal, self._awaited = terminal, awaited
        self.seen = threading.Event()

    def isatty(self):
        return self._terminal

    def write(self, text):
        written = super().write(text)
        if self._awaited in self.getvalue():
            self.seen.set()
        return written


def watch(screen, *messages):
    """Show a build that logs some messages and then nothing until the screen has shown what is awaited."""
    clock = iter(range(0, 1000000, 7))
    progress = Progress(screen, 0.01, lambda: next(clock))
    with progress.watching('Building FP16'):
        for message in messages:
            progress.heard(message)
        assert screen.seen.wait(30)
    return screen.getvalue()


def test_a_log_file_gets_lines():
    text = watch(Screen(False, 'timing kernels for Conv_3'), 'Timing Runner: Conv_3 + Relu_4 (CaskConvolution)')
    lines = text.splitlines()
    assert lines[-1].startswith('Building FP16: ') and ' s, timing kernels for Conv_3 + Relu_4' in lines[-1]
    assert '\r' not in text


def test_a_terminal_gets_one_line_and_at_the_end_how_long_it_took():
    text = watch(Screen(True, 'Local timing cache'), 'x' * 500, 'Local timing cache in use')
    assert text.count('\n') == 1 and text.endswith(' s.\n') and 'Building FP16 took ' in text
    assert all(len(part) < 200 for part in text.split('\r'))


def test_before_the_first_message_it_says_that_it_starts():
    assert ' s, starting' in watch(Screen(False, 'starting'))


def test_a_sentence_has_a_line_of_its_own():
    screen = Screen(True, 'Done.')
    Progress(screen).say('Done.')
    assert screen.seen.is_set() and screen.getvalue().endswith('Done.\n')
