"""Every case of the table boots, shows what it must, obeys, and ends with the status it was told."""
import re

import pytest

from cases import CASES, DISK
from harness import disk, nic, parse_at

DRIVER_OK = 4


def replaced(devices, path):
    return [option.replace(DISK, path) for option in devices]


def see(machine, wanted):
    """One thing of a case's list; they may come in any order, before or after @ready."""
    if isinstance(wanted, tuple):
        machine.await_at(wanted[0], **wanted[1])
    else:
        machine.await_line(wanted.pattern)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(boot, image, case):
    machine = boot(boot=case.boot, machine=case.machine, cpu=case.cpu, memory=case.memory, smp=case.smp,
                   append=case.append, devices=replaced(case.devices, image().path))
    machine.ready()
    for wanted in case.sees:
        see(machine, wanted)
    for line in case.runs:
        machine.run(line)
    for text in case.sees_not:
        assert not any(text in line for line in machine.lines), f"{text!r} is there"
    assert not machine.at("fault")
    machine.exit(0)


@pytest.mark.parametrize("net, blk", [({}, {}), ({"rx_queue_size": 1024}, {"queue_size": 1024}),
                                      ({}, {"queue_size": 4, "seg_max_adjust": "on"})])
def test_queue_sizes(boot, image, net, blk):
    """As QEMU has them: some versions do not let a legacy device have what queue-size says."""
    machine = boot(devices=nic(**net) + disk(image().path, **blk), qmp=True).ready()
    machine.run("blk sum blk0 0 2048")
    machine.await_at("event", name="net0", kind="address")
    paths = {device["name"]: device["path"] for device in machine.qmp.call("x-query-virtio")}

    def size(name, index):
        return machine.qmp.call("x-query-virtio-queue-status", path=paths[name], queue=index)["vring-num"]

    rx, tx, req = size("virtio-net", 0), size("virtio-net", 1), size("virtio-blk", 0)
    assert machine.at("device", name="net0")[0]["queues"] == f"rx0:{rx} tx0:{tx} ctrl:64"
    assert machine.at("device", name="blk0")[0]["queues"] == f"req0:{req}"
    machine.exit(0)


def test_firmware_left_nothing_running(boot, image, tmp_path):
    """SeaBIOS reads from a disk that vring0 is told not to use, and leaves its ring live: the disk is reset, its DMA off."""
    trace = tmp_path / "trace.log"
    machine = boot(append="transport=legacy", devices=disk(image().path, disable_legacy="on", disable_modern="off") +
                   ["-trace", "virtio_set_status", "-D", str(trace)], qmp=True).ready()
    values = [int(value) for value in re.findall(r"virtio_set_status .* val (\d+)", trace.read_text())]
    assert any(value & DRIVER_OK for value in values), "the firmware did not use the disk"
    assert values[-1] == 0
    command = next(line for line in machine.run("pci 00:01.0").lines if line.strip().startswith("command"))
    assert "0x" in command and "master" not in command and "memory" not in command
    machine.exit(0)


def test_lines_for_scripts_are_well_formed(boot, image):
    machine = boot(devices=replaced(CASES[0].devices, image().path))
    machine.ready()
    machine.run("irq")
    for line in machine.lines:
        parse_at(line)
    for word in ("boot", "ready"):
        assert len(machine.at(word)) == 1
    machine.exit(0)


@pytest.mark.parametrize("status", [0, 1, 7, 42, 127])
def test_exit_status(boot, status):
    boot().ready().exit(status)


def test_exit_status_uefi(boot):
    boot(boot="uefi").ready().exit(3)


def test_reboot(boot):
    """QEMU is told not to reboot: a reset ends it, and no status was given."""
    machine = boot().ready()
    machine.send("reboot\r")
    assert machine.wait_exit() == 125
    assert not machine.at("fault")
