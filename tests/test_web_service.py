"""The pages as a process: beside the line or alone, and how they end."""

import http.client
import signal
import socket
import subprocess
import sys
import time

import pytest

CONFIG = """
subscriptions: [{{name: daily, to: [desk@example.com], at: "07:30"}}]
database: sqlite:///{folder}/monitor.db
delivery: {{outbox: {folder}/outbox}}
web: {{listen: "127.0.0.1:{port}"}}
"""


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def connected(port, service):
    """Return a connection whose first request was answered, once the service listens."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and service.poll() is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            connection.request("GET", "/livez")
            assert connection.getresponse().read() == b"ok\n"
        except OSError:
            connection.close()
            continue
        return connection
    pytest.fail(f"nothing listens: {service.stderr.read()}")


@pytest.mark.parametrize("command", ["run", "web"])
def test_a_stop_waits_for_no_reader(tmp_path, command):
    """With readers' connections open, one in the middle of a request, a stop is exit code 0."""
    port = free_port()
    (tmp_path / "config.yaml").write_text(CONFIG.format(folder=tmp_path, port=port), "utf-8")
    with subprocess.Popen(
        [sys.executable, "-m", "monitor", command], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    ) as service:
        try:
            idle = connected(port, service)
            idle.request("GET", "/digests/")
            assert idle.getresponse().status == 200
            with socket.create_connection(("127.0.0.1", port)) as unfinished:
                unfinished.sendall(
                    b"POST /unsubscribe/x HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n"
                )
                service.send_signal(signal.SIGTERM)
                assert service.wait(timeout=30) == 0
            idle.close()
            told = service.stderr.read()
            assert "pages served" in told
            assert "Traceback" not in told
            assert "stop cut short" not in told
        finally:
            service.kill()


@pytest.mark.parametrize("command", ["run", "web"])
def test_an_address_open_to_others_stops_the_start(tmp_path, command):
    """Where others can reach it and there are no users, it ends with 2 and says what to do."""
    text = CONFIG.format(folder=tmp_path, port=free_port()).replace("127.0.0.1", "0.0.0.0")
    (tmp_path / "config.yaml").write_text(text, "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "monitor", command],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    assert "there are no users: add one with `monitor users add NAME" in done.stderr
