"""virtio-net and the IP stack: leases, pings, frames of every length with checked contents, link changes."""
import os
import random
import re
import socket
import sys
import time

import pytest

from harness import ROOT, nic

sys.path.insert(0, os.path.join(ROOT, "bench", "host"))
import net_peer  # noqa: E402  (beside the benchmarks that share it)

LENGTHS = range(14, 1515)
ARP_LENGTH = 42


def test_lease_and_ping(boot):
    machine = boot(devices=nic()).ready()
    lease = machine.await_at("event", name="net0", kind="address", via="dhcp")
    assert lease["ip"] == "10.0.2.15/24" and lease["gateway"] == "10.0.2.2" and lease["dns"] == "10.0.2.3"
    answer = machine.run("ping 10.0.2.2 count=3")
    assert answer.result("ping.received") == "3"
    assert 0 < int(answer.result("ping.rtt")) < 1_000_000
    assert machine.run("dhcp").at("result", name="net0.lease")
    machine.exit(0)


def test_ping_without_reply(boot):
    machine = boot(devices=nic()).ready()
    machine.await_at("event", kind="address")
    answer = machine.command("ping 10.0.2.99 count=1")
    assert not answer.ok and answer.fields["code"] in ("ETIMEDOUT", "EHOSTUNREACH")
    assert "10.0.2.99" in answer.fields["msg"]
    machine.run("ping 10.0.2.2 count=1")


def test_ping_without_network(boot):
    machine = boot().ready()
    answer = machine.command("ping 10.0.2.2 count=1")
    assert not answer.ok
    assert not machine.command("dhcp").ok
    machine.run("net")


def test_ping_is_interrupted(boot):
    machine = boot(devices=nic()).ready()
    machine.await_at("event", kind="address")
    machine.send("ping 10.0.2.2 count=1000\r")
    machine.expect_line(r"reply to request 2\b")
    machine.send("\x03")
    assert machine.expect_at("err")["code"] == "EINTR"
    machine.run("version")


def test_ipv6_ping(boot):
    machine = boot(devices=nic()).ready()
    machine.await_at("event", kind="address6", via="link-local", ip=re.compile(r"(?i)fe80:.*"))
    machine.await_at("event", kind="address6", via="slaac", ip=re.compile(r"(?i)fec0:.*"))
    machine.run("ping fec0::2 count=1")


def test_link_down_and_up(boot):
    machine = boot(devices=nic(), qmp=True).ready()
    machine.await_at("event", kind="address")
    machine.qmp.call("set_link", name="n0", up=False)
    machine.expect_at("event", name="net0", kind="link")
    assert not machine.command("ping 10.0.2.2 count=1").ok
    machine.qmp.call("set_link", name="n0", up=True)
    machine.expect_at("event", name="net0", kind="link")
    machine.await_at("event", kind="address")
    deadline = time.monotonic() + 30
    while not machine.command("ping 10.0.2.2 count=1").ok:
        assert time.monotonic() < deadline, "no ping after the link came back"


# ---- UDP through the IP stack and QEMU's user network ----------------------------------------------------------------


def udp_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@pytest.fixture
def server(boot):
    """(machine with `bench net` running on sockets, socket connected to it)"""
    port = udp_port()
    machine = boot(devices=nic(backend=f"user,hostfwd=udp:127.0.0.1:{port}-:7")).ready()
    machine.await_at("event", kind="address")
    machine.send("bench net net0 via=lwip\r")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.connect(("127.0.0.1", port))
        yield machine, s


def ask(s, payload, tries=40):
    """An answer to a datagram, sent again until it comes: the server may not listen yet."""
    s.settimeout(0.5)
    for _ in range(tries):
        s.send(payload)
        try:
            return s.recv(65536)
        except (TimeoutError, ConnectionRefusedError):
            continue
    raise AssertionError("no answer")


def test_udp_echo_through_port_forward(server):
    machine, s = server
    randomness = random.Random(7)
    for sequence, size in enumerate([2, 3, 17, 255, 256, 1000, 1454, 1455, 1456]):
        payload = net_peer.HEAD.pack(ord("E"), sequence, 0, 0) + randomness.randbytes(size)
        assert ask(s, payload) == payload
    s.send(net_peer.HEAD.pack(ord("X"), 0, 0, 0) + b"\0\0")
    machine.expect_at("ok")
    machine.exit(0)


def test_udp_from_the_guest(server):
    """The guest sends on its own: as many datagrams as asked for, each of the size asked for."""
    machine, s = server
    ask(s, net_peer.HEAD.pack(ord("E"), 1, 0, 0) + b"\0\0")
    while True:
        s.settimeout(0.3)
        try:
            s.recv(65536)
        except TimeoutError:
            break
    s.settimeout(20)
    s.send(net_peer.HEAD.pack(ord("F"), 2, 50, 1000) + b"\0\0")
    sizes = []
    while True:
        payload = s.recv(65536)
        op = chr(payload[0])
        if op == "T":
            break
        assert op == "S"
        sizes.append(len(payload) + net_peer.HEADERS)
    assert sizes == [1000] * 50
    s.send(net_peer.HEAD.pack(ord("X"), 0, 0, 0) + b"\0\0")
    machine.expect_at("ok")


# ---- raw frames ------------------------------------------------------------------------------------------------------


def open_wire(tmp_path, kind):
    wire = {"dgram": net_peer.Datagram, "stream": net_peer.Stream}[kind](str(tmp_path / "wire"))
    return wire, net_peer.Peer(wire)


def start(boot, wire, **device):
    """The machine at the other end of the wire with its static address."""
    return boot(devices=nic(backend=wire.backend(), **device), append="ip=10.9.0.2/24").ready()


def received_frames(machine):
    return int(machine.run("net").result("net0.rx"))


@pytest.mark.parametrize("device", [{}, {"mrg_rxbuf": "off"}, {"event_idx": "off", "indirect_desc": "off"}],
                         ids=["plain", "no-merging", "no-event-index"])
def test_ping_of_every_length(boot, tmp_path, device):
    """ICMP echo requests of 42 to 1514 bytes come back with the same contents, through driver and stack both ways."""
    wire, peer = open_wire(tmp_path, "dgram")
    machine = start(boot, wire, **device)
    peer.find_guest()
    data = random.Random(3).randbytes(1600)
    waiting = list(range(ARP_LENGTH, 1515))
    sent = {}
    deadline = time.monotonic() + 120
    while waiting or sent:
        assert time.monotonic() < deadline, f"no answers to frames of {sorted(sent)[:10]} bytes"
        burst, waiting = waiting[:8], waiting[8:]
        sent.update((length, length) for length in burst)
        wire.send([peer.ping(length, length, data) for length in burst])
        silence = time.monotonic() + 10
        while sent and time.monotonic() < silence:
            for frame in peer.receive(0.5):
                if frame[12:14] != b"\x08\x00" or frame[23] != 1 or frame[34] != 0:
                    continue
                length = int.from_bytes(frame[40:42], "big")
                assert len(frame) == length and frame[42:] == data[:length - 42]
                assert net_peer.checksum(frame[34:]) == 0 and net_peer.checksum(frame[14:34]) == 0
                sent.pop(length, None)
    machine.exit(0)


def test_short_frames_arrive(boot, tmp_path):
    """Frames too short for any protocol: 14 to 41 bytes, addressed to the guest. Counted, and no harm done."""
    wire, peer = open_wire(tmp_path, "dgram")
    machine = start(boot, wire)
    peer.find_guest()
    before = received_frames(machine)
    for length in range(14, ARP_LENGTH):
        wire.send([peer.ethernet(0x88b5, bytes(length - 14))])
    deadline = time.monotonic() + 30
    while (count := received_frames(machine) - before) < ARP_LENGTH - 14:
        assert time.monotonic() < deadline, f"only {count} frames"
    peer.find_guest()
    machine.exit(0)


@pytest.mark.parametrize("via", ["driver", "lwip"])
@pytest.mark.parametrize("kind", ["dgram", "stream"])
def test_echo_of_every_length(boot, tmp_path, via, kind):
    """`bench net` echoes UDP frames of 60 to 1514 bytes, one at a time and many in flight, contents checked."""
    wire, peer = open_wire(tmp_path, kind)
    machine = start(boot, wire)
    machine.send(f"bench net net0 via={via}\r")
    peer.find_server()
    for length in range(60, 1515):
        peer.echo(1, window=1, length=length)
    for length in (60, 61, 512, 1514):
        peer.echo(500, window=32, length=length)
    wire.send([peer.udp("X", 0)])
    machine.expect_at("ok")
    machine.run("version")
    machine.exit(0)


def test_guest_sends_every_length(boot, tmp_path):
    wire, peer = open_wire(tmp_path, "stream")
    machine = start(boot, wire)
    machine.send("bench net net0 via=driver\r")
    peer.find_server()
    for length in range(60, 1515):
        wire.send([peer.udp("F", length, 1, length)])
        seen = []
        while "T" not in (op for op, _ in seen):
            seen += [(message[0], len(message[4]) + net_peer.HEADERS) for message in peer.receive_udp()]
        assert ("S", length) in seen, f"asked for {length}, got {seen}"
    wire.send([peer.udp("X", 0)])
    machine.expect_at("ok")


def test_flood(boot, tmp_path):
    """More frames than the rings hold, in bursts: the guest counts all that were delivered and goes on."""
    wire, peer = open_wire(tmp_path, "stream")
    machine = start(boot, wire)
    machine.send("bench net net0 via=driver\r")
    peer.find_server()
    peer.call("Q")
    for _ in range(100):
        wire.send([peer.udp("D", i, data=bytes(1000)) for i in range(64)])
        peer.call("E")
    assert peer.call("Q")[2] == 6400
    wire.send([peer.udp("X", 0)])
    machine.expect_at("ok")
    machine.exit(0)


def test_frames_that_lie(boot, tmp_path):
    """Broken ARP, IP, UDP, ICMP and TCP headers: dropped, and the next ping is answered."""
    wire, peer = open_wire(tmp_path, "dgram")
    machine = start(boot, wire)
    peer.find_guest()
    randomness = random.Random(11)
    good = [peer.ping(100, 1, bytes(100)), peer.udp("E", 1, data=bytes(60)), peer.arp(1, b"\0" * 6, peer.guest_ip),
            peer.ip(6, randomness.randbytes(40)), peer.ethernet(0x86dd, randomness.randbytes(80))]
    for _ in range(400):
        frame = bytearray(randomness.choice(good))
        for _ in range(randomness.randint(1, 4)):
            frame[randomness.randint(12, len(frame) - 1)] = randomness.randint(0, 255)
        wire.send([bytes(frame[:randomness.randint(14, len(frame))])])
        peer.receive(0)
    peer.find_guest()
    assert not machine.at("fault")
    machine.run("net")
    machine.exit(0)
