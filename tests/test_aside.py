"""Work done aside: in one process that gives way, is killed when it hangs, and ends with us."""

import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from datetime import timedelta
from functools import partial
from itertools import count
from pathlib import Path

import pytest
from test_web_service import CONFIG, connected, free_port

from monitor.config import load
from monitor.errors import ProcessDied, StoreError
from monitor.web.aside.main import NICE
from monitor.web.aside.process import Aside

SMALL = """
companies: [alibaba]
topics: [antitrust]
feeds: []
database: sqlite:///{folder}/monitor.db
delivery: {{outbox: {folder}/outbox}}
"""


# --- what is done aside here: functions with names, so that the process finds them ---------------


def who(_app, said="done"):
    return os.getpid(), os.nice(0), said


def counted(_app):
    return iter(range(3))


def endless(_app, path):
    """Say where it runs, and go on for ever."""
    Path(path).write_text(str(os.getpid()), "ascii")
    for at in count():
        if at < 0:
            return


def telling(_app):
    for at in count():
        yield at
        time.sleep(0.01)


def failing(_app):
    raise StoreError("the archive is away")


class _Odd(Exception):
    def __init__(self, one, two):
        super().__init__(f"{one} and {two}")


def oddly_failing(_app):
    raise _Odd(1, 2)


def work_for_ever(folder):
    """Have endless work done aside: what a process of the tests below does."""
    config = load(Path(folder, "config.yaml"), {})
    list(Aside(config).do(partial(endless, path=str(Path(folder, "pid")))))


# -------------------------------------------------------------------------------------------------


@pytest.fixture
def config(tmp_path):
    (tmp_path / "config.yaml").write_text(SMALL.format(folder=tmp_path), "utf-8")
    return load(tmp_path / "config.yaml", {})


@pytest.fixture
def aside(config):
    made = Aside(config, deadline=timedelta(seconds=30))
    yield made
    made.end()


def gone(pid):
    """Wait until there is no process *pid* any more, or only what its parent has to bury."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        try:
            state = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False


def written(path):
    """Return the number in the file at *path*, once it is there."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        if path.exists() and (text := path.read_text("ascii")):
            return int(text)
        time.sleep(0.02)
    raise AssertionError(f"nothing wrote {path}")


def test_it_gives_way_in_one_process(aside):
    """All work is done by the same process, which is not ours and leaves others their turn."""
    (pid, nice, said), *_ = aside.do(partial(who, said="阿里巴巴"))
    assert pid != os.getpid()
    assert nice == min(os.nice(0) + NICE, 19)  # the most there is
    assert said == "阿里巴巴"
    assert next(iter(aside.do(who)))[0] == pid
    assert list(aside.do(counted)) == [0, 1, 2]


def test_what_it_raises_is_raised_here(aside):
    """An error crosses as it is, or in words; the process goes on."""
    (pid, _, _), *_ = aside.do(who)
    with pytest.raises(StoreError, match="the archive is away"):
        list(aside.do(failing))
    with pytest.raises(Exception, match="_Odd: 1 and 2"):
        list(aside.do(oddly_failing))
    assert next(iter(aside.do(who)))[0] == pid


def test_killed_at_work(aside, tmp_path):
    """Killed from outside in the middle, it is told by which signal; the next work has another."""
    path = tmp_path / "pid"
    kill = f"""
import os, sys, time
while not (os.path.exists({str(path)!r}) and open({str(path)!r}).read()): time.sleep(0.01)
os.kill(int(open({str(path)!r}).read()), 9)
"""
    with subprocess.Popen([sys.executable, "-c", kill]) as killer:
        with pytest.raises(ProcessDied, match=r"was killed \(SIGKILL\)"):
            list(aside.do(partial(endless, path=str(path))))
        killer.wait(30)
    assert next(iter(aside.do(who)))[0] != int(path.read_text("ascii"))


def test_killed_at_rest(aside):
    """Killed between two works, it is replaced unseen."""
    (pid, _, _), *_ = aside.do(who)
    os.kill(pid, signal.SIGKILL)
    assert gone(pid)
    aside._process.wait(10)  # its first thread may be gone before the others
    assert next(iter(aside.do(who)))[0] != pid


def test_silent_for_too_long(config, tmp_path):
    """One that tells nothing until its deadline is killed, and that is told."""
    hasty = Aside(config, deadline=timedelta(seconds=5))
    with pytest.raises(ProcessDied, match="told nothing for 5 s"):
        list(hasty.do(partial(endless, path=str(tmp_path / "pid"))))
    assert gone(written(tmp_path / "pid"))
    hasty.end()


def test_who_stops_listening_ends_it(aside):
    """An iterator that is closed before its end leaves no process that goes on."""
    (pid, _, _), *_ = aside.do(who)
    with closing(aside.do(telling)) as told:
        assert next(told) == 0
    assert gone(pid)


@pytest.mark.usefixtures("config")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_it_ends_with_its_parent(tmp_path, how):
    """However its parent ends, it ends too, in the middle of what it was at."""
    code = f"from test_aside import work_for_ever; work_for_ever({str(tmp_path)!r})"
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with subprocess.Popen([sys.executable, "-c", code], env=environ) as parent:
        pid = written(tmp_path / "pid")
        parent.send_signal(how)
        parent.wait(30)
    assert gone(pid)


def asides(pid):
    """Return the processes that *pid* has started to work aside."""
    started = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        started += (task / "children").read_text("ascii").split()
    named = b"monitor.web.aside.main"
    return [int(it) for it in started if named in Path(f"/proc/{it}/cmdline").read_bytes()]


@pytest.mark.parametrize(
    ("how", "hangs"), [(signal.SIGTERM, False), (signal.SIGTERM, True), (signal.SIGKILL, False)]
)
def test_a_service_leaves_none_behind(tmp_path, how, hangs):
    """A service that is stopped or killed while work is done aside ends at once, and so does that.

    A stop also ends a process that hangs altogether.
    """
    port = free_port()
    (tmp_path / "config.yaml").write_text(CONFIG.format(folder=tmp_path, port=port), "utf-8")
    with subprocess.Popen(
        [sys.executable, "-m", "monitor", "web"], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    ) as service:
        try:
            asking = connected(port, service)
            asking.request("GET", "/subscriptions/daily")
            assert "being worked out" in asking.getresponse().read().decode()
            (pid,) = asides(service.pid)
            if hangs:
                os.kill(pid, signal.SIGSTOP)
            service.send_signal(how)
            assert service.wait(timeout=30) == (0 if how is signal.SIGTERM else -how)
            asking.close()
            assert gone(pid)
            assert "Traceback" not in service.stderr.read()
        finally:
            service.kill()
