"""The interrupt ladder on real devices: which rung they get for how many vectors, that it carries traffic and configuration
changes, and that an interrupt which never comes is made up for."""
import re

import pytest

from harness import disk, nic

MIB = 1 << 20
# Vectors on offer (None: what QEMU gives): rung of net0 and blk0.
OFFERS = {None: ("per-queue", "per-queue"), 2: ("shared", "per-queue"), 1: ("single", "single"), 0: ("intx", "intx")}
LADDER = ["per-queue", "shared", "single", "msi", "intx", "poll"]
# Interrupts that a device has on each rung, and those of them that traffic must raise.
SOURCES = {
    "net0": {"per-queue": (["net0-config", "net0-rx0", "net0-tx0"], ["net0-rx0", "net0-tx0"]),
             "shared": (["net0-config", "net0-virtqueues"], ["net0-virtqueues"]),
             "single": (["net0"], ["net0"]), "intx": (["net0"], ["net0"]), "poll": ([], [])},
    "blk0": {"per-queue": (["blk0-config", "blk0-req0"], ["blk0-req0"]),
             "shared": (["blk0-config", "blk0-virtqueues"], ["blk0-virtqueues"]),
             "single": (["blk0"], ["blk0"]), "intx": (["blk0"], ["blk0"]), "poll": ([], [])},
}
FORCED = ["per-queue", "shared", "single", "intx", "poll"]
# Registers of the legacy header.
QUEUE_SEL, QUEUE_VECTOR, NO_VECTOR = 14, 22, 0xffff


def table(machine):
    """The sources of the interrupts table by name; several on one line have one row, named after all of them."""
    rows = {}
    for fields in machine.run("irq").at("irq"):
        rows.update(dict.fromkeys(fields["name"].split(","), fields))
    return rows


def check_rung(machine, name, rung):
    """The device is on the rung, has interrupted by its sources, and by no others."""
    assert machine.at("device", name=name)[0]["irq"] == rung
    rows = table(machine)
    sources, busy = SOURCES[name][rung]
    assert sorted(row for row in rows if re.match(rf"{name}\b", row)) == sorted(sources)
    for source in busy:
        assert int(rows[source]["count"]) > 0, f"{source} had no interrupt"
        assert rows[source]["chip"] == ("ioapic" if rung == "intx" else "msix")
        assert rows[source]["early"] == rows[source]["lost"] == "0"


def traffic(machine, image):
    machine.await_at("event", name="net0", kind="address")
    assert machine.run("ping 10.0.2.2 count=3").result("ping.received") == "3"
    assert machine.run(f"blk sum blk0 0 {image.size // 512}").result("sha256") == image.sha256()


@pytest.mark.parametrize("kind", ["q35", "pc"])
@pytest.mark.parametrize("vectors", OFFERS)
def test_the_best_rung_for_the_vectors_on_offer(boot, image, kind, vectors):
    offer = {} if vectors is None else {"vectors": vectors}
    img = image()
    machine = boot(machine=kind, devices=nic(**offer) + disk(img.path, **offer)).ready()
    traffic(machine, img)
    for name, rung in zip(("net0", "blk0"), OFFERS[vectors]):
        check_rung(machine, name, rung)
        steps = [(step["from"], step["to"]) for step in machine.at("fallback", name=name, what="irq")]
        down = LADDER[:LADDER.index(rung) + 1]
        assert steps == list(zip(down, down[1:]))
        for step in machine.at("fallback", name=name, what="irq"):
            cause = "no MSI capability" if step["from"] == "msi" else "no MSI-X capability" if not vectors else None
            assert step["reason"] == cause or re.fullmatch(rf"{vectors} vectors? offered, [23] wanted", step["reason"])
    machine.exit(0)


@pytest.mark.parametrize("rung", FORCED)
@pytest.mark.parametrize("cpus", [1, 4])
def test_a_forced_rung_carries_traffic(boot, image, cpus, rung):
    img = image()
    machine = boot(append=f"irq={rung}", smp=cpus, devices=nic() + img.disk(num_queues=1)).ready()
    traffic(machine, img)
    assert not machine.at("fallback")
    for name in ("net0", "blk0"):
        check_rung(machine, name, rung)
    machine.exit(0)


@pytest.mark.parametrize("rung, vectors, reason", [("per-queue", 2, "2 vectors offered, 3 wanted"),
                                                   ("shared", 1, "1 vector offered, 2 wanted"),
                                                   ("single", 0, "no MSI-X capability"),
                                                   ("msi", 4, "no MSI capability")])
def test_a_forced_rung_that_is_not_there(boot, rung, vectors, reason):
    machine = boot(append=f"irq={rung}", devices=nic(vectors=vectors)).ready()
    machine.await_line(rf"^error: net0 00:01\.0: irq={rung} is not available, device not used: {reason}")
    assert not machine.at("device")
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
    rows = table(machine)
    assert rows["net0"] == rows["blk0"] == rows["blk1"] == rows["blk2"]
    assert rows["net0"]["chip"] == "ioapic" and int(rows["net0"]["count"]) > 0
    assert rows["net0"]["spurious"] == "0"
    machine.exit(0)


@pytest.mark.parametrize("rung", FORCED)
@pytest.mark.parametrize("cpus", [1, 2])
def test_configuration_changes_on_every_rung(boot, image, cpus, rung):
    """Link and size change while the disk is read; the machine sees each change, and goes on."""
    img = image(4 * MIB)
    machine = boot(append=f"irq={rung}", smp=cpus, devices=nic() + img.disk(), qmp=True).ready()
    machine.await_at("event", name="net0", kind="address")
    for state, size in (("down", 2 * MIB), ("up", 3 * MIB)):
        machine.seen = len(machine.lines)
        machine.send("blk sum blk0 0 4096\r")
        machine.qmp.call("set_link", name="n0", up=state == "up")
        machine.qmp.call("block_resize", device="d0", size=size)
        machine.expect_at("ok", cmd="blk sum blk0 0 4096")
        machine.await_at("event", name="net0", kind="link", state=state)
        machine.await_at("event", name="blk0", kind="resize", sectors=size // 512)
    machine.run("ping 10.0.2.2 count=2")
    assert len(machine.at("event", kind="link")) == 2
    assert len(machine.at("event", kind="resize")) == 2
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
        row = table(machine)["blk0-req0"]
        return int(row["count"]), int(row["lost"])

    count, lost = read()
    assert lost == 0
    set_vector(NO_VECTOR)
    assert [read() for _ in range(3)] == [(count, lost + 1), (count, lost + 2), (count, lost + 3)]
    assert len([line for line in machine.lines if "blk0: queue req0: an interrupt was lost" in line]) == 1
    set_vector(1)
    assert read() == (count + 1, lost + 3)
    machine.exit(0)


def interrupts(machine, source):
    """Interrupts so far, by CPU."""
    return [int(count) for count in table(machine)[source]["counts"].split()]


@pytest.mark.parametrize("rung, source", [("per-queue", "blk0-req0"), ("shared", "blk0-virtqueues"), ("single", "blk0")])
def test_affinity_of_a_queue(boot, image, rung, source):
    """Each CPU in turn takes the queue's interrupts, and no other."""
    machine = boot(append=f"irq={rung}", smp=4, devices=image().disk(num_queues=1)).ready()
    for cpu in (3, 1, 0, 2):
        machine.run(f"virtio affinity blk0 req0 {cpu}")
        before = interrupts(machine, source)
        machine.run("blk sum blk0 0 2048")
        after = interrupts(machine, source)
        assert [n for n in range(4) if after[n] > before[n]] == [cpu]
        assert table(machine)[source]["cpus"] == str(cpu)
    machine.run("virtio affinity blk0 req0 0-1,3")
    assert table(machine)[source]["cpus"] == "0-1,3"
    for queue, cpus, code in (("req0", "5", "EINVAL"), ("req0", "x", "EINVAL"), ("tx0", "0", "ENOENT")):
        assert machine.command(f"virtio affinity blk0 {queue} {cpus}").fields["code"] == code
    assert machine.command("virtio affinity net0 rx0 0").fields["code"] == "ENOENT"
    assert table(machine)[source]["cpus"] == "0-1,3"
    machine.exit(0)


@pytest.mark.parametrize("rung", ["intx", "poll"])
def test_affinity_has_no_effect_without_vectors(boot, image, rung):
    machine = boot(append=f"irq={rung}", smp=2, devices=image().disk(num_queues=1)).ready()
    before = {name: fields["cpus"] for name, fields in table(machine).items()}
    machine.run("virtio affinity blk0 req0 1")
    assert {name: fields["cpus"] for name, fields in table(machine).items()} == before
    machine.run("blk sum blk0 0 2048")
    machine.exit(0)
