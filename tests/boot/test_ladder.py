"""The interrupt ladder on real devices: rungs that are not there, shared lines, affinity, and that an interrupt which never comes
is made up for. Which rung a device gets, and that each carries traffic: test_modes.py."""
import re

import pytest

from harness import nic
from modes import counts, sources

# Registers of the legacy header.
QUEUE_SEL, QUEUE_VECTOR, NO_VECTOR = 14, 22, 0xffff


@pytest.mark.parametrize("rung, vectors, reason", [("per-queue", 2, "2 vectors offered, 3 wanted"),
                                                   ("shared", 1, "1 vector offered, 2 wanted"),
                                                   ("single", 0, "no MSI-X capability"),
                                                   ("msi", 4, "no MSI capability")])
def test_a_forced_rung_that_is_not_there(boot, rung, vectors, reason):
    machine = boot(append=f"irq={rung}", devices=nic(vectors=vectors)).ready()
    machine.await_line(rf"^error: net0 00:01\.0: irq={rung} is not available, device not used: {reason}")
    assert not machine.at("device")
    command = next(line for line in machine.run("pci 00:01.0").lines if line.strip().startswith("command"))
    assert not {"io", "memory", "master"} & set(command.split())
    machine.exit(0)


@pytest.mark.parametrize("kind", ["q35", "pc"])
def test_devices_share_a_line(boot, image, kind):
    """Slots four apart have the same line: each device's handler claims what is its own."""
    images = [image(seed=seed) for seed in (1, 2, 3)]
    devices = nic(addr="0x4") + [option for index, img in enumerate(images)
                                 for option in img.disk(index, addr=f"{8 + 4 * index:#x}")]
    machine = boot(machine=kind, append="irq=intx", devices=devices).ready()
    for name, img in [(f"blk{index}", img) for index, img in enumerate(images)] * 2:
        assert machine.run(f"blk sum {name} 0 2048").result("sha256") == img.sha256()
        assert machine.run("ping 10.0.2.2 count=1").result("ping.received") == "1"
    rows = sources(machine)
    assert rows["net0"] == rows["blk0"] == rows["blk1"] == rows["blk2"]
    assert rows["net0"]["chip"] == "ioapic" and int(rows["net0"]["count"]) > 0
    assert rows["net0"]["spurious"] == "0"
    machine.exit(0)


def header(machine, address):
    """I/O port of the legacy header of a function."""
    bars = machine.at("pci", addr=address)[0]["bars"]
    return int(re.search(r"\b0:io:(0x[0-9a-f]+):", bars)[1], 16)


@pytest.mark.parametrize("cpus", [1, 3])
def test_a_lost_interrupt_is_made_up_for(boot, image, cpus):
    """The disk is told behind vring0's back that its queue has no vector: its interrupts stop. Then it is told again."""
    img = image()
    machine = boot(smp=cpus, devices=img.disk(num_queues=1), qmp=True).ready()
    port = header(machine, "00:01.0")

    def set_vector(value):
        machine.qmp.monitor(f"o /h {port + QUEUE_SEL:#x} 0")
        machine.qmp.monitor(f"o /h {port + QUEUE_VECTOR:#x} {value:#x}")

    def read():
        assert machine.run("blk sum blk0 0 8").result("sha256") == img.sha256(0, 4096)
        row = sources(machine)["blk0-req0"]
        return int(row["count"]), int(row["lost"])

    count, lost = read()
    assert lost == 0
    set_vector(NO_VECTOR)
    assert [read() for _ in range(3)] == [(count, lost + 1), (count, lost + 2), (count, lost + 3)]
    assert len([line for line in machine.lines if "blk0: queue req0: an interrupt was lost" in line]) == 1
    set_vector(1)
    assert read() == (count + 1, lost + 3)
    machine.exit(0)


@pytest.mark.parametrize("rung, source", [("per-queue", "blk0-req0"), ("shared", "blk0-virtqueues"), ("single", "blk0")])
def test_affinity_of_a_queue(boot, image, rung, source):
    """Each CPU in turn takes the queue's interrupts, and no other."""
    machine = boot(append=f"irq={rung}", smp=4, devices=image().disk(num_queues=1)).ready()
    for cpu in (3, 1, 0, 2):
        machine.run(f"virtio affinity blk0 req0 {cpu}")
        before = counts(sources(machine)[source])
        machine.run("blk sum blk0 0 2048")
        after = counts(sources(machine)[source])
        assert [n for n in range(4) if after[n] > before[n]] == [cpu]
        assert sources(machine)[source]["cpus"] == str(cpu)
    machine.run("virtio affinity blk0 req0 0-1,3")
    assert sources(machine)[source]["cpus"] == "0-1,3"
    for queue, cpus, code in (("req0", "5", "EINVAL"), ("req0", "3-5", "EINVAL"), ("req0", "x", "EINVAL"),
                              ("tx0", "0", "ENOENT")):
        assert machine.command(f"virtio affinity blk0 {queue} {cpus}").fields["code"] == code
    assert machine.command("virtio affinity net0 rx0 0").fields["code"] == "ENOENT"
    assert sources(machine)[source]["cpus"] == "0-1,3"
    machine.exit(0)


@pytest.mark.parametrize("rung", ["intx", "poll"])
def test_affinity_has_no_effect_without_vectors(boot, image, rung):
    machine = boot(append=f"irq={rung}", smp=2, devices=image().disk(num_queues=1)).ready()
    before = {name: fields["cpus"] for name, fields in sources(machine).items()}
    machine.run("virtio affinity blk0 req0 1")
    assert {name: fields["cpus"] for name, fields in sources(machine).items()} == before
    machine.run("blk sum blk0 0 2048")
    machine.exit(0)
