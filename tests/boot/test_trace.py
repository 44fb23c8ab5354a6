"""QEMU's own trace of MSI-X tables, virtio devices and local APICs: what vring0 says is what happened."""
import re

import pytest

from harness import nic
from modes import check_sources, sources

EVENTS = ["apic_deliver_irq", "virtio_notify*", "msix_write_config", "virtio_set_status", "ioapic_set_irq"]


def traced(tmp_path):
    trace = tmp_path / "trace.log"
    return trace, [option for event in EVENTS for option in ("-trace", event)] + ["-D", str(trace)]


@pytest.mark.parametrize("cpus", [1, 4])
@pytest.mark.parametrize("rung", ["per-queue", "shared", "single"])
def test_messages_are_counted(boot, image, tmp_path, rung, cpus):
    trace, options = traced(tmp_path)
    machine = boot(smp=cpus, append=f"irq={rung}", devices=nic() + image().disk(num_queues=cpus) + options).ready()
    machine.await_at("event", kind="address")
    machine.run("ping 10.0.2.2 count=3")
    machine.run("blk sum blk0 0 2048")
    found = sources(machine)
    machine.exit(0)
    text = trace.read_text()
    delivered = [int(number) for number in re.findall(r"apic_deliver_irq .*vector (\d+)", text)]
    total = 0
    for name, fields in found.items():
        if fields["chip"] == "msix" and not name.endswith("-config"):
            # Several messages may be pending as one interrupt; none is made up.
            assert int(fields["count"]) <= delivered.count(int(fields["vector"], 16)), name
            total += int(fields["count"])
    assert 0 < total <= len(re.findall(r"virtio_notify\w* vdev", text))
    assert re.search(r"msix_write_config dev virtio-(net|blk).* enabled 1 masked 0", text)


@pytest.mark.parametrize("rung", ["intx", "poll"])
def test_no_message_without_msix(boot, image, tmp_path, rung):
    trace, options = traced(tmp_path)
    machine = boot(append=f"irq={rung}", devices=nic() + image().disk() + options).ready()
    machine.await_at("event", kind="address")
    machine.run("blk sum blk0 0 2048")
    found = check_sources(machine, "blk0", rung, ["req0"], ["req0"])
    lines = {fields["name"]: int(fields["count"]) for fields in found.values()}
    machine.exit(0)
    text = trace.read_text()
    assert not re.search(r"msix_write_config dev virtio.* enabled 1 masked 0", text)
    assert re.search(r"virtio_set_status vdev .* val 7", text)
    if rung == "intx":
        raised = len(re.findall(r"ioapic_set_irq .*level: 1", text))
        assert 0 < sum(lines.values()) <= raised
