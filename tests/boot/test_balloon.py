"""virtio-balloon: the host takes memory and gives it back, over every transport and on one CPU and four; statistics;
hosts that want more than there is; memory that runs out meanwhile."""
import os
import re
import time

import pytest

from harness import LINE_TIMEOUT
from modes import expected_rung
from test_modern import KINDS, pair, spelled

MIB = 1 << 20
PAGE = 4096
MEMORY = 256 * MIB
RESERVE = 16 * MIB
DEVICE = "/machine/peripheral/balloon"


def balloon(kind="modern", **device):
    """QEMU options of a balloon."""
    suffix, properties, _ = KINDS[kind]
    chosen = "".join(f",{key.replace('_', '-')}={value}" for key, value in {**properties, **device}.items()
                     if value is not None)
    return spelled(["-device", f"virtio-balloon-pci,id=balloon{chosen}"], suffix)


def best_rung(machine, addr):
    """Some versions of QEMU give the device no vectors, others two."""
    vectors = machine.at("pci", addr=addr)[0]["msix"]
    return expected_rung(0 if vectors == "none" else int(vectors), 3)


def free_memory(machine):
    return int(machine.run("mem").result("mem.free"))


def resize(machine, size):
    """Has the guest keep `size` bytes, which it can; its free memory then."""
    machine.qmp.call("balloon", value=size)
    pages = (MEMORY - size) // PAGE
    machine.expect_at("event", name="balloon0", kind="balloon", pages=pages, target=pages)
    assert machine.qmp.call("query-balloon") == {"actual": size}
    return free_memory(machine)


def await_stats(machine, accept):
    """The first statistics that the host has and that are accepted."""
    deadline = time.monotonic() + LINE_TIMEOUT
    while True:
        stats = machine.qmp.call("qom-get", path=DEVICE, property="guest-stats")
        if stats["last-update"] and accept(stats["stats"]):
            return stats["stats"]
        assert time.monotonic() < deadline, f"{stats}\n{machine.tail()}"
        machine.run("version")


def check_sizes(machine):
    """Memory goes and comes back, a bit more or less for the page numbers."""
    whole = free_memory(machine)
    for size in (128 * MIB, 64 * MIB, 200 * MIB):
        free = resize(machine, size)
        assert abs(whole - free - (MEMORY - size)) < MIB
    assert abs(resize(machine, MEMORY) - whole) < MIB


@pytest.mark.parametrize("kind, mode, cpus", [
    ("modern", "intx", 1), ("modern", "poll", 4), ("non-transitional", "auto", 4), ("non-transitional", "poll", 1),
    ("transitional", "intx", 4), ("transitional", "auto", 1), ("legacy", "poll", 4), ("legacy", "intx", 1),
    ("legacy", "auto", 4)])
def test_memory_goes_and_comes_back(boot, kind, mode, cpus):
    machine = boot(smp=cpus, append=f"irq={mode}", devices=balloon(kind), qmp=True).ready()
    device = machine.at("device", name="balloon0")[0]
    assert device["transport"] == KINDS[kind][2]
    assert device["irq"] == (best_rung(machine, device["addr"]) if mode == "auto" else mode)
    check_sizes(machine)
    machine.run("selftest")
    machine.exit(0)


@pytest.mark.parametrize("mode, cpus", [("intx", 4), ("poll", 1)])
def test_by_a_packed_ring(boot, mode, cpus):
    machine = boot(smp=cpus, append=f"irq={mode}", devices=balloon(packed="on"), qmp=True).ready()
    assert machine.at("device", name="balloon0", ring="packed", irq=mode)
    check_sizes(machine)
    machine.exit(0)


def test_a_transitional_device_as_a_legacy_one(boot):
    machine = boot(append="transport=legacy", devices=balloon("transitional"), qmp=True).ready()
    assert machine.at("device", name="balloon0")[0]["transport"] == "legacy"
    check_sizes(machine)
    machine.exit(0)


@pytest.mark.parametrize("path, kind, port", [("uefi", "q35", False), ("pvh", "pc", False), ("pvh", "q35", True),
                                              ("pvh", "microvm,pcie=on", False)])
def test_machines(boot, path, kind, port):
    ports = ["-device", "pcie-root-port,id=rp1,chassis=1,slot=1"] if port else []
    options = {"bus": "rp1", "disable_legacy": None, "disable_modern": None} if port else {}
    machine = boot(boot=path, machine=kind, devices=ports + balloon(**options), qmp=True).ready()
    resize(machine, 128 * MIB)
    resize(machine, MEMORY)
    machine.exit(0)


def test_a_size_that_was_wanted_before_the_start(boot):
    machine = boot(devices=balloon() + ["-S"], qmp=True)
    deadline = time.monotonic() + LINE_TIMEOUT
    while not os.path.exists(machine.qmp_path):
        assert time.monotonic() < deadline, "QEMU does not start"
    machine.qmp.call("balloon", value=MEMORY // 2)
    machine.qmp.call("cont")
    machine.ready()
    machine.await_at("event", name="balloon0", kind="balloon", pages=MEMORY // 2 // PAGE)
    assert machine.qmp.call("query-balloon") == {"actual": MEMORY // 2}
    machine.exit(0)


@pytest.mark.parametrize("kind", ["modern", "legacy"])
def test_statistics(boot, kind):
    machine = boot(devices=balloon(kind), qmp=True).ready()
    machine.qmp.call("qom-set", path=DEVICE, property="guest-stats-polling-interval", value=1)
    total = int(machine.run("mem").result("mem.total"))
    stats = await_stats(machine, lambda stats: True)
    assert stats["stat-total-memory"] == total
    assert abs(stats["stat-free-memory"] - free_memory(machine)) < MIB
    assert stats["stat-available-memory"] == stats["stat-free-memory"]
    free = resize(machine, 128 * MIB)
    stats = await_stats(machine, lambda stats: stats["stat-total-memory"] < total)
    assert stats["stat-total-memory"] == total - 128 * MIB
    assert abs(stats["stat-free-memory"] - free) < MIB
    machine.exit(0)


def test_some_memory_stays_whatever_the_host_wants(boot, image):
    backing = image()
    machine = boot(devices=balloon() + pair(backing, "modern"), qmp=True).ready()
    machine.await_at("event", name="net0", kind="address")
    machine.qmp.call("balloon", value=PAGE)
    event = machine.expect_at("event", name="balloon0", kind="balloon", target=(MEMORY - PAGE) // PAGE)
    assert machine.qmp.call("query-balloon") == {"actual": MEMORY - int(event["pages"]) * PAGE}
    assert abs(free_memory(machine) - RESERVE) < MIB
    assert machine.run("blk sum blk0 0 2048").result("sha256") == backing.sha256()
    assert machine.run("ping 10.0.2.2 count=2").result("ping.received") == "2"
    machine.run("selftest")
    resize(machine, MEMORY)
    machine.exit(0)


@pytest.mark.parametrize("memory", ["32M", "64M"])
def test_small_machines(boot, memory):
    machine = boot(memory=memory, devices=balloon(), qmp=True).ready()
    free = free_memory(machine)
    machine.qmp.call("balloon", value=MIB)
    if free <= RESERVE:
        machine.expect_at("event", name="balloon0", kind="balloon", pages=0)
    else:
        machine.expect_at("event", name="balloon0", kind="balloon")
        assert abs(free_memory(machine) - RESERVE) < MIB
    machine.exit(0)


BIG_READ = "bench blk blk0 qd=32 bs=2097152 op=read n=32"


def test_memory_that_is_needed_comes_back_where_the_device_allows_it(boot, image):
    machine = boot(devices=balloon(deflate_on_oom="on") + image(128 * MIB).disk(), qmp=True).ready()
    machine.qmp.call("balloon", value=MIB)
    full = int(machine.expect_at("event", name="balloon0", kind="balloon")["pages"])
    machine.run(BIG_READ)
    less = int(machine.await_at("event", name="balloon0", kind="balloon",
                                target=(MEMORY - MIB) // PAGE, pages=other_than(full))["pages"])
    assert less < full - 40 * MIB // PAGE
    machine.run("selftest")
    assert machine.qmp.call("query-balloon") == {"actual": MEMORY - less * PAGE}
    machine.qmp.call("balloon", value=MIB + PAGE)  # the host insists
    machine.expect_at("event", name="balloon0", kind="balloon", target=(MEMORY - MIB - PAGE) // PAGE)
    assert abs(free_memory(machine) - RESERVE) < MIB
    machine.exit(0)


def other_than(number):
    """A pattern that every number but this one matches."""
    return re.compile(rf"(?!{number}$)\d+")


def test_memory_that_the_host_has_is_not_used_where_it_does_not_allow_it(boot, image):
    machine = boot(devices=balloon() + image(128 * MIB).disk(), qmp=True).ready()
    machine.qmp.call("balloon", value=MIB)
    pages = machine.expect_at("event", name="balloon0", kind="balloon")["pages"]
    assert machine.command(BIG_READ).fields["code"] == "ENOMEM"
    assert machine.qmp.call("query-balloon") == {"actual": MEMORY - int(pages) * PAGE}
    resize(machine, MEMORY)
    machine.run(BIG_READ)
    machine.exit(0)


@pytest.mark.parametrize("mode", ["intx", "poll"])
def test_under_load(boot, image, mode):
    """Whoever writes to a page that the host has, or has the wrong one, finds out here."""
    machine = boot(smp=4, append=f"irq={mode}", qmp=True,
                   devices=balloon(deflate_on_oom="on") + image(4 * MIB).disk(num_queues=4)).ready()
    machine.run("blk soak blk0 start")
    for size in (64 * MIB, MEMORY, 48 * MIB, 160 * MIB):
        resize(machine, size)
    machine.run("blk soak blk0 stop")
    machine.exit(0)


def test_offers_that_are_not_taken(boot):
    """Poisoned, hinted and reported pages; the queues of the latter are left alone."""
    machine = boot(qmp=True, devices=["-object", "iothread,id=io0"] + balloon(
        page_poison="on", free_page_reporting="on", free_page_hint="on", iothread="io0")).ready()
    assert machine.at("device", name="balloon0")[0]["queues"] == "inflate0:128 deflate0:128 stats0:128"
    check_sizes(machine)
    machine.exit(0)
