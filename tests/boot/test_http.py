"""The status appliance under a real client: curl through QEMU's port forward, and clients that misbehave."""
import concurrent.futures
import contextlib
import http.client
import json
import socket
import subprocess
import threading
import urllib.request

import pytest

from harness import nic

REQUESTS = 1000
CLIENTS = 24


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    def __init__(self, start, devices=(), **options):
        self.port = free_port()
        forward = nic(backend=f"user,hostfwd=tcp:127.0.0.1:{self.port}-:80")
        self.machine = start(devices=forward + list(devices), **options).ready()
        self.machine.await_at("event", name="net0", kind="address")
        self.url = f"http://127.0.0.1:{self.port}"

    def get(self, path):
        with urllib.request.urlopen(self.url + path, timeout=30) as answer:
            return answer.status, answer.headers, answer.read()

    def curl(self, tmp_path, urls, *options):
        """One curl for all URLs; lines of "STATUS BYTES"."""
        config = tmp_path / "urls"
        config.write_text("".join(f'url = "{url}"\noutput = "/dev/null"\n' for url in urls))
        done = subprocess.run(["curl", "-sS", "--fail", "--max-time", "240", "-K", str(config), "-w",
                               "%{http_code} %{size_download}\\n", *options], timeout=300, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    def raw(self, data, close=False):
        """What the server answers to these bytes, until it hangs up."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as s:
            s.sendall(data)
            if close:
                s.shutdown(socket.SHUT_WR)
            answer = b""
            while True:
                try:
                    piece = s.recv(65536)
                except ConnectionResetError:
                    return answer
                if not piece:
                    return answer
                answer += piece


@pytest.fixture
def server(boot, image):
    return Server(boot, devices=image().disk())


def test_pages(server):
    status, headers, page = server.get("/")
    assert status == 200 and headers["Content-Type"].startswith("text/html")
    assert b"<html" in page and b"vring0" in page
    status, headers, text = server.get("/json")
    assert status == 200 and headers["Content-Type"].startswith("application/json")
    report = json.loads(text)
    assert {"version", "uptime_ms", "devices", "interrupts", "memory", "threads", "network"} <= set(report)
    assert {entry["name"] for entry in report["devices"]} >= {"net0", "blk0"}
    counts = {entry["name"]: sum(entry["counts"]) for entry in report["interrupts"]}
    assert counts["net0-rx0"] > 0
    assert report["network"][0]["ipv4"] == "10.0.2.15/24"
    again = json.loads(server.get("/json")[2])
    assert again["uptime_ms"] >= report["uptime_ms"]
    assert again["network"][0]["rx_frames"] > report["network"][0]["rx_frames"]


@pytest.mark.parametrize("how", [["-H", "Connection: close"], []], ids=["new-connections", "one-connection"])
def test_thousand_requests(server, tmp_path, how):
    urls = [server.url + path for _ in range(REQUESTS // 2) for path in ("/", "/json")]
    lines = server.curl(tmp_path, urls, *how)
    assert len(lines) == REQUESTS
    assert all(line.startswith("200 ") and int(line.split()[1]) > 100 for line in lines)
    server.machine.exit(0)


def test_parallel_clients(server):
    """All are connected, one after the other since QEMU's port forward takes hardly two at a time; then all ask at once."""
    with contextlib.ExitStack() as stack:
        clients = []
        for _ in range(CLIENTS):
            connection = stack.enter_context(contextlib.closing(
                http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)))
            connection.request("GET", "/json")
            assert connection.getresponse().read()
            clients.append(connection)
        for _ in range(8):
            for connection in clients:
                connection.request("GET", "/json")
            answers = [connection.getresponse() for connection in clients]
            assert [answer.status for answer in answers] == [200] * CLIENTS
            for answer in answers:
                json.loads(answer.read())
    server.machine.exit(0)


def test_memory_comes_back(server, tmp_path):
    """Connections leave nothing behind: a second thousand takes no more memory than the first has taken."""
    urls = [server.url + "/json"] * (REQUESTS // 2)
    server.curl(tmp_path, urls, "-H", "Connection: close")
    before = int(server.machine.run("mem").result("mem.free"))
    server.curl(tmp_path, urls, "-H", "Connection: close")
    after = int(server.machine.run("mem").result("mem.free"))
    assert before - after < 64 * 1024


BAD_REQUESTS = {
    "no-http": (b"hello there\r\n\r\n", b"400"),
    "binary": (bytes(range(256)) + b"\r\n\r\n", b"400"),
    "method": (b"DELETE / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", b"405"),
    "version": (b"GET / HTTP/9.9\r\nHost: x\r\n\r\n", b"505"),
    "no-host": (b"GET / HTTP/1.1\r\n\r\n", b"400"),
    "unknown-path": (b"GET /etc/passwd HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", b"404"),
    "long-path": (b"GET /" + b"a" * 1000 + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", b"404"),
    "long-head": (b"GET / HTTP/1.1\r\n" + b"X-Y: " + b"z" * 60000 + b"\r\n\r\n", b"431"),
}


@pytest.mark.parametrize("name", BAD_REQUESTS)
def test_bad_request(server, name):
    data, status = BAD_REQUESTS[name]
    answer = server.raw(data)
    # A server that hangs up while data still comes may reset the connection before the answer is read.
    assert answer.startswith(b"HTTP/1.1 " + status) or (name == "long-head" and not answer)
    assert server.get("/")[0] == 200


def test_clients_that_hang_up(server):
    for data in (b"", b"GET", b"GET / HTTP/1.1\r\nHost"):
        for _ in range(10):
            assert server.raw(data, close=True) == b"" or data
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", server.port)) as s:
            s.sendall(b"GET /json HTTP/1.1\r\nHost: x\r\n\r\n")
    assert server.get("/json")[0] == 200


def test_uefi(boot, tmp_path):
    server = Server(boot, boot="uefi")
    assert server.get("/")[0] == 200
    server.machine.exit(0)


def test_small_memory(boot, tmp_path):
    server = Server(boot, memory="16M")
    lines = server.curl(tmp_path, [server.url + "/json"] * 50, "-H", "Connection: close")
    assert [line.split()[0] for line in lines] == ["200"] * 50


def test_nmis_under_load(boot):
    """Their reports interrupt anything, also what holds a lock, and everything goes on."""
    server = Server(boot, smp=2, qmp=True)
    ended = threading.Event()

    def client():
        while not ended.is_set():
            server.get("/")

    with concurrent.futures.ThreadPoolExecutor() as pool:
        clients = [pool.submit(client) for _ in range(4)]
        try:
            for _ in range(500):
                server.machine.qmp.call("inject-nmi")
                server.machine.expect_at("fault", kind="nmi")
        finally:
            ended.set()
        assert [done.result() for done in clients] == [None] * 4
    server.machine.exit(0)
