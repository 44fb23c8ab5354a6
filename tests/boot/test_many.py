"""Where interrupts are taken: one CPU a queue, NUMA nodes, many devices, one line for many, and more than there is room for."""
import pytest

from harness import disk, nic
from modes import cpu_list, sources

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
        counts = list(map(int, fields["counts"].split()))
        assert counts[cpu] > 0 and sum(counts) == counts[cpu]
    machine.exit(0)


# ---- NUMA nodes ------------------------------------------------------------------------------------------------------


def nodes(sizes, memory=256):
    """QEMU options of NUMA nodes with so many CPUs each."""
    options, cpu = [], 0
    for i, size in enumerate(sizes):
        options += ["-object", f"memory-backend-ram,id=m{i},size={memory // len(sizes)}M",
                    "-numa", f"node,nodeid={i},memdev=m{i},cpus={cpu}-{cpu + size - 1}"]
        cpu += size
    return options


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
    machine = boot(smp=cpus, devices=nodes(sizes) + backing.disk(num_queues=queues)).ready()
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
    lines = [fields for fields in sources(machine).values() if fields["chip"] == "ioapic"]
    assert len(lines) == 1
    assert set(lines[0]["name"].split(",")) == {f"blk{i}" for i in range(4)}
    for i in range(4):
        machine.run(f"blk soak blk{i} start")
    for i, backing in enumerate(images):
        machine.run(f"blk sum blk{i} 2048 2048")
    for i in range(4):
        answer = machine.run(f"blk soak blk{i} stop")
        assert int(answer.result(f"blk{i}-soak-done")) > 0
        for kind in ("lost", "doubled", "bad"):
            assert answer.result(f"blk{i}-soak-{kind}") == "0"
    (line,) = [fields for fields in sources(machine).values() if fields["chip"] == "ioapic"]
    assert int(line["count"]) > 0
    machine.exit(0)


def test_forty_functions(boot):
    """Thirty disks and ten network cards on four CPUs: all of them work."""
    cards = [option for i in range(10) for option in nic(i, addr=f"{8 + i // 8:x}.{i % 8}", multifunction="on")]
    machine = boot(smp=4, memory="512M", append="ip=none", devices=null_disks(30, num_queues=4) + cards).ready(timeout=240)
    found = {fields["name"]: fields for fields in machine.at("device")}
    assert set(found) == {f"blk{i}" for i in range(30)} | {f"net{i}" for i in range(10)}
    assert {fields["irq"] for fields in found.values()} == {"per-queue"}
    for i in range(30):
        machine.run(f"blk sum blk{i} 0 256")
    by_cpu = [0] * 4
    for name, fields in sources(machine).items():
        by_cpu[int(fields["cpu"])] += 1
    assert max(by_cpu) - min(by_cpu) < 50, "no CPU is crowded"
    machine.exit(0)


def test_more_than_there_are_vectors(boot):
    """One CPU's vectors are too few for two a disk: the later disks share one, and every disk works."""
    count = 120
    machine = boot(memory="512M", devices=null_disks(count, num_queues=1)).ready(timeout=400)
    found = {fields["name"]: fields["irq"] for fields in machine.at("device")}
    assert len(found) == count
    rungs = [found[f"blk{i}"] for i in range(count)]
    assert rungs[0] == "per-queue" and rungs[-1] in ("single", "intx")
    assert machine.at("fallback", name=f"blk{count - 1}", what="irq")
    for i in (0, 60, count - 1):
        machine.run(f"blk sum blk{i} 0 256")
    machine.exit(0)
