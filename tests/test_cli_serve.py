"""``nebulift serve``: the page as a command."""

import os
import signal
import socket
import subprocess
import sys

import pytest
from command_line import nebulift  # noqa: F401 - a fixture
from synthetic_night import make_night

HELP_AND_MODULES = """
import sys
from nebulift.cli import main

try:
    main([sys.argv[1], "--help"])
except SystemExit:
    print(*sys.modules)
"""


@pytest.fixture
def night(tmp_path):
    return make_night(tmp_path, ["review", "clean"])


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as held:
        return held.getsockname()[1]


def test_the_command_serves_until_it_is_stopped_and_leaves_no_trace(night):
    address = f"127.0.0.1:{free_port()}"
    command = [sys.executable, "-m", "nebulift", "serve", "--output", str(night.output), "--listen", address]
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        assert server.stderr.readline() == f"review page: http://{address}/\n"
        host, port = address.split(":")
        with socket.create_connection((host, int(port)), timeout=10) as asking:
            asking.sendall(f"GET /healthz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n".encode())
            assert asking.recv(100).startswith(b"HTTP/1.1 200")
        server.send_signal(signal.SIGTERM)
        server.wait(20)
        assert server.stderr.read() == ""
    finally:
        server.kill()
        server.wait()
        server.stderr.close()


@pytest.mark.parametrize("command", ["serve", "report"])
def test_help_shows_an_example_and_loads_nothing_heavy(command):
    shown = [sys.executable, "-c", HELP_AND_MODULES, command]
    done = subprocess.run(shown, capture_output=True, text=True, check=True)
    assert f"nebulift {command}" in done.stdout.split("Examples:")[1]
    assert not set(done.stdout.split()) & {"numpy", "cv2", "starlette", "uvicorn", "jinja2", "sqlite3"}


def test_a_taken_port_is_told_in_one_sentence(nebulift, night):  # noqa: F811
    with socket.create_server(("127.0.0.1", 0)) as held:
        done = nebulift("serve", "--output", night.output, "--listen", f"127.0.0.1:{held.getsockname()[1]}")
    assert done.status == 2
    assert "cannot listen there (Address already in use)" in done.err
    assert len(done.err.splitlines()) == 1


def test_wrong_addresses_and_folders_are_refused(nebulift, tmp_path, night):  # noqa: F811
    assert "should be an address" in nebulift("serve", "--output", night.output, "--listen", "8321").err
    assert "there is no ledger here" in nebulift("serve", "--output", tmp_path / "nowhere").err


def test_without_the_extra_one_line_says_which_to_install(night):
    blocked = (
        "import importlib.util as u, sys; real = u.find_spec\n"
        "u.find_spec = lambda name, package=None: None if name == 'starlette' else real(name, package)\n"
        "from nebulift.cli import main; main(sys.argv[1:])"
    )
    done = subprocess.run(
        [sys.executable, "-c", blocked, "serve", "--output", str(night.output)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ,
    )
    assert done.returncode == 2
    assert done.stderr == "the review page needs packages that are not installed; run: pip install 'nebulift[web]'\n"


def test_beyond_this_machine_the_log_says_where_the_token_is_and_not_what_it_is(night):
    command = [sys.executable, "-m", "nebulift", "serve", "--output", str(night.output)]
    server = subprocess.Popen([*command, "--listen", f"0.0.0.0:{free_port()}"], stderr=subprocess.PIPE, text=True)
    try:
        told = server.stderr.readline()
        assert "the token is in the file web-token of the state folder" in told
        assert (night.state / "web-token").read_text().strip() not in told
    finally:
        server.terminate()
        server.wait(20)
        server.stderr.close()
