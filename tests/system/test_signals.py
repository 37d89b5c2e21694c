"""One signal is noted, a second one raises, and what was set before comes back."""

import contextlib
import os
import signal
import sys
import threading

import pytest

from rnnx.system.signals import STOPPING, Stop, interrupted


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


def test_a_signal_that_imported_code_swallows_is_not_lost() -> None:
    with Stop(at_once=True) as start:
        with contextlib.suppress(BaseException):  # as a library does around an optional import
            send(signal.SIGINT)
        with Stop() as stop:
            assert stop.signal == signal.SIGINT
            with pytest.raises(KeyboardInterrupt):  # the second one
                send(signal.SIGINT)
        assert start.signal == signal.SIGINT


def test_what_stops_an_inner_one_stops_the_outer_one() -> None:
    with Stop() as outer:
        with Stop():
            send(signal.SIGTERM)
        assert outer.signal == signal.SIGTERM
        with pytest.raises(KeyboardInterrupt):
            send(signal.SIGINT)
        assert outer.signal == signal.SIGTERM


def test_a_job_that_several_processes_stop_stops_once() -> None:
    why: list[str] = []
    with Stop(on_behalf=lambda: "".join(why)) as job, Stop() as training:
        for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGINT, signal.SIGTERM):
            send(number)
        assert training.reason == "SIGTERM"
        why.append("the sweep was interrupted (SIGINT)")
        assert training.reason == job.reason == why[0]
    assert job.signal == signal.SIGTERM


def test_at_once_leaves_the_other_signals_alone() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)]
    with Stop(at_once=True), pytest.raises(KeyboardInterrupt):
        assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)] == before
        send(signal.SIGINT)


def test_it_knows_that_it_has_raised() -> None:
    with Stop(at_once=True):
        assert not interrupted()
        with pytest.raises(KeyboardInterrupt):
            send(signal.SIGINT)
        assert interrupted()
        with Stop():
            assert not interrupted()
    assert not interrupted()


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


@pytest.mark.parametrize("number", STOPPING)
def test_a_signal_inside_a_finalizer_is_noted_and_told_to_nobody(
    number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda about: told.append(about.exc_type))

    class Signalled:
        def __del__(self) -> None:
            signal.raise_signal(number)

    class Faulty:
        def __del__(self) -> None:
            raise ValueError

    with Stop() as stop:
        signal.raise_signal(number)
        Signalled()
        Faulty()
        assert stop.signal == number and stop.raised
    assert told == [ValueError]
    Faulty()
    assert told == [ValueError, ValueError]
