"""All threads of a process share one heap, and take short turns."""

import signal
import subprocess
import sys

import pytest

from monitor.cli import main

HEAPS = """
import ctypes, sys, threading
from monitor.threads import share_heap
if sys.argv[1] == "share":
    share_heap()
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
threads = [threading.Thread(target=libc.malloc, args=(4000,)) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
libc.malloc_info(0, ctypes.c_void_p.in_dll(libc, "stdout"))
libc.fflush(None)
"""


@pytest.mark.skipif(
    sys.platform != "linux" or "musl" in sys.implementation._multiarch,
    reason="the C library here is not glibc, which alone gives threads heaps of their own",
)
@pytest.mark.parametrize(("what", "one"), [("share", True), ("leave", False)])
def test_threads_share_a_heap(what, one):
    ran = subprocess.run(
        [sys.executable, "-c", HEAPS, what], capture_output=True, text=True, check=True
    )

    assert (ran.stdout.count("<heap nr=") == 1) is one, ran.stdout


def test_turns_are_short():
    """A thread that computes keeps those that read waiting for less than a millisecond."""
    shown = "import sys; from monitor import threads; threads.take_short_turns()"
    shown += "; print(sys.getswitchinterval())"
    ran = subprocess.run([sys.executable, "-c", shown], capture_output=True, text=True, check=True)

    assert float(ran.stdout) < 0.001


@pytest.mark.parametrize(
    ("command", "served"),
    [("run", "monitor.worker.serve"), ("web", "monitor.web.server.serve_alone")],
)
def test_services_take_short_turns(tmp_path, monkeypatch, command, served):
    """The service and the pages alone do, before anything is served."""
    turns = []
    usual, handler = sys.getswitchinterval(), signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(served, lambda *_: turns.append(sys.getswitchinterval()) or 0)
    (tmp_path / "config.yaml").write_text("feeds: []\n", "utf-8")
    try:
        with pytest.raises(SystemExit):
            main([command, "--config", str(tmp_path / "config.yaml")])
    finally:
        sys.setswitchinterval(usual)
        signal.signal(signal.SIGTERM, handler)

    assert turns
    assert turns[0] < 0.001
