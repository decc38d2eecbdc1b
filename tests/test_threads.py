"""All threads of a process share one heap, and take short turns."""

import subprocess
import sys

import pytest

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
