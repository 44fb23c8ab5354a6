"""Several devices, some behind bridges: each is found, named in address order, and works."""
import pytest

from harness import nic


def bridge_devices(image):
    """Two disks and two network cards; the second of each behind a PCI bridge."""
    return (["-device", "pci-bridge,id=br,chassis_nr=1,addr=0x10"] +
            nic(0, addr="0x4") + image(seed=1).disk(0, addr="0x5") +
            nic(1, "user,net=10.0.3.0/24", bus="br", addr="0x2") + image(seed=2).disk(1, bus="br", addr="0x3"))


@pytest.mark.parametrize("path, kind", [("pvh", "q35"), ("pvh", "pc"), ("uefi", "q35")])
def test_behind_a_bridge(boot, image, path, kind):
    machine = boot(boot=path, machine=kind, devices=bridge_devices(image)).ready()
    devices = {fields["name"]: fields for fields in machine.at("device")}
    assert set(devices) == {"net0", "net1", "blk0", "blk1"}
    assert devices["net0"]["addr"] == "00:04.0" and devices["blk0"]["addr"] == "00:05.0"
    for name in ("net1", "blk1"):
        assert not devices[name]["addr"].startswith("00:"), f"{name} is not behind the bridge"
    for index, name in ((1, "blk0"), (2, "blk1")):
        assert machine.run(f"blk sum {name} 0 2048").result("sha256") == image(seed=index).sha256()
    machine.await_at("event", name="net0", kind="address", ip="10.0.2.15/24")
    machine.await_at("event", name="net1", kind="address", ip="10.0.3.15/24")
    machine.run("ping 10.0.2.2 count=1")
    machine.run("ping 10.0.3.2 count=1")
    sources = {fields["name"]: fields for fields in machine.run("irq").at("irq")}
    for name in ("net0-rx0", "net1-rx0", "net0-tx0", "net1-tx0", "blk0-req0", "blk1-req0"):
        assert int(sources[name]["count"]) > 0, name
    machine.exit(0)


def test_bridge_behind_a_bridge(boot, image):
    bridges = ["-device", "pci-bridge,id=b1,chassis_nr=1", "-device", "pci-bridge,id=b2,chassis_nr=2,bus=b1"]
    machine = boot(devices=bridges + image().disk(bus="b2")).ready()
    assert machine.run("blk sum blk0 0 2048").result("sha256") == image().sha256()
    machine.exit(0)


def test_pcie_root_port(boot, image):
    """QEMU makes devices behind a root port modern ones unless told otherwise."""
    machine = boot(devices=["-device", "pcie-root-port,id=rp,chassis=1,slot=1"] + image().disk(bus="rp")).ready()
    assert machine.run("blk sum blk0 0 2048").result("sha256") == image().sha256()
    machine.exit(0)


def test_multifunction_slot(boot, image):
    machine = boot(devices=image(seed=1).disk(0, addr="0x6.0", multifunction="on") +
                   image(seed=2).disk(1, addr="0x6.3")).ready()
    assert [fields["addr"] for fields in machine.at("device")] == ["00:06.0", "00:06.3"]
    for index, name in ((1, "blk0"), (2, "blk1")):
        assert machine.run(f"blk sum {name} 0 2048").result("sha256") == image(seed=index).sha256()
    machine.exit(0)


def test_eight_disks(boot, image):
    machine = boot(devices=[option for i in range(8) for option in image(seed=i).disk(i)]).ready()
    for i in range(8):
        assert machine.run(f"blk sum blk{i} 0 2048").result("sha256") == image(seed=i).sha256()
    machine.exit(0)
