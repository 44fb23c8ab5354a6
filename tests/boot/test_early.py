"""Interrupts that arrive before DRIVER_OK are counted and do nothing else. No QEMU device sends one, so the test does in its
place, while the machine is stopped between the handlers' being attached and DRIVER_OK."""
import re

import pytest

from debug import Debugger
from harness import nic


def table(machine):
    return {fields["name"]: fields for fields in machine.run("irq").at("irq")}


@pytest.mark.parametrize("rung, names", [("per-queue", ["blk0-config", "blk0-req0"]),
                                         ("shared", ["blk0-config", "blk0-virtqueues"]),
                                         ("single", ["blk0"])])
def test_interrupts_before_driver_ok(boot, image, tmp_path, rung, names):
    disk = image()
    machine = boot(append=f"irq={rung}", devices=disk.disk()).ready()
    before = table(machine)
    assert all(before[name]["early"] == "0" for name in names)
    machine.exit(0)

    debugger = Debugger(str(tmp_path))
    machine = boot(append=f"irq={rung}", devices=disk.disk() + debugger.options)
    debugger.attach(machine)
    debugger.run_to("legacy_set_queue_entry")
    for name in names:
        debugger.message(0, int(before[name]["vector"], 16))
    debugger.go_on()
    machine.ready()
    debugger.close()
    after = table(machine)
    for name in names:
        assert after[name]["vector"] == before[name]["vector"]
        assert (after[name]["early"], after[name]["spurious"]) == ("1", "0"), name
        assert int(after[name]["count"]) == int(before[name]["count"]) + 1, name
    # The device and its driver know nothing of it.
    assert not machine.at("event", kind="resize")
    assert machine.run("blk sum blk0 0 2048").result("sha256") == disk.sha256()
    assert all(fields["lost"] == "0" for fields in table(machine).values())
    machine.exit(0)


@pytest.mark.parametrize("rung", ["per-queue", "intx", "poll"])
def test_changes_before_driver_ok(boot, image, tmp_path, rung):
    """The disk grows, and the cable goes, after their drivers have read so and before DRIVER_OK: QEMU tells nobody."""
    debugger = Debugger(str(tmp_path))
    machine = boot(append=f"irq={rung}", devices=image().disk(addr="3") + nic(addr="4") + debugger.options, qmp=True)
    debugger.attach(machine)
    debugger.run_to("legacy_queue_set")
    debugger.run_to("legacy_set_status")
    machine.qmp.call("block_resize", device="d0", size=2 << 20)
    debugger.run_to("legacy_queue_set")
    debugger.run_to("legacy_set_status")
    machine.qmp.call("set_link", name="n0", up=False)
    debugger.go_on()
    machine.ready()
    debugger.close()
    machine.await_at("event", name="blk0", kind="resize", capacity=4096)
    assert machine.run("blk sum blk0 2048 2048").ok
    assert re.search(r"net0 .*link=down", machine.run("virtio").text)
    machine.exit(0)
