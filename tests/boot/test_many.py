"""Where interrupts are taken: one CPU a queue, NUMA nodes, many devices, one line for many, and more than there is room for."""
import pytest

from harness import disk, nic
from modes import counts, cpu_list, numa, sources

MIB = 1 << 20
PARTS = 8  # functions in a slot


def null_disks(count, first_slot=4, **device):
    """QEMU options of that many disks without an image, eight functions to a slot."""
    options = []
    for i in range(count):
        slot, part = first_slot + i // PARTS, i % PARTS
        options += disk("", i, node=f"driver=null-co,node-name=d{i},size={MIB},read-zeroes=on", addr=f"{slot:x}.{part}",
                        multifunction="on", **device)
    return options


@pytest.mark.parametrize("cpus", [2, 4])
def test_a_queue_a_cpu(boot, image, cpus):
    """Each queue's vector lies on a CPU of its own, and the CPU that submits takes the interrupts."""
    backing = image(4 * MIB)
    machine = boot(smp=cpus, devices=backing.disk(num_queues=cpus)).ready()
    machine.run("blk soak blk0 n=4000")
    found = [sources(machine, f"blk0-req{i}")[f"blk0-req{i}"] for i in range(cpus)]
    assert sorted(cpu_list(fields["cpus"]).pop() for fields in found) == list(range(cpus))
    for fields in found:
        (cpu,) = cpu_list(fields["cpus"])
        taken = counts(fields)
        assert taken[cpu] > 0 and sum(taken) == taken[cpu]
    machine.exit(0)


# ---- NUMA nodes ------------------------------------------------------------------------------------------------------


# Worked out by hand from the rules in irq/spread.h: (CPUs of each node, queues) -> CPUs of each queue.
NUMA = [
    ([2, 2], 1, ["0-3"]),
    ([2, 2], 2, ["0-1", "2-3"]),
    ([2, 2], 3, ["0-1", "2", "3"]),
    ([2, 2], 4, ["0", "1", "2", "3"]),
    ([1, 1, 1, 1], 2, ["0,2", "1,3"]),
    ([1, 1, 1, 1], 3, ["0,3", "1", "2"]),
    ([1, 1, 1, 1], 4, ["0", "1", "2", "3"]),
    ([1, 3], 2, ["0", "1-3"]),
    ([3, 1], 3, ["3", "0-1", "2"]),
    ([2, 2, 2, 2], 4, ["0-1", "2-3", "4-5", "6-7"]),
    ([2, 2, 2, 2], 6, ["0-1", "2-3", "4", "5", "6", "7"]),
]


@pytest.mark.parametrize("sizes, queues, wanted", NUMA, ids=lambda value: str(value).replace(" ", ""))
def test_numa(boot, image, sizes, queues, wanted):
    backing, cpus = image(), sum(sizes)
    nodes = [range(sum(sizes[:i]), sum(sizes[:i + 1])) for i in range(len(sizes))]
    machine = boot(smp=cpus, devices=numa(*nodes) + backing.disk(num_queues=queues)).ready()
    found = sources(machine, "blk0-req")
    assert len(found) == queues
    masks = [found[f"blk0-req{i}"]["cpus"] for i in range(queues)]
    covered = [cpu for mask in masks for cpu in cpu_list(mask)]
    assert sorted(covered) == list(range(cpus))
    assert masks == wanted
    assert found and all(int(fields["cpu"]) in cpu_list(fields["cpus"]) for fields in found.values())
    assert machine.run("blk sum blk0 0 2048").result("sha256") == backing.sha256()
    machine.exit(0)


# ---- many devices ----------------------------------------------------------------------------------------------------


def test_four_devices_on_one_line(boot, image):
    """Four disks whose INTA# is the same line, all loaded: each gets its own requests back."""
    images = [image(2 * MIB, seed) for seed in range(4)]
    devices = [option for i, backing in enumerate(images) for option in
               disk(backing.path, i, addr=f"{4 + 4 * i:x}", num_queues=2)]
    machine = boot(smp=2, append="irq=intx", devices=devices).ready()
    line = sources(machine)["blk0"]
    assert line["chip"] == "ioapic"
    assert set(line["name"].split(",")) == {f"blk{i}" for i in range(4)}
    for i in range(4):
        machine.run(f"blk soak blk{i} start")
    for i, backing in enumerate(images):
        machine.run(f"blk sum blk{i} 2048 2048")
    for i in range(4):
        answer = machine.run(f"blk soak blk{i} stop")
        assert int(answer.result(f"blk{i}-soak-done")) > 0
        for kind in ("lost", "doubled", "bad"):
            assert answer.result(f"blk{i}-soak-{kind}") == "0"
    assert int(sources(machine)["blk0"]["count"]) > 0
    machine.exit(0)


def test_forty_functions(boot):
    """Thirty disks and ten network cards on four CPUs: all of them work."""
    cards = [option for i in range(10) for option in nic(i, addr=f"{8 + i // 8:x}.{i % 8}", multifunction="on")]
    machine = boot(smp=4, memory="512M", devices=null_disks(30, num_queues=4) + cards).ready(timeout=240)
    found = {fields["name"]: fields for fields in machine.at("device")}
    assert set(found) == {f"blk{i}" for i in range(30)} | {f"net{i}" for i in range(10)}
    assert {fields["irq"] for fields in found.values()} == {"per-queue"}
    for i in range(30):
        machine.run(f"blk sum blk{i} 0 256")
    for i in range(10):
        machine.await_at("event", name=f"net{i}", kind="address")
    by_cpu = [0] * 4
    for fields in sources(machine).values():
        by_cpu[int(fields["cpu"])] += 1
    assert max(by_cpu) - min(by_cpu) < 50, "no CPU is crowded"
    machine.exit(0)


def test_more_cards_than_the_stack_serves(boot):
    """Cards beyond the sixteenth are named, and the others have their addresses."""
    cards = [option for i in range(18) for option in nic(i, addr=f"{4 + i // PARTS:x}.{i % PARTS}", multifunction="on")]
    machine = boot(devices=cards).ready()
    for i in range(16):
        machine.await_at("event", name=f"net{i}", kind="address")
    for i in (16, 17):
        machine.await_line(rf"^error: net{i}: not available to the IP stack")
    machine.exit(0)


def test_a_hundred_disks_on_one_cpu(boot):
    """One CPU has fewer than 200 vectors; a disk wants two. The later ones share one, and all of them work."""
    machine = boot(devices=null_disks(100, num_queues=1)).ready(timeout=240)
    disks = {fields["name"]: fields["irq"] for fields in machine.at("device")}
    assert list(disks) == [f"blk{i}" for i in range(100)]
    rungs = list(disks.values())
    full = rungs.count("per-queue")
    assert 50 < full < 100 and rungs == ["per-queue"] * full + ["single"] * (100 - full)
    steps = machine.at("fallback", what="irq", to="single")
    assert [fields["name"] for fields in steps] == [f"blk{i}" for i in range(full, 100)]
    # The console came last and has its interrupt all the same.
    assert not any("no interrupt for typed keys" in line for line in machine.lines)
    for name in ("blk0", f"blk{full - 1}", f"blk{full}", "blk99"):
        machine.run(f"blk sum {name} 0 64")
    found = sources(machine)
    for name in ("blk0-req0", f"blk{full - 1}-req0", f"blk{full}", "blk99"):
        assert int(found[name]["count"]) > 0
    machine.exit(0)


def test_a_hundred_disks_on_four_cpus(boot):
    machine = boot(devices=null_disks(100), smp=4).ready(timeout=240)
    assert {fields["irq"] for fields in machine.at("device")} == {"per-queue"}
    for name in ("blk0", "blk99"):
        machine.run(f"blk sum {name} 0 64")
    machine.exit(0)
