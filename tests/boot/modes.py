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
    """The `@irq` lines of sources with this prefix, by name."""
    return {fields["name"]: fields for fields in machine.run("irq").at("irq") if fields["name"].startswith(prefix)}


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
    found = {}
    for name, fields in sources(machine).items():
        for part in name.split(","):
            if re.match(rf"{device}(-|$)", part):
                found[part] = fields
    assert set(found) == set(source_names(device, rung, queues))
    chip = {"intx": "ioapic"}.get(rung, "msix")
    assert all(fields["chip"] == chip for fields in found.values())
    for name in {"per-queue": [f"{device}-{queue}" for queue in busy], "shared": [f"{device}-virtqueues"],
                 "single": [device], "intx": [device], "poll": []}[rung]:
        assert int(found[name]["count"]) > 0, f"{name} had no interrupt"
        assert int(found[name]["early"]) == 0
        assert sum(map(int, found[name]["counts"].split())) == int(found[name]["count"])
    return found
