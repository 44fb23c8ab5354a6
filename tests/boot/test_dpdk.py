"""A network card that is not QEMU's own: DPDK's vhost PMD in testpmd, where that is installed (Debian: dpdk-dev,
librte-net-vhost23, librte-net-pcap23, librte-mempool-ring23; 200 packages, so it is not asked for)."""
import os
import random
import shutil
import struct
import sys
import time

import pexpect
import pytest

from harness import ROOT, nic
from qemus import version
from test_matrix import check_device
from test_vhost_user import MEMORY, SHARED

sys.path.insert(0, os.path.join(ROOT, "bench", "host"))
import net_peer  # noqa: E402  (beside the benchmarks that share it)

GUEST_MAC = "52:54:00:12:34:56"
LENGTHS = [*range(42, 82), 127, 128, 129, 511, 512, 513, 1023, 1024, 1025, 1512, 1513, 1514]
LINE_TIMEOUT = 60
MODERN = {"disable_legacy": "on", "disable_modern": "off"}


class Pmd:
    """testpmd at its prompt. It polls, so both of its threads have to share a CPU with what else there is."""

    def __init__(self, program, tmp, forward, *ports):
        self.socket = str(tmp / "net.sock")
        self.child = pexpect.spawn(program, [
            "--no-huge", "-m", "256", "--no-pci", "--lcores", "0@0,1@0", f"--file-prefix=vring0-{os.getpid()}",
            f"--vdev=net_vhost0,iface={self.socket},queues=1", *ports, "--", "-i", f"--forward-mode={forward}",
            "--total-num-mbufs=4096", "--no-flush-rx"], encoding="utf-8", echo=False, timeout=LINE_TIMEOUT)
        self.child.expect_exact("testpmd>")

    def start(self):
        self.child.sendline("start")
        self.child.expect("packet forwarding")
        self.child.expect_exact("testpmd>")

    def stop(self):
        self.child.close(force=True)


@pytest.fixture
def testpmd(tmp_path):
    """testpmd(forward, ports...) starts it with a vhost port and these."""
    program = shutil.which("dpdk-testpmd")
    if not program:
        pytest.skip("no dpdk-testpmd (Debian: package dpdk-dev)")
    running = []

    def start(forward, *ports):
        running.append(Pmd(program, tmp_path, forward, *ports))
        return running[-1]

    yield start
    for one in running:
        one.stop()


def card(pmd, ring="split", **options):
    """QEMU before 8.0 crashes when a vhost-user card without KVM has MSI-X."""
    if version() < (8,):
        options["vectors"] = 0
    if ring == "packed":
        options["packed"] = "on"
    return MEMORY + ["-chardev", f"socket,id=c0,path={pmd.socket}"] + nic(
        backend="vhost-user,chardev=c0", mac=GUEST_MAC, **MODERN, **options)


@pytest.mark.parametrize("ring", ["split", "packed"])
@pytest.mark.parametrize("options", [{}, {"mrg_rxbuf": "off"}, {"event_idx": "off", "indirect_desc": "off"}],
                         ids=["plain", "no-merging", "no-event-index"])
def test_ping_to_the_other_process(boot, testpmd, ring, options):
    pmd = testpmd("icmpecho")
    machine = boot(machine=SHARED, smp=2, append="ip=10.9.0.2/24", devices=card(pmd, ring, **options)).ready()
    check_device(machine, "net0", "modern", ring)
    pmd.start()
    assert int(machine.run("ping 10.9.0.1 count=20").result("ping.received")) >= 19
    machine.exit(0)


def write_pcap(path, frames):
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for frame in frames:
            f.write(struct.pack("<IIII", 0, 0, len(frame), len(frame)) + frame)


def read_pcap(path):
    data, at, frames = path.read_bytes(), 24, []
    while at < len(data):
        length = struct.unpack_from("<I", data, at + 8)[0]
        frames.append(data[at + 16:at + 16 + length])
        at += 16 + length
    return frames


@pytest.mark.parametrize("ring", ["split", "packed"])
def test_frames_of_many_lengths(boot, testpmd, tmp_path, ring):
    """Pings from a file go to the guest, its answers to another file: each has the contents of its question."""
    peer, data = net_peer.Peer(None), random.Random(9).randbytes(1600)
    peer.guest_mac = bytes.fromhex(GUEST_MAC.replace(":", ""))
    write_pcap(tmp_path / "in.pcap", [peer.arp(1, b"\0" * 6, peer.guest_ip)] +
               [peer.ping(length, length, data) for length in LENGTHS])
    pmd = testpmd("io", f"--vdev=net_pcap0,rx_pcap={tmp_path}/in.pcap,tx_pcap={tmp_path}/out.pcap")
    machine = boot(machine=SHARED, append="ip=10.9.0.2/24", devices=card(pmd, ring)).ready()
    check_device(machine, "net0", "modern", ring)
    pmd.start()
    deadline = time.monotonic() + LINE_TIMEOUT
    while int((counts := machine.run("net")).result("net0.tx")) < len(LENGTHS) + 1:
        assert time.monotonic() < deadline, counts.text
    machine.exit(0)
    pmd.stop()
    replies = {int.from_bytes(frame[40:42], "big"): frame for frame in read_pcap(tmp_path / "out.pcap")
               if frame[12:14] == b"\x08\x00" and frame[23] == 1 and frame[34] == 0}
    assert sorted(replies) == LENGTHS
    for length, frame in replies.items():
        end = 14 + int.from_bytes(frame[16:18], "big")
        assert frame[42:end] == data[:length - 42] and net_peer.checksum(frame[34:end]) == 0
