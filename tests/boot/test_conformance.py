"""What the driver owes the device by virtio 1.3 (docs/conformance.md): as the guest checks it, and as QEMU sees it."""
import os
import re

import pytest

from harness import nic

PAGE = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "docs/conformance.md")
MODERN = {"disable_legacy": "on", "disable_modern": "off"}
LEGACY = {"disable_legacy": "off", "disable_modern": "on"}
# Rows that show nothing, by what the machine is.
ONLY_LEGACY = {8, 20, 28, 71, 72, 77}
ONLY_MODERN = {16, 18, 59, 60, 61, 64, 65, 78}
ONLY_SPLIT = {26, 27, 36, 37}
ONLY_PACKED = {25, 48}
RARE = {22, 25, 83, 84, 106}  # by what the device offers


def guest_rows():
    """Number -> section of the rows that the page says the guest checks."""
    with open(PAGE, encoding="utf-8") as f:
        rows = re.findall(r"^\| (\d+) \| ([\d., ]+) \|.*`guest`", f.read(), re.M)
    return {int(number): section.split(",")[0] for number, section in rows}


def verdicts(machine):
    found = machine.run("selftest virtio").at("check")
    assert [int(fields["id"]) for fields in found] == sorted(guest_rows())
    assert {int(fields["id"]): fields["section"] for fields in found} == guest_rows()
    return {int(fields["id"]): fields["verdict"] for fields in found}


def having(found, verdict):
    return {number for number, seen in found.items() if seen == verdict}


@pytest.mark.parametrize("kind, cpus, options", [
    ("modern", 1, ""), ("modern", 4, ""), ("modern", 4, "irq=shared"), ("modern", 1, "irq=single"),
    ("modern", 1, "irq=intx"), ("modern", 4, "irq=poll"), ("legacy", 1, ""), ("legacy", 4, ""), ("legacy", 1, "irq=intx"),
    ("packed", 1, ""), ("packed", 4, "irq=shared"), ("packed", 4, "irq=poll")])
def test_selftest_virtio(boot, image, kind, cpus, options):
    properties = LEGACY if kind == "legacy" else {**MODERN, **({"packed": "on"} if kind == "packed" else {})}
    machine = boot(smp=cpus, append=options, devices=nic(**properties, host_mtu=1400) +
                   image().disk(num_queues=cpus, **properties) + image(seed=2).disk(1, drive="readonly=on", **properties))
    machine.ready().await_at("event", kind="address")
    machine.run("blk sum blk0 0 2048")
    found = verdicts(machine)
    assert not having(found, "FAIL")
    skipped = (ONLY_MODERN | {22} if kind == "legacy" else ONLY_LEGACY) | (ONLY_SPLIT if kind == "packed" else ONLY_PACKED)
    if "intx" in options or "poll" in options:
        skipped |= {74, 75, 76}
    assert having(found, "SKIP") == skipped
    machine.exit(0)


def test_without_devices_all_is_skipped(boot):
    machine = boot(devices=[]).ready()
    assert set(verdicts(machine).values()) == {"SKIP"}
    machine.exit(0)


# Features whose names QEMU gives, and what each depends on.
NEEDS = {"VIRTIO_NET_F_MQ": "VIRTIO_NET_F_CTRL_VQ", "VIRTIO_NET_F_GUEST_ANNOUNCE": "VIRTIO_NET_F_CTRL_VQ"}


def names(features, kind):
    """The words in front of the colon of QEMU's list: names of features or status bits."""
    return {text.split(":")[0] for text in features[kind]}


@pytest.mark.parametrize("kind", ["modern", "legacy"])
def test_as_the_device_sees_it(boot, image, kind):
    """Status, features and rings of each device, as QEMU has them."""
    properties = MODERN if kind == "modern" else LEGACY
    machine = boot(devices=nic(**properties) + image().disk(**properties), qmp=True).ready()
    machine.await_at("event", kind="address")
    devices = {device["name"]: device["path"] for device in machine.qmp.call("x-query-virtio")}
    for name, queues in (("virtio-net", 2), ("virtio-blk", 1)):
        status = machine.qmp.call("x-query-virtio-status", path=devices[name])
        assert not status["broken"] and status["started"]
        bits = names(status["status"], "statuses")
        wanted = {"VIRTIO_CONFIG_S_ACKNOWLEDGE", "VIRTIO_CONFIG_S_DRIVER", "VIRTIO_CONFIG_S_DRIVER_OK"}
        assert bits == wanted | ({"VIRTIO_CONFIG_S_FEATURES_OK"} if kind == "modern" else set())
        accepted = [names(status["guest-features"], part) for part in ("transports", "dev-features")]
        offered = [names(status["host-features"], part) for part in ("transports", "dev-features")]
        assert accepted[0] <= offered[0] and accepted[1] <= offered[1]
        # What this QEMU has no name for is offered all the same.
        unnamed = [status[side].get("unknown-dev-features", 0) for side in ("guest-features", "host-features")]
        assert unnamed[0] & ~unnamed[1] == 0
        assert ("VIRTIO_F_VERSION_1" in accepted[0]) == (kind == "modern")
        assert all(need in accepted[1] for feature, need in NEEDS.items() if feature in accepted[1])
        for index in range(queues):
            queue = machine.qmp.call("x-query-virtio-queue-status", path=devices[name], queue=index)
            assert queue["vring-desc"] % (16 if kind == "modern" else 4096) == 0
            assert queue["vring-avail"] == queue["vring-desc"] + 16 * queue["vring-num"]
            assert queue["vring-used"] % (4 if kind == "modern" else 4096) == 0
            assert queue["shadow-avail-idx"] >= queue["last-avail-idx"]
    machine.exit(0)


def test_no_notification_before_driver_ok(boot, image, tmp_path):
    """In QEMU's own order of events, up to the end, where the device is reset."""
    trace, properties = tmp_path / "trace.log", {**MODERN, "ioeventfd": "off"}
    machine = boot(devices=image().disk(**properties) +
                   ["-trace", "virtio_pci_notify_write", "-trace", "virtio_set_status", "-D", str(trace)]).ready()
    machine.run("blk sum blk0 0 2048")
    machine.exit(0)
    events = re.findall(r"virtio_set_status .* val (\d+)|(virtio_pci_notify_write) ", trace.read_text())
    status, notified = 0, 0
    for value, notification in events:
        status = int(value) if value else status
        assert not notification or status == 15, f"notified in status {status}"
        notified += bool(notification)
    assert notified > 0 and status == 0
