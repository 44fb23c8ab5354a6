"""What the tests know of interrupt modes: which rung a device must get, and what its sources are then called."""
import re

RUNGS = ["per-queue", "shared", "single", "msi", "intx", "poll"]


def cpu_list(text):
    """{0, 1, 2} of "0-2"."""
    cpus = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        cpus |= set(range(int(first), int(last or first) + 1))
    return cpus


def sources(machine, prefix=""):
    """The `@irq` line of each source with this prefix; several on one line have the same, which is named after all of them."""
    found = {}
    for fields in machine.run("irq").at("irq"):
        found.update({name: fields for name in fields["name"].split(",") if name.startswith(prefix)})
    return found


def counts(fields):
    """Interrupts of a source so far, by CPU."""
    return [int(count) for count in fields["counts"].split()]


def numa(*nodes):
    """QEMU options: 256 MiB of memory shared out to nodes with these CPUs."""
    options, size = [], 256 // len(nodes)
    for number, cpus in enumerate(nodes):
        options += ["-object", f"memory-backend-ram,size={size}M,id=m{number}", "-numa",
                    f"node,nodeid={number},memdev=m{number}" + "".join(f",cpus={cpu}" for cpu in cpus)]
    return options


def expected_rung(vectors, queues):
    """The best rung for a device with so many MSI-X vectors and queues that interrupt; None: as many as it needs."""
    if vectors == 0:
        return "intx"
    if vectors is None or vectors > queues:
        return "per-queue"
    return "shared" if vectors >= 2 else "single"


def source_names(device, rung, queues):
    """Names of the sources of a device on a rung."""
    return {"per-queue": [f"{device}-config"] + [f"{device}-{queue}" for queue in queues],
            "shared": [f"{device}-config", f"{device}-virtqueues"],
            "single": [device], "intx": [device], "poll": []}[rung]


def check_sources(machine, device, rung, queues, busy):
    """The device has the sources of its rung and no other; those that its `busy` queues use have had interrupts."""
    found = {name: fields for name, fields in sources(machine).items() if re.match(rf"{device}(-|$)", name)}
    assert set(found) == set(source_names(device, rung, queues))
    chip = {"intx": "ioapic"}.get(rung, "msix")
    assert all(fields["chip"] == chip for fields in found.values())
    for name in {"per-queue": [f"{device}-{queue}" for queue in busy], "shared": [f"{device}-virtqueues"],
                 "single": [device], "intx": [device], "poll": []}[rung]:
        assert int(found[name]["count"]) > 0, f"{name} had no interrupt"
        assert int(found[name]["early"]) == 0
        assert sum(counts(found[name])) == int(found[name]["count"])
    return found
