"""More devices than there are CPU vectors for: the later ones share, and all of them work."""

NULL_DISK = "driver=null-co,node-name=d{0},size=1048576,read-zeroes=on"
LEGACY = "disable-modern=on,disable-legacy=off"


def many_disks(cnt):
    """Eight functions a slot, from slot 3 on."""
    return [option for i in range(cnt) for option in (
        "-blockdev", NULL_DISK.format(i), "-device",
        f"virtio-blk-pci,drive=d{i},{LEGACY},multifunction=on,addr={3 + i // 8:#x}.{i % 8}")]


def test_a_hundred_disks_on_one_cpu(boot):
    """One CPU has fewer than 200 vectors; a disk wants two."""
    machine = boot(devices=many_disks(100)).ready()
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
    counts = {fields["name"]: int(fields["count"]) for fields in machine.run("irq").at("irq")}
    assert counts["blk0-req0"] > 0 and counts[f"blk{full - 1}-req0"] > 0
    singles = {name: count for name, count in counts.items() if name.startswith("blk99")}
    assert len(singles) == 1 and sum(singles.values()) > 0
    machine.exit(0)


def test_a_hundred_disks_on_four_cpus(boot):
    machine = boot(devices=many_disks(100), smp=4).ready()
    assert {fields["irq"] for fields in machine.at("device")} == {"per-queue"}
    for name in ("blk0", "blk99"):
        machine.run(f"blk sum {name} 0 64")
    machine.exit(0)
