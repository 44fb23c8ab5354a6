"""virtio-net beyond frames: several queue pairs on a tap device, link changes and announcements during traffic."""
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time

import pytest

from harness import PROMPT, ROOT, nic

sys.path.insert(0, os.path.join(ROOT, "bench", "host"))
import net_peer  # noqa: E402  (beside the benchmarks that share it)

MODES = ["per-queue", "shared", "single", "intx", "poll"]
FLOWS = 64


# ---- events ----------------------------------------------------------------------------------------------------------


def gratuitous_arp(frame):
    """Says whose address 10.9.0.2 is, unasked."""
    return frame[12:14] == b"\x08\x06" and frame[28:32] == frame[38:42] == socket.inet_aton(net_peer.GUEST_IP)


def wait_frame(wire, accept):
    """The next frame on the wire that is accepted; the test's time limit is that of the machine's lines."""
    for _ in range(120):
        for frame in wire.receive(0.5):
            if accept(frame):
                return frame
    raise AssertionError("no such frame")


def wired(boot, tmp_path, mode, smp=1, **device):
    wire = net_peer.Datagram(str(tmp_path / "wire"))
    machine = boot(devices=nic(backend=wire.backend(), **device), smp=smp, append=f"ip=10.9.0.2/24 irq={mode}",
                   qmp=True).ready()
    net_peer.Peer(wire).find_guest()
    return machine, wire


def wait_acknowledged(machine, cnt):
    """The device has answered that many control commands; a request that comes earlier is one with the last."""
    for _ in range(600):
        size, free, chains = re.search(r"net0 +ctrl +(\d+) +(\d+) +(\d+) ", machine.run("virtio net0").text).groups()
        if size == free and int(chains) == cnt:
            return
    raise AssertionError(f"not {cnt} answers")


@pytest.mark.parametrize("mode", MODES)
def test_announce(boot, tmp_path, mode):
    """The network is told, then the device: else the request would be there again at the next change."""
    machine, wire = wired(boot, tmp_path, mode, smp=2)
    for i in range(3):
        machine.qmp.call("announce-self", initial=50, max=550, rounds=1, step=50)
        machine.expect_at("event", name="net0", kind="announce")
        wait_frame(wire, gratuitous_arp)
        wait_acknowledged(machine, i + 1)
    machine.qmp.call("set_link", name="n0", up=False)
    machine.expect_at("event", name="net0", kind="link", state="down")
    machine.qmp.call("set_link", name="n0", up=True)
    machine.expect_at("event", name="net0", kind="link", state="up")
    wait_frame(wire, gratuitous_arp)
    machine.run("version")
    assert len(machine.at("event", kind="announce")) == 3
    machine.exit(0)


def test_announce_without_a_control_queue(boot, tmp_path):
    """Not negotiated, so the device does the telling; a link change is still heard."""
    machine, _ = wired(boot, tmp_path, "auto", ctrl_vq="off")
    assert "ctrl" not in machine.at("device", name="net0")[0]["queues"]
    machine.qmp.call("announce-self", initial=50, max=550, rounds=1, step=50)
    machine.qmp.call("set_link", name="n0", up=False)
    machine.expect_at("event", name="net0", kind="link", state="down")
    assert not machine.at("event", kind="announce")
    machine.exit(0)


@pytest.mark.parametrize("mode", MODES)
def test_ping_outlives_the_link(boot, mode):
    machine = boot(devices=nic(), smp=2, append=f"ip=10.0.2.15/24,10.0.2.2 irq={mode}", qmp=True).ready()
    machine.send("ping 10.0.2.2 count=100000\r")
    machine.expect_line(r"reply to request 2\b")
    for _ in range(3):
        machine.qmp.call("set_link", name="n0", up=False)
        machine.expect_at("event", name="net0", kind="link", state="down")
        machine.expect_line(r"no reply to request|request \d+ not sent")
        machine.qmp.call("set_link", name="n0", up=True)
        machine.expect_at("event", name="net0", kind="link", state="up")
        machine.expect_line(r"reply to request \d+ after")
    machine.send("\x03")
    assert machine.expect_at("err")["code"] == "EINTR"
    machine.exit(0)


def connect(machine):
    """Waits until QEMU can be talked to, of a machine whose console says nothing yet."""
    deadline = time.monotonic() + 60
    while True:
        try:
            return machine.qmp
        except (FileNotFoundError, ConnectionRefusedError):
            assert time.monotonic() < deadline, "no QEMU"
            time.sleep(0.01)


def test_link_down_from_the_start(boot):
    machine = boot(devices=nic() + ["-S"], append="ip=10.0.2.15/24,10.0.2.2", qmp=True)
    connect(machine)
    machine.qmp.call("set_link", name="n0", up=False)
    machine.qmp.call("cont")
    machine.ready()
    assert machine.at("device", name="net0")[0]["link"] == "down"
    assert not machine.command("ping 10.0.2.2 count=1").ok
    machine.qmp.call("set_link", name="n0", up=True)
    machine.expect_at("event", name="net0", kind="link", state="up")
    machine.run("ping 10.0.2.2 count=1")


# ---- queue pairs -----------------------------------------------------------------------------------------------------


@pytest.fixture
def tap():
    """tap(queues) makes a multi-queue tap device: (QEMU backend, the host's address on it, the guest's)."""
    made = []

    def make(queues):
        if os.geteuid() != 0 or not os.access("/dev/net/tun", os.R_OK | os.W_OK) or not shutil.which("ip"):
            pytest.skip("tap devices need root, /dev/net/tun and ip(8)")
        name = f"vr{os.getpid() % 100000}q{len(made)}"
        network = f"10.77.{os.getpid() % 250}"
        many = ["multi_queue"] if queues > 1 else []
        done = subprocess.run(["ip", "tuntap", "add", name, "mode", "tap"] + many, stderr=subprocess.PIPE, text=True)
        if done.returncode != 0:
            pytest.skip(f"no tap device: {done.stderr.strip()}")
        made.append(name)
        subprocess.run(["ip", "address", "add", f"{network}.1/24", "dev", name], check=True)
        subprocess.run(["ip", "link", "set", name, "up"], check=True)
        backend = f"tap,ifname={name},script=no,downscript=no" + (f",queues={queues}" if many else "")
        return backend, f"{network}.1", f"{network}.2"

    yield make
    for name in made:
        subprocess.run(["ip", "link", "delete", name], check=False)


def start_pairs(boot, tap, queues, smp, append="", **device):
    backend, host, guest = tap(queues)
    machine = boot(devices=nic(backend=backend, mq="on", **device), smp=smp, append=f"ip={guest}/24 {append}",
                   qmp=True).ready()
    return machine, host, guest


def ask(s, op, seq=0, tries=40):
    """(a, b) of the answer to a message, sent again until it comes: the server may not listen yet."""
    s.settimeout(0.5)
    for _ in range(tries):
        s.send(net_peer.HEAD.pack(ord(op), seq, 0, 0) + b"\0\0")
        try:
            while True:
                answer = net_peer.HEAD.unpack(s.recv(65536)[:net_peer.HEAD.size])
                if answer[0] == ord(op) and answer[1] == seq:
                    return answer[2:]
        except (TimeoutError, ConnectionRefusedError):
            continue
    raise AssertionError("no answer")


def receive_flows(machine, guest):
    """Datagrams of many flows, which the host's kernel spreads over the queues: all of them arrive. Queues are not in
    step, so a question may overtake datagrams that were sent before it."""
    machine.send("bench net net0 via=lwip\r")
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(FLOWS)]
    try:
        for s in sockets:
            s.connect((guest, net_peer.GUEST_PORT))
        ask(sockets[0], "Q")
        questions = 0
        for burst in range(10):
            for s in sockets:
                s.send(net_peer.HEAD.pack(ord("D"), burst, 0, 0) + bytes(100))
            missing = FLOWS
            while missing > 0:
                questions += 1
                assert questions < 1000, f"{missing} of {FLOWS} datagrams did not arrive"
                missing -= ask(sockets[0], "Q", seq=questions)[0]
            assert missing == 0
        sockets[0].send(net_peer.HEAD.pack(ord("X"), 0, 0, 0) + b"\0\0")
        machine.expect_at("ok")
    finally:
        for s in sockets:
            s.close()


@pytest.mark.parametrize("queues, smp", [(1, 2), (2, 1), (2, 2), (4, 2), (2, 4), (4, 4)])
def test_queue_pairs(boot, tap, queues, smp):
    """As many pairs as there are CPUs and the device has; frames arrive by every one."""
    machine, host, guest = start_pairs(boot, tap, queues, smp)
    pairs = min(queues, int(machine.run("cpu").result("cpu.count")))
    device = machine.at("device", name="net0")[0]
    assert device["pairs"] == f"{pairs}/{queues}"
    names = [queue.split(":")[0] for queue in device["queues"].split()]
    assert names == [f"{kind}{i}" for i in range(pairs) for kind in ("rx", "tx")] + ["ctrl"]
    assert not machine.at("fallback")
    machine.run(f"ping {host} count=2")
    receive_flows(machine, guest)
    counters = machine.run("net")
    frames = [int(counters.result(f"net0.rx{i}")) for i in range(pairs)]
    assert all(count > 0 for count in frames), frames
    assert sum(frames) == int(counters.result("net0.rx"))
    assert f"net0.rx{pairs}" not in counters.text
    machine.exit(0)


def echo_flows(machine, guest, rounds):
    """Every flow gets back what it sent, though frames of all pairs are answered by one thread on one CPU's pair."""
    machine.send("bench net net0 via=driver\r")
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(FLOWS)]
    try:
        for s in sockets:
            s.connect((guest, net_peer.GUEST_PORT))
            s.settimeout(60)
        ask(sockets[0], "E")
        for turn in range(rounds):
            payloads = [net_peer.HEAD.pack(ord("E"), turn, flow, 0) + bytes([flow]) * 200 for flow in range(FLOWS)]
            for s, payload in zip(sockets, payloads):
                s.send(payload)
            for s, payload in zip(sockets, payloads):
                answer = s.recv(65536)
                while answer[4:8] != payload[4:8] or len(answer) != len(payload):  # to ask(), which asked twice
                    answer = s.recv(65536)
                assert answer == payload
        sockets[0].send(net_peer.HEAD.pack(ord("X"), 0, 0, 0) + b"\0\0")
        machine.expect_at("ok")
    finally:
        for s in sockets:
            s.close()


@pytest.mark.parametrize("mode", MODES)
def test_pairs_in_every_mode(boot, tap, mode):
    machine, host, guest = start_pairs(boot, tap, 4, 4, f"irq={mode}")
    device = machine.at("device", name="net0")[0]
    assert device["irq"] == mode and device["pairs"] == "4/4"
    machine.run(f"ping {host} count=2")
    receive_flows(machine, guest)
    echo_flows(machine, guest, 20)
    machine.run(f"ping {host} count=2")
    assert not machine.at("event", kind="dead")
    machine.exit(0)


def pump(guest, stop):
    """Sends echo requests of many flows, whether or not anybody answers."""
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(FLOWS)]
    for s in sockets:
        s.setblocking(False)
    while not stop.is_set():
        for s in sockets:
            try:
                s.sendto(net_peer.HEAD.pack(ord("E"), 0, 0, 0) + bytes(500), (guest, net_peer.GUEST_PORT))
                s.recv(65536)
            except OSError:  # no answer yet, no route while the link is down
                pass
    for s in sockets:
        s.close()


@pytest.mark.parametrize("via", ["driver", "lwip"])
@pytest.mark.parametrize("mode", ["per-queue", "single", "poll"])
def test_link_flaps_under_load(boot, tap, mode, via):
    """Frames are lost while the link is down; nothing else is, and every buffer comes back."""
    machine, host, guest = start_pairs(boot, tap, 4, 4, f"irq={mode}")
    machine.send(f"bench net net0 via={via}\r")
    stop = threading.Event()
    sender = threading.Thread(target=pump, args=(guest, stop))
    sender.start()
    try:
        for _ in range(20):
            machine.qmp.call("set_link", name="n0", up=False)
            machine.expect_at("event", name="net0", kind="link", state="down")
            machine.qmp.call("announce-self", initial=50, max=550, rounds=1, step=50)
            machine.qmp.call("set_link", name="n0", up=True)
            machine.expect_at("event", name="net0", kind="link", state="up")
    finally:
        stop.set()
        sender.join()
    machine.send("\x03")
    machine.expect_text(PROMPT)
    echo_flows(machine, guest, 5)
    machine.run(f"ping {host} count=1")
    for _ in range(600):
        rows = re.findall(r"net0 +tx\d +(\d+) +(\d+) ", machine.run("virtio net0").text)
        if len(rows) == 4 and all(size == free for size, free in rows):
            break
    else:
        raise AssertionError(f"frames that are never sent: {rows}")
    assert not machine.at("event", kind="dead")
    machine.exit(0)


def test_each_pair_on_its_cpu(boot, tap):
    """Receive interrupts of pair N, and transmit interrupts of it, on CPU N."""
    machine, _, guest = start_pairs(boot, tap, 4, 4)
    receive_flows(machine, guest)
    sources = {fields["name"]: fields for fields in machine.run("irq").at("irq")}
    for pair in range(4):
        for kind in ("rx", "tx"):
            source = sources[f"net0-{kind}{pair}"]
            assert source["cpus"] == source["cpu"] == str(pair)
        counts = [int(count) for count in sources[f"net0-rx{pair}"]["counts"].split()]
        assert counts[pair] > 0 and sum(counts) == counts[pair]
    machine.exit(0)


def test_too_few_vectors_for_all_pairs(boot, tap):
    """Whatever way of interrupts is left, every pair works."""
    machine, host, guest = start_pairs(boot, tap, 4, 4, vectors=3)
    machine.run(f"ping {host} count=2")
    receive_flows(machine, guest)
    machine.exit(0)


def test_pairs_without_a_control_queue(boot, tap):
    """QEMU does not offer several pairs then."""
    machine, host, _ = start_pairs(boot, tap, 2, 2, ctrl_vq="off")
    assert machine.at("device", name="net0")[0]["pairs"].startswith("1/")
    machine.run(f"ping {host} count=2")
    machine.exit(0)
