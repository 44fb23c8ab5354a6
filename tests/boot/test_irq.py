"""After a ping and a disk read, each queue has had interrupts on a vector of its own, and QEMU counts the same."""
import re

import pytest

from harness import nic
from modes import sources


def exercise(machine):
    machine.await_at("event", kind="address")
    machine.run("ping 10.0.2.2 count=3")
    machine.run("blk sum blk0 0 2048")
    return sources(machine)


@pytest.mark.parametrize("path, kind", [("pvh", "q35"), ("pvh", "pc"), ("uefi", "q35")])
def test_queues_have_their_own_vectors(boot, image, path, kind):
    machine = boot(boot=path, machine=kind, devices=nic() + image().disk()).ready()
    sources = exercise(machine)
    mine = {name: fields for name, fields in sources.items() if name.startswith(("net0-", "blk0-"))}
    assert set(mine) == {"net0-config", "net0-rx0", "net0-tx0", "blk0-config", "blk0-req0"}
    assert all(fields["chip"] == "msix" for fields in mine.values())
    assert len({fields["vector"] for fields in sources.values()}) == len(sources)
    assert [mine[name]["entry"] for name in ("net0-config", "net0-rx0", "net0-tx0")] == ["0", "1", "2"]
    for name in ("net0-rx0", "net0-tx0", "blk0-req0"):
        assert int(mine[name]["count"]) > 0, f"{name} had no interrupt"
    for fields in mine.values():
        assert fields["early"] == "0"
    machine.exit(0)


def test_affinity_of_a_source(boot, image):
    """On one CPU there is nowhere to go; every other answer of the verb can be seen."""
    machine = boot(devices=nic() + image().disk()).ready()
    before = sources(machine)["blk0-req0"]
    assert (before["cpus"], before["cpu"], before["lost"]) == ("0", "0", "0")
    assert before["counts"] == before["count"]
    machine.run("irq affinity blk0-req0 0")
    assert machine.run("blk sum blk0 0 2048").result("sha256") == image().sha256()
    after = sources(machine)["blk0-req0"]
    assert after["vector"] == before["vector"] and int(after["count"]) > int(before["count"])
    for command, code, message in (
            ("irq affinity blk0-req0 1", "EINVAL", "only 0 are in use"),
            ("irq affinity blk0-req0 64", "EINVAL", "only 0 are in use"),
            ("irq affinity blk0-req0 0-", "EINVAL", "not a list"),
            ("irq affinity blk7-req0 0", "ENOENT", '"blk7-req0"'),
            ("irq affinity blk0-req0", "EINVAL", "usage: irq affinity NAME CPUS"),
            ("irq all", "EINVAL", '"all"')):
        answer = machine.command(command)
        assert answer.fields["code"] == code and message in answer.fields["msg"], answer.fields
    machine.exit(0)


@pytest.mark.parametrize("kind", ["pc", "q35"])
def test_a_line_that_nobody_claims(boot, image, kind):
    """A serial card on the disk's INTx line, which QEMU's monitor switches on behind our back, keeps it asserted: the line is
    masked, said so once, and the disk works on by being polled."""
    devices = image().disk(addr="0x4") + ["-device", "pci-serial,addr=0x8"]
    machine = boot(machine=kind, append="irq=intx", devices=devices, qmp=True).ready()
    card = machine.at("pci", addr="00:08.0")[0]
    port = int(re.search(r"0:io:(0x)?([0-9a-f]+)", card["bars"])[2], 16)
    assert machine.run("blk sum blk0 0 2048").result("sha256") == image().sha256()
    assert sources(machine)["blk0"]["chip"] == "ioapic"
    monitor = machine.qmp.monitor
    monitor("o/w 0xcf8 0x80004004")
    monitor("o/h 0xcfc 0x0001")  # command: I/O decoding on, INTx no longer disabled
    monitor(f"o/b {port + 1:#x} 0x02")  # interrupt when the transmitter is empty, which it is
    machine.expect_at("event", name="blk0", kind="irq-off")
    assert machine.run("blk sum blk0 0 2048").result("sha256") == image().sha256()
    before = sources(machine)["blk0"]
    assert int(before["spurious"]) >= 1000 and int(before["polls"]) > 0
    assert machine.run("blk sum blk0 0 2048").result("sha256") == image().sha256()
    after = sources(machine)["blk0"]
    assert after["count"] == before["count"] and int(after["polls"]) > int(before["polls"])
    assert len(machine.at("event", kind="irq-off")) == 1
    machine.exit(0)


def test_table_for_people(boot, image):
    machine = boot(devices=nic() + image().disk()).ready()
    lines = machine.run("irq").lines
    assert any(re.match(r"name\s+chip\s+entry\s+vector\s+cpus\s+cpu\s+CPU0", line) for line in lines)
    assert any(re.match(r"blk0-req0\s+msix\s+1\s+0x[0-9a-f]{2}\s+", line) for line in lines)
    machine.exit(0)


def test_qemu_sees_the_same_interrupts(boot, image, tmp_path):
    """QEMU's trace of messages that reach the local APIC, by vector."""
    trace = tmp_path / "trace.log"
    machine = boot(devices=nic() + image().disk() + ["-trace", "apic_deliver_irq", "-D", str(trace)]).ready()
    sources = exercise(machine)
    machine.exit(0)
    delivered = [int(number) for number in re.findall(r"vector (\d+)", trace.read_text())]
    for name in ("net0-rx0", "net0-tx0", "blk0-req0"):
        # Several messages may be pending as one interrupt; none is made up.
        assert 0 < int(sources[name]["count"]) <= delivered.count(int(sources[name]["vector"], 16)), name
