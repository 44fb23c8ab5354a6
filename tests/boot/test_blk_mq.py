"""virtio-blk with several queues on several CPUs: each CPU completes its own requests, under a load that checks itself."""
import os

import pytest

MIB = 1 << 20
COUNTS = ("lost", "doubled", "bad", "eio", "failed")


def soak_results(answer, name="blk0"):
    return {key: int(answer.result(f"{name}-soak-{key}")) for key in ("done", "elsewhere") + COUNTS}


def queues(machine, name="blk0"):
    return [queue.split(":")[0] for queue in machine.at("device", name=name)[0]["queues"].split()]


def interrupts(machine):
    return {fields["name"]: int(fields["count"]) for fields in machine.run("irq").at("irq")}


@pytest.mark.parametrize("smp", [1, 2, 4])
@pytest.mark.parametrize("num_queues", [1, 2, 4])
def test_queues_and_cpus(boot, image, num_queues, smp):
    """As many queues as both sides have, each with a vector and interrupts of its own; contents are right."""
    backing = image(4 * MIB)
    machine = boot(devices=backing.disk(num_queues=num_queues), smp=smp).ready()
    cnt = min(num_queues, smp)
    assert queues(machine) == [f"req{i}" for i in range(cnt)]
    device = machine.at("device", name="blk0")[0]
    assert device["irq"] == "per-queue" and device["vectors"].startswith(f"{cnt + 1}/")
    assert machine.run("blk sum blk0 0 8192").result("sha256") == backing.sha256()
    found = soak_results(machine.run("blk soak blk0 n=4000 write=no"))
    assert found["done"] == 4000 and not any(found[key] for key in COUNTS), found
    if cnt == smp:
        assert found["elsewhere"] == 0
    counts = interrupts(machine)
    assert all(counts[f"blk0-req{i}"] > 0 for i in range(cnt)), counts
    found = soak_results(machine.run("blk soak blk0 n=4000 depth=32"))
    assert found["done"] == 4000 and not any(found[key] for key in COUNTS), found
    info = machine.run("blk info blk0")
    assert info.result("blk0.failed") == "0"
    if cnt == smp:
        assert info.result("blk0.elsewhere") == "0"
    machine.exit(0)


def test_small_rings_are_shared(boot, image):
    """More requests than the ring holds, from four CPUs."""
    machine = boot(devices=image(4 * MIB).disk(num_queues=1, queue_size=4), smp=4).ready()
    found = soak_results(machine.run("blk soak blk0 n=2000 depth=16"))
    assert found["done"] == 2000 and not any(found[key] for key in COUNTS), found
    machine.exit(0)


@pytest.mark.parametrize("mode", ["shared", "single", "intx", "poll"])
def test_queues_share_an_interrupt(boot, image, mode):
    """One interrupt for all queues, or none: the requests of all come back, wherever they are completed."""
    machine = boot(devices=image(4 * MIB).disk(num_queues=2), smp=2, append=f"irq={mode}").ready()
    assert machine.at("device", name="blk0")[0]["irq"] == mode
    assert queues(machine) == ["req0", "req1"]
    found = soak_results(machine.run("blk soak blk0 n=1000 depth=32"))
    assert found["done"] == 1000 and not any(found[key] for key in COUNTS), found
    machine.exit(0)


def test_queues_that_move(boot, image):
    """Interrupts moved to and fro under load: nothing is lost, nothing is completed twice."""
    machine = boot(devices=image(4 * MIB).disk(num_queues=2), smp=2).ready()
    machine.run("blk soak blk0 start depth=16")
    for i in range(40):
        machine.run(f"irq affinity blk0-req{i % 2} {i // 2 % 2}")
    found = soak_results(machine.run("blk soak blk0 stop"))
    assert found["done"] > 0 and not any(found[key] for key in COUNTS), found
    machine.exit(0)


def test_two_disks_in_the_background(boot, image):
    """Loads on two disks while a third is read; each is stopped with its own counts."""
    backing = image(MIB, 3)
    devices = image(4 * MIB, 1).disk(0) + image(4 * MIB, 2).disk(1, num_queues=2) + backing.disk(2)
    machine = boot(devices=devices, smp=2).ready()
    for name in ("blk0", "blk1"):
        machine.run(f"blk soak {name} start")
    assert machine.command("blk soak blk0 start").fields["code"] == "EBUSY"
    for _ in range(3):
        assert machine.run("blk sum blk2 0 2048").result("sha256") == backing.sha256()
    for name in ("blk1", "blk0"):
        found = soak_results(machine.run(f"blk soak {name} stop"), name)
        assert found["done"] > 0 and not any(found[key] for key in COUNTS), found
    assert machine.command("blk soak blk0 stop").fields["code"] == "ENOENT"
    machine.exit(0)


def test_resize_under_load(boot, image):
    """Shrunk, the disk fails what lies beyond its end and nothing else; grown, all of it can be used."""
    machine = boot(devices=image(4 * MIB).disk(num_queues=2), smp=2, qmp=True).ready()
    machine.run("blk soak blk0 start depth=16")
    for size in (1, 2, 8):
        machine.qmp.call("block_resize", device="d0", size=size * MIB)
        machine.await_at("event", name="blk0", kind="resize", capacity=size * MIB // 512)
    found = soak_results(machine.run("blk soak blk0 stop"))
    assert found["done"] > 0 and not any(found[key] for key in ("lost", "doubled", "bad", "failed")), found
    assert machine.run(f"blk sum blk0 0 {8 * MIB // 512}").ok
    machine.qmp.call("block_resize", device="d0", size=MIB)
    machine.await_at("event", name="blk0", kind="resize", capacity=MIB // 512)
    for line in ("blk sum blk0 2048 1", "blk sum blk0 2047 2", "blk write blk0 4000 8 1"):
        assert machine.command(line).fields["code"] == "EIO", line
    assert machine.command(f"blk sum blk0 {8 * MIB // 512} 1").fields["code"] == "ERANGE"
    assert machine.run("blk sum blk0 0 2048").ok
    machine.exit(0)


def test_a_silent_disk_ends_every_request_once(boot, image):
    """A disk that is held back to a byte a second is given up after half a minute: the requests of each CPU end, once."""
    machine = boot(devices=image().disk(drive="throttling.bps-total=1", num_queues=2), smp=2).ready()
    answer = machine.command("blk soak blk0 n=32 depth=16 write=no", timeout=180)
    found = soak_results(answer)
    assert answer.fields["code"] == "EIO"
    # Being reset, QEMU lets go of what it held back; some of that may be in time for its CPU.
    assert found["done"] == 32 and found["failed"] > 0 and found["lost"] == found["doubled"] == 0, found
    assert machine.at("event", name="blk0", kind="dead")
    assert machine.command("blk sum blk0 0 1").fields["code"] == "EIO"
    machine.exit(0)


def test_bench_on_all_cpus(boot, image):
    machine = boot(devices=image().disk(), smp=2).ready()
    answer = machine.run("bench blk blk0 n=2000 cpus=2")
    assert float(answer.result("blk.randread.requests")) == 2000
    assert machine.command("bench blk blk0 cpus=3").fields["code"] == "EINVAL"
    machine.exit(0)


@pytest.mark.parametrize("options, code", [
    ("depth=0", "EINVAL"), ("depth=257", "EINVAL"), ("cpus=0", "EINVAL"), ("cpus=9", "EINVAL"), ("write=maybe", "EINVAL"),
    ("n=x", "EINVAL"), ("depth=256", "ERANGE")])
def test_loads_that_cannot_be(boot, image, options, code):
    machine = boot(devices=image(64 * 1024).disk()).ready()
    assert machine.command(f"blk soak blk0 {options}").fields["code"] == code
    assert machine.command("blk soak blk7").fields["code"] == "ENOENT"
    machine.exit(0)


def test_a_load_that_has_no_memory(boot, image):
    """Undone, what could be had included: another load of the same disk, as often, finds as much as before."""
    backing = image(4096)
    os.truncate(backing.path, 256 * MIB)
    block = 65536
    machine = boot(devices=backing.disk(num_queues=4, logical_block_size=block, physical_block_size=block), smp=4,
                   memory="32M").ready()
    for _ in range(3):
        assert machine.command("blk soak blk0 depth=256").fields["code"] == "ENOMEM"
        assert soak_results(machine.run("blk soak blk0 n=100 depth=16"))["done"] == 100
    machine.exit(0)


def test_a_read_only_disk_is_only_read(boot, image):
    backing = image()
    before = backing.sha256()
    machine = boot(devices=backing.disk(drive="readonly=on")).ready()
    assert machine.command("blk soak blk0 write=yes").fields["code"] == "EROFS"
    found = soak_results(machine.run("blk soak blk0 n=500"))
    assert found["done"] == 500 and not any(found[key] for key in COUNTS), found
    machine.exit(0)
    assert backing.sha256() == before
