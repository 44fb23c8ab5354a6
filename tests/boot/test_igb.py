"""The 82576 of QEMU 8 and newer: its physical function, virtual functions, and the mailbox between them, both ends here."""
import os
import random
import re
import socket
import sys

import pytest

from harness import ROOT, nic
from modes import sources

sys.path.insert(0, os.path.join(ROOT, "bench", "host"))
import net_peer  # noqa: E402  (beside the benchmarks that share it)

pytestmark = pytest.mark.newer_qemu(8)

MAC = "52:54:00:aa:bb:00"
ADMIN_MAC = "02:11:22:33:44:55"
OTHER_MAC = "02:11:22:33:44:66"
PF = "01:00.0"
PORT = ["-device", "pcie-root-port,id=rp1,bus=pcie.0,chassis=1,slot=1,addr=3.0"]
IGB = PORT + ["-netdev", "user,id=n0", "-device", f"igb,bus=rp1,netdev=n0,mac={MAC},romfile="]
TRACES = ["igb_set_*mailbox", "sriov_*", "e1000e_irq_msix_notify_vec"]
BRING_UP = ["reset", "set-mac", "set-mc", "lpe"]  # what a VF's driver asks for, in this order


def vf_addr(index):
    return f"01:{0x10 + index // 4:02x}.{index % 4 * 2}"


def enable(machine, vfs):
    """The answer of the command; its exchanges are in it."""
    answer = machine.run(f"pci sriov {PF} {vfs}")
    assert answer.result("sriov.vfs") == str(vfs)
    return answer


def exchanges(answer, vf):
    """[(message, verdict)] that the PF tells of a VF."""
    return [(fields["msg"], fields["verdict"]) for fields in answer.at("event", name=f"vf{vf}", kind="mailbox", pf="net0")]


def ends(machine, side):
    """{vf: fields} of the `@mbx` lines of one side, counters as numbers."""
    found = {}
    for fields in machine.run("mbx").at("mbx", side=side):
        found[fields["name"]] = {key: int(value) if value.isdigit() else value for key, value in fields.items()}
    return found


def settled(machine, side="pf"):
    """As ends(), once every request and acknowledgement of the VFs has been seen by the PF."""
    for _ in range(100):
        pf, vf = ends(machine, "pf"), ends(machine, "vf")
        if all(pf[name]["reqs"] == vf[name]["tx"] and pf[name]["acks"] == vf[name]["rx"] for name in vf):
            break
    return pf if side == "pf" else vf


def count(machine, name):
    return int(sources(machine, name)[name]["count"])


def with_link(start, /, devices=None, **arguments):
    machine = start(devices=devices or IGB, **arguments).ready()
    machine.await_at("event", name="net0", kind="link", state="up")
    return machine


def leased(machine, name):
    machine.run(f"dhcp {name}")
    return machine.await_at("event", name=name, kind="address", via="dhcp")["ip"]


def frames(machine):
    """{"net0.tx": frames sent, ...}"""
    return {fields["name"]: int(fields["value"]) for fields in machine.run("net").at("result")}


# ---- frames ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path, cpus", [("pvh", 1), ("uefi", 1), ("pvh", 4)])
def test_lease_and_ping_over_the_pf(boot, path, cpus):
    machine = boot(boot=path, smp=cpus, devices=IGB).ready()
    device = machine.await_at("device", name="net0", driver="igb")
    assert (device["addr"], device["mac"], device["vectors"]) == (PF, MAC, "3/10")
    assert leased(machine, "net0") == "10.0.2.15/24"
    assert machine.run("ping 10.0.2.2 count=3").result("ping.received") == "3"
    for source in ("other", "rx0", "tx0"):
        assert count(machine, f"net0-{source}") > 0
    machine.exit(0)


def test_net1_beside_virtio(boot):
    """Cards of both kinds are numbered together, in address order."""
    machine = boot(devices=nic(addr="2") + [option.replace("n0", "n9") for option in IGB]).ready()
    assert machine.await_at("device", name="net0")["transport"]
    assert machine.await_at("device", name="net1")["driver"] == "igb"
    assert leased(machine, "net1") == "10.0.2.15/24"
    machine.exit(0)


@pytest.mark.parametrize("path, cpus", [("pvh", 1), ("uefi", 1), ("pvh", 4)])
def test_lease_and_ping_over_a_vf(boot, path, cpus):
    machine = with_link(boot, boot=path, smp=cpus, append="ip=192.168.77.1/24")  # the PF does not know the way to 10.0.2.2
    enable(machine, 1)
    assert machine.at("device", name="net1")[0]["driver"] == "igbvf"
    assert leased(machine, "net1") == "10.0.2.15/24"
    before = frames(machine)
    assert machine.run("ping 10.0.2.2 count=3").result("ping.received") == "3"
    after = frames(machine)
    assert after["net1.tx"] >= before["net1.tx"] + 3 and after["net1.rx"] >= before["net1.rx"] + 3
    assert count(machine, "net1-rx0") > 0 and count(machine, "net1-tx0") > 0
    machine.exit(0)


def test_vfs_behind_an_iommu(boot):
    """Each function gets its own right to memory, and loses it with its driver."""
    machine = with_link(boot, smp=2, devices=["-device", "intel-iommu"] + IGB, append="ip=192.168.77.1/24")
    assert machine.at("iommu", kind="vt-d", state="on")
    for _ in range(2):
        enable(machine, 2)
        assert leased(machine, "net1") == "10.0.2.15/24"
        assert machine.run("ping 10.0.2.2 count=3").result("ping.received") == "3"
        assert machine.run(f"pci sriov {PF} 0").result("sriov.vfs") == "0"
    assert machine.run("iommu").result("iommu.faults") == "0"
    machine.exit(0)


def with_backend(backend):
    return [option.replace("user,id=n0", backend + ",id=n0") for option in IGB]


@pytest.mark.parametrize("via", ["driver", "lwip"])
def test_echo_of_every_length(boot, tmp_path, via):
    """UDP frames of 60 to 1514 bytes come back with the same contents, one at a time and many in flight."""
    wire = net_peer.Stream(str(tmp_path / "wire"))
    peer = net_peer.Peer(wire)
    machine = with_link(boot, devices=with_backend(wire.backend()), append="ip=10.9.0.2/24")
    machine.send(f"bench net net0 via={via}\r")
    peer.find_server()
    for length in range(60, 1515):
        peer.echo(1, window=1, length=length)
    for length in (60, 61, 512, 1514):
        peer.echo(500, window=32, length=length)
    wire.send([peer.udp("X", 0)])
    machine.expect_at("ok")
    machine.exit(0)


def test_echo_over_a_vf(boot):
    """The same through QEMU's user network, which sends the VF what comes to the host's port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    machine = with_link(boot, devices=with_backend(f"user,hostfwd=udp:127.0.0.1:{port}-10.0.2.15:7"),
                        append="ip=192.168.77.1/24")
    enable(machine, 1)
    assert leased(machine, "net1") == "10.0.2.15/24"
    machine.send("bench net net1 via=lwip\r")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.connect(("127.0.0.1", port))
        s.settimeout(0.5)
        for number, size in enumerate([2, 3, 17, 255, 256, 1000, 1454, 1455, 1456]):
            payload = net_peer.HEAD.pack(ord("E"), number, 0, 0) + random.Random(size).randbytes(size)
            for _ in range(40):
                try:
                    s.send(payload)
                    assert s.recv(65536) == payload
                    break
                except (TimeoutError, ConnectionRefusedError):
                    continue  # the server may not listen yet
            else:
                raise AssertionError(f"no answer to {size} bytes")
        s.send(net_peer.HEAD.pack(ord("X"), 0, 0, 0) + b"\0\0")
    machine.expect_at("ok")
    machine.exit(0)


def test_link_changes_reach_the_vf(boot):
    machine = with_link(boot, qmp=True)
    enable(machine, 1)
    assert machine.at("device", name="net1")[0]["link"] == "up"
    machine.qmp.call("set_link", name="n0", up=False)
    machine.await_at("event", name="net1", kind="link", state="down")
    assert machine.at("event", name="vf0", msg="ping", verdict="sent")
    machine.qmp.call("set_link", name="n0", up=True)
    machine.expect_at("event", name="net1", kind="link", state="up")


# ---- the mailbox -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("vfs, cpus", [(1, 1), (7, 1), (7, 4)])
def test_every_vf_is_cleared(boot, vfs, cpus):
    machine = with_link(boot, smp=cpus)
    answer = enable(machine, vfs)
    for vf in range(vfs):
        # Without an address from the administrator the PF has none to give: NACK, and the VF brings its own.
        assert exchanges(answer, vf) == list(zip(BRING_UP, ["nack", "ack", "ack", "ack"]))
        device = answer.at("device", addr=vf_addr(vf))[0]
        assert (device["pf"], device["vf"], device["vectors"]) == (PF, str(vf), "3/3")
    pf = settled(machine)
    assert all(pf[f"vf{vf}"]["state"] == "cleared" for vf in range(vfs))
    assert len({fields["mac"] for fields in pf.values()}) == vfs
    assert {name: fields["mac"] for name, fields in ends(machine, "vf").items()} == {
        name: fields["mac"] for name, fields in pf.items()}
    assert machine.command(f"pci sriov {PF} 8").fields["code"] in ("ERANGE", "EBUSY")
    machine.exit(0)


def test_more_vfs_than_pools(boot):
    machine = with_link(boot)
    assert machine.command(f"pci sriov {PF} 8").fields["code"] == "ERANGE"
    enable(machine, 2)
    assert machine.command(f"pci sriov {PF} 3").fields["code"] == "EBUSY"


def test_administrator_mac(boot):
    machine = with_link(boot)
    machine.run(f"mbx mac {PF} 0 {ADMIN_MAC}")
    answer = enable(machine, 2)
    assert exchanges(answer, 0) == list(zip(BRING_UP, ["ack", "nack", "ack", "ack"]))
    assert exchanges(answer, 1) == list(zip(BRING_UP, ["nack", "ack", "ack", "ack"]))
    assert answer.at("device", addr=vf_addr(0))[0]["mac"] == ADMIN_MAC
    # Refused is every address that the VF asks for, its own too; taken where there is no administrator's.
    for mac in (OTHER_MAC, ADMIN_MAC):
        assert machine.command(f"mbx mac {vf_addr(0)} {mac}").fields["code"] == "EACCES"
    assert machine.run(f"mbx mac {vf_addr(1)} {OTHER_MAC}").at("event", msg="set-mac", verdict="ack", mac=OTHER_MAC)
    assert {name: fields["mac"] for name, fields in ends(machine, "pf").items()} == {"vf0": ADMIN_MAC, "vf1": OTHER_MAC}
    assert leased(machine, "net1") and leased(machine, "net2")  # the IP stack goes by the new address
    # It is the VF's from its next reset on, and nobody's when it is taken back.
    machine.run(f"mbx mac {PF} 1 02:00:00:00:00:07")
    assert exchanges(machine.run(f"mbx reset {vf_addr(1)}"), 1)[0] == ("reset", "ack")
    assert ends(machine, "vf")["vf1"]["mac"] == "02:00:00:00:00:07"
    machine.run(f"mbx mac {PF} 0 none")
    assert exchanges(machine.run(f"mbx reset {vf_addr(0)}"), 0) == list(zip(BRING_UP, ["nack", "ack", "ack", "ack"]))


@pytest.mark.parametrize("dwords, answer", [
    ("3", 0xa0000003), ("0x1e0003", 0xa01e0003), ("0x1f0003", 0x601f0003),  # 0, 30 and 31 multicast hashes
    ("0x10004 100", 0xa0010004), ("4 100", 0xa0000004), ("0x10004 4096", 0x60010004),  # VLAN on, off, impossible
    ("5 1522", 0xa0000005), ("5 9729", 0x60000005), ("5 0", 0x60000005),
    ("2 0x00000001 0", 0x60000002), ("0x10002 0x2 0", 0x60010002),  # a multicast address; a further filter
    ("6", 0x60000006), ("0xffff", 0x6000ffff),
])
def test_policy(boot, dwords, answer):
    machine = with_link(boot)
    enable(machine, 1)
    assert int(machine.run(f"mbx send {vf_addr(0)} {dwords}").result("mbx.answer"), 16) == answer


def test_requests_equal_interrupts(boot):
    """REQ and ACK of an exchange are an interrupt of the PF each; a reset of the VF is a third kind."""
    machine = with_link(boot)
    enable(machine, 1)
    before, interrupts = settled(machine)["vf0"], count(machine, "net0-other")
    for _ in range(5):
        machine.run(f"mbx send {vf_addr(0)} 5 1522")
    machine.run(f"mbx reset {vf_addr(0)}")
    after, more = settled(machine)["vf0"], count(machine, "net0-other") - interrupts
    assert after["reqs"] - before["reqs"] == 5 + len(BRING_UP)
    assert after["acks"] - before["acks"] == 5 + len(BRING_UP)
    assert after["rsts"] - before["rsts"] == 1
    assert more == sum(after[key] - before[key] for key in ("reqs", "acks", "rsts"))
    assert after["tx"] == after["rx"] == after["reqs"]


def test_vf_hears_of_answers(boot):
    """Acknowledgement and answer are a message each of the VF's mailbox vector, whichever it is on this card."""
    machine = with_link(boot)
    enable(machine, 1)
    settled(machine)
    before = count(machine, "net1-tx0") + count(machine, "net1-mailbox")
    for _ in range(5):
        machine.run(f"mbx send {vf_addr(0)} 5 1522")
    settled(machine)
    assert count(machine, "net1-tx0") + count(machine, "net1-mailbox") - before >= 10


def test_timeout_latches_until_reset(boot):
    machine = with_link(boot)
    enable(machine, 2)
    machine.run(f"mbx mask {PF} on")
    answer = machine.command(f"mbx send {vf_addr(0)} 5 1522")
    assert answer.fields["code"] == "ETIMEDOUT" and answer.at("event", name="vf0", vf="net1", verdict="timeout")
    assert ends(machine, "vf")["vf0"]["state"] == "timed-out" and ends(machine, "vf")["vf1"]["state"] == "up"
    sent = ends(machine, "vf")["vf0"]["tx"]
    # The PF is back, and served what waits; the VF asks nothing more, because it does not know what state it is in.
    machine.run(f"mbx mask {PF} off")
    machine.await_at("event", name="vf0", msg="lpe", verdict="ack", pf="net0")
    assert machine.command(f"mbx send {vf_addr(0)} 5 1522").fields["code"] == "ENOTCONN"
    assert machine.command(f"mbx mac {vf_addr(0)} {OTHER_MAC}").fields["code"] == "ENOTCONN"
    assert ends(machine, "vf")["vf0"]["tx"] == sent
    assert machine.run(f"mbx send {vf_addr(1)} 5 1522")
    machine.run(f"mbx reset {vf_addr(0)}")
    assert ends(machine, "vf")["vf0"]["state"] == "up"
    machine.run(f"mbx send {vf_addr(0)} 5 1522")
    assert leased(machine, "net1")


@pytest.mark.parametrize("cpus", [1, 4])
def test_all_ask_at_once(boot, cpus):
    machine = with_link(boot, smp=cpus)
    enable(machine, 7)
    before = settled(machine)
    assert machine.run("mbx race 25").result("mbx.exchanges") == str(7 * 25)
    after = settled(machine)
    for name, fields in after.items():
        assert fields["reqs"] - before[name]["reqs"] == 25
        assert fields["acks"] - before[name]["acks"] == 25
    assert all(fields["state"] == "up" for fields in ends(machine, "vf").values())


def test_two_ask_before_the_pf_looks(boot):
    """Both requests wait in the card, which interrupts once for both when it is let."""
    machine = with_link(boot)
    enable(machine, 2)
    before = settled(machine)
    interrupts = count(machine, "net0-other")
    machine.run(f"mbx mask {PF} on")
    for vf in range(2):
        assert not machine.command(f"mbx send {vf_addr(vf)} 5 1522").ok
    assert count(machine, "net0-other") == interrupts
    machine.run(f"mbx mask {PF} off")
    for vf in range(2):
        machine.await_at("event", name=f"vf{vf}", msg="lpe", verdict="ack", pf="net0")
    after = settled(machine)  # the late answers are read, though nobody waits for them
    assert [after[f"vf{vf}"]["reqs"] - before[f"vf{vf}"]["reqs"] for vf in range(2)] == [1, 1]
    acks = sum(after[name]["acks"] - before[name]["acks"] for name in after)
    assert count(machine, "net0-other") - interrupts == 1 + acks


@pytest.mark.parametrize("cpus", [1, 4])
def test_pf_reset_under_vfs(boot, cpus):
    machine = with_link(boot, smp=cpus)
    enable(machine, 2)
    machine.run("dhcp net1")
    before = ends(machine, "vf")
    machine.run(f"mbx reset {PF}")
    for vf in range(2):
        machine.await_line(rf"net{vf + 1}: the PF was reset, and has cleared us again")
    after = ends(machine, "vf")
    assert all(after[name]["rsts"] > before[name]["rsts"] and after[name]["state"] == "up" for name in after)
    assert all(after[name]["mac"] == before[name]["mac"] for name in after)
    for name in ("net0", "net1", "net2"):
        assert leased(machine, name)
    machine.run(f"mbx send {vf_addr(1)} 5 1522")
    machine.exit(0)


def test_vfs_off_and_on(boot):
    """Nothing is lost by a round: vectors, pages, names."""
    machine = with_link(boot, append="ip=none")
    counts, heaps = [], []
    for _ in range(21):
        enable(machine, 7)
        names = sorted(sources(machine))
        machine.run(f"pci sriov {PF} 0")
        memory = machine.run("mem")
        heaps.append(int(memory.result("mem.heap")))
        counts.append((names, int(memory.result("mem.free")) + heaps[-1], sorted(sources(machine)), len(frames(machine))))
    assert counts == counts[:1] * 21
    assert len(counts[0][0]) == 3 + 7 * 3 and counts[0][2] == ["net0-other", "net0-rx0", "net0-tx0"]
    assert max(heaps[11:]) <= max(heaps[:11])
    machine.exit(0)


def test_traffic_survives_rounds(boot):
    machine = with_link(boot)
    for _ in range(3):
        enable(machine, 2)
        assert leased(machine, "net2")
        assert machine.run("ping 10.0.2.2 count=1").ok
        machine.run(f"pci sriov {PF} 0")
    assert leased(machine, "net0") and machine.run("ping 10.0.2.2 count=1").ok


def test_qemu_saw_the_same(boot, tmp_path):
    trace = tmp_path / "trace.log"
    options = [option for event in TRACES for option in ("-trace", event)] + ["-D", str(trace)]
    machine = boot(devices=IGB + options).ready()
    machine.await_at("event", name="net0", kind="link", state="up")
    enable(machine, 2)
    machine.run("mbx race 5")
    pf, vf = settled(machine), ends(machine, "vf")
    other = count(machine, "net0-other")
    machine.exit(0)
    text = trace.read_text()
    assert re.search(r"sriov_register_vfs .* 2 vf devs", text)
    for index in range(2):
        name = f"vf{index}"
        writes = [int(value, 16) for value in re.findall(rf"igb_set_vfmailbox VFMailbox\[{index}\]: 0x(\w+)", text)]
        answers = [int(value, 16) for value in re.findall(rf"igb_set_pfmailbox PFMailbox\[{index}\]: 0x(\w+)", text)]
        assert sum(value & 1 for value in writes) == vf[name]["tx"] == pf[name]["reqs"]
        assert sum(value >> 1 & 1 for value in writes) == vf[name]["rx"] == pf[name]["acks"]
        assert sum(value & 1 for value in answers) == pf[name]["tx"]
        assert sum(value >> 1 & 1 for value in answers) == pf[name]["rx"]
    assert other == len(re.findall(r"msix_notify_vec MSI-X notify vector 0x0\b", text))
