"""The modern transport, and which device gets which, each with traffic (test_matrix.py has the combinations): root
ports, microvm, places of notification, queue sizes, order of the start, changes while it works."""
import re

import pytest

from harness import nic
from test_modes import device_options, use_disk, use_net

MIB = 1 << 20
MODERN = {"disable_legacy": "on", "disable_modern": "off"}
# How a device is spelled: a suffix of its name and properties; then the transport that it must get.
KINDS = {
    "modern": ("", MODERN, "modern"),
    "non-transitional": ("-non-transitional", {"disable_legacy": None, "disable_modern": None}, "modern"),
    "transitional": ("", {"disable_legacy": "off", "disable_modern": "off"}, "modern"),
    "legacy": ("", {"disable_legacy": "off", "disable_modern": "on"}, "legacy"),
}


def spelled(options, suffix):
    """The options with the suffix behind the device's name."""
    return [re.sub(r"^(virtio-\w+-pci)", r"\1" + suffix, option) for option in options]


def pair(backing, kind, cpus=1, net=None, blk=None):
    """A network card and a disk of this kind."""
    suffix, properties, _ = KINDS[kind]
    return spelled(nic(**{**properties, **(net or {})}), suffix) + spelled(
        backing.disk(num_queues=cpus, **{**properties, **(blk or {})}), suffix)


def transports(machine):
    return {fields["name"]: fields["transport"] for fields in machine.at("device")}


def check(machine, backing, transport):
    assert transports(machine) == {"net0": transport, "blk0": transport}
    assert not machine.at("fallback", what="transport")
    use_disk(machine, backing)
    use_net(machine)


@pytest.mark.parametrize("vectors, cpus", [(0, 1), (2, 4), (None, 1)])
def test_transitional_device_as_a_legacy_one(boot, image, vectors, cpus):
    """Its configuration begins at 20 or 24 by its interrupts."""
    backing, options = image(), device_options(vectors)
    machine = boot(append="transport=legacy", smp=cpus,
                   devices=pair(backing, "transitional", cpus, options, options)).ready()
    check(machine, backing, "legacy")
    machine.exit(0)


@pytest.mark.parametrize("path, kind, vectors, cpus", [
    ("pvh", "q35", None, 4), ("uefi", "q35", 0, 1), ("pvh", "pc", 1, 1), ("uefi", "pc", None, 4),
    ("pvh", "microvm,pcie=on", 0, 4), ("pvh", "microvm,pcie=on", None, 1)])
def test_machines(boot, image, path, kind, vectors, cpus):
    """microvm has no I/O ports, and firmware that places BARs, or drives the disk itself, makes no difference."""
    backing, options = image(), device_options(vectors)
    machine = boot(boot=path, machine=kind, smp=cpus, devices=pair(backing, "modern", cpus, options, options)).ready()
    check(machine, backing, "modern")
    machine.exit(0)


@pytest.mark.parametrize("path, vectors, cpus", [("pvh", None, 1), ("pvh", 0, 4), ("uefi", None, 4)])
def test_behind_root_ports(boot, image, path, vectors, cpus):
    """QEMU makes devices there modern ones; nothing is said of either interface."""
    backing, options = image(), {**device_options(vectors), "disable_legacy": None, "disable_modern": None}
    ports = [option for i in (1, 2) for option in ("-device", f"pcie-root-port,id=rp{i},chassis={i},slot={i}")]
    machine = boot(boot=path, smp=cpus, devices=ports + pair(backing, "modern", cpus, {**options, "bus": "rp1"},
                                                             {**options, "bus": "rp2"})).ready()
    assert all(not fields["addr"].startswith("00:") for fields in machine.at("device"))
    check(machine, backing, "modern")
    machine.exit(0)


@pytest.mark.parametrize("kind, properties, event, step", [
    ("q35", {}, "virtio_pci_notify_write", 4),
    ("q35", {"page_per_vq": "on"}, "virtio_pci_notify_write", 4096),
    ("q35", {"modern_pio_notify": "on"}, "virtio_pci_notify_write_pio", 0),
    ("microvm,pcie=on", {"modern_pio_notify": "on", "page_per_vq": "on"}, "virtio_pci_notify_write", 4096)])
def test_notifications_go_where_the_device_wants_them(boot, image, tmp_path, kind, properties, event, step):
    """By the multiplier of its capability; by a port, where there are ports."""
    backing, trace, properties = image(), tmp_path / "trace.log", {**properties, "ioeventfd": "off"}
    machine = boot(machine=kind, smp=2, devices=pair(backing, "modern", 2, properties, properties) +
                   ["-trace", "virtio_pci_notify_write*", "-D", str(trace)]).ready()
    check(machine, backing, "modern")
    machine.exit(0)
    seen = re.findall(rf"\b{event} (0x[0-9a-f]+) = (0x[0-9a-f]+) \((\d)\)", trace.read_text())
    assert seen and len(seen) == len(trace.read_text().splitlines()), "another way was taken"
    for address, value, width in seen:
        assert int(address, 16) == int(value, 16) * step and width == "2"
    assert len({value for _, value, _ in seen}) >= 2, "all of one queue"


@pytest.mark.parametrize("rx, req", [(256, 4), (512, 8), (1024, 64), (256, 1024)])
def test_queue_sizes(boot, image, rx, req):
    """From the smallest that QEMU has to the largest, with the ring that the device knows of where it must be."""
    backing = image()
    machine = boot(devices=pair(backing, "modern", 1, {"rx_queue_size": rx}, {"queue_size": req}), qmp=True).ready()
    check(machine, backing, "modern")
    paths = {device["name"]: device["path"] for device in machine.qmp.call("x-query-virtio")}
    for name, index, size in (("virtio-net", 0, rx), ("virtio-net", 1, 256), ("virtio-blk", 0, req)):
        queue = machine.qmp.call("x-query-virtio-queue-status", path=paths[name], queue=index)
        assert queue["vring-num"] == size
        assert queue["vring-desc"] % 16 == queue["vring-avail"] % 2 == queue["vring-used"] % 4 == 0
        assert queue["vring-desc"] < queue["vring-avail"] < queue["vring-used"]
    assert machine.at("device", name="blk0")[0]["queues"] == f"req0:{req}"
    machine.exit(0)


def test_the_start_has_the_order_of_the_specification(boot, image, tmp_path):
    """ACKNOWLEDGE, DRIVER, FEATURES_OK, DRIVER_OK, each once behind the last reset; reset again at the end."""
    trace = tmp_path / "trace.log"
    machine = boot(devices=image().disk(**MODERN) + ["-trace", "virtio_set_status", "-D", str(trace)]).ready()
    machine.run("blk sum blk0 0 2048")
    machine.exit(0)
    values = [int(value) for value in re.findall(r"virtio_set_status .* val (\d+)", trace.read_text())]
    start = len(values) - 1 - values[::-1].index(15)
    assert values[start - 4:start + 1] == [0, 1, 3, 11, 15]
    assert values[-1] == 0


@pytest.mark.parametrize("offers", [{"event_idx": "off"}, {"indirect_desc": "off"}, {"queue_reset": "off"},
                                    {"event_idx": "off", "indirect_desc": "off", "any_layout": "off"}],
                         ids=lambda offers: "-".join(offers))
def test_without_offers(boot, image, offers):
    backing = image()
    machine = boot(devices=pair(backing, "modern", 1, offers, offers)).ready()
    check(machine, backing, "modern")
    machine.exit(0)


@pytest.mark.parametrize("offers", [{"mrg_rxbuf": "off"}, {"csum": "off", "guest_csum": "off"}, {"status": "off"},
                                    {"ctrl_vq": "off"}], ids=lambda offers: "-".join(offers))
def test_net_without_offers(boot, offers):
    """The frame header has twelve bytes whether or not buffers are merged."""
    machine = boot(devices=nic(**MODERN, **offers)).ready()
    use_net(machine)
    assert machine.run("ping 10.0.2.2 count=3").result("ping.received") == "3"
    machine.exit(0)


@pytest.mark.parametrize("mode, cpus", [("per-queue", 4), ("shared", 1), ("single", 4), ("intx", 1), ("poll", 4)])
def test_changes(boot, image, mode, cpus):
    """Of link and size, in every interrupt mode: the configuration is read anew."""
    machine = boot(smp=cpus, append=f"irq={mode}", devices=pair(image(), "modern", cpus), qmp=True).ready()
    machine.await_at("event", name="net0", kind="address")
    assert transports(machine) == {"net0": "modern", "blk0": "modern"}
    machine.qmp.call("set_link", name="n0", up=False)
    machine.expect_at("event", name="net0", kind="link", state="down")
    machine.qmp.call("set_link", name="n0", up=True)
    machine.expect_at("event", name="net0", kind="link", state="up")
    machine.run("ping 10.0.2.2 count=2")
    machine.qmp.call("block_resize", device="d0", size=4 * MIB)
    machine.expect_at("event", name="blk0", kind="resize", capacity=4 * MIB // 512)
    machine.run(f"blk sum blk0 {2 * MIB // 512} 2048")
    machine.exit(0)
