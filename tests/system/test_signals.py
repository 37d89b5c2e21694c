"""One signal is noted, a second one raises, and what was set before comes back."""

import os
import signal
import threading

import pytest

from rnnx.system.signals import Stop


def send(number: int) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_first_signal_is_only_noted(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with Stop() as stop:
        send(number)
        assert stop.signal == number
    assert signal.getsignal(number) is before


def test_the_second_one_does_not_wait() -> None:
    with Stop():
        send(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            send(signal.SIGINT)
    with Stop() as stop:
        send(signal.SIGINT)
        with pytest.raises(SystemExit) as ended:
            send(signal.SIGTERM)
    assert (stop.signal, ended.value.code) == (signal.SIGINT, 143)


def test_an_ignored_signal_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        with Stop() as stop:
            send(signal.SIGHUP)
        assert stop.signal == 0
    finally:
        signal.signal(signal.SIGHUP, before)


def test_outside_the_main_thread_nothing_is_set() -> None:
    before, inside = signal.getsignal(signal.SIGINT), []

    def enter() -> None:
        with Stop():
            inside.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert inside == [before]
