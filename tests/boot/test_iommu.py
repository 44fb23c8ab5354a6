"""IOMMUs: devices behind one that translates, devices that would go past it, IOMMUs that are off or in the way, and
accesses that one did not let through."""
import pytest

from harness import nic
from test_modes import use_disk, use_net

MODERN = {"disable_legacy": "on", "disable_modern": "off"}
BEHIND = {**MODERN, "iommu_platform": "on"}
VTD = ["-device", "intel-iommu"]
AMD = ["-device", "amd-iommu"]
ACCESS_PLATFORM = 1 << 33
EDU = ["-device", "edu,addr=0x12"]
PAST = r"error: blk0 00:\S+: device not used: it does not offer VIRTIO_F_ACCESS_PLATFORM, and it would access memory past"


def pair(backing, cpus=1, **device):
    """A network card and a disk that say that an IOMMU counts for them."""
    return nic(**BEHIND, **device) + backing.disk(num_queues=cpus, **BEHIND, **device)


def check_accepted(machine, backing, state, **iommu):
    """The devices work with the feature, and the IOMMU is in that state (None: there is none)."""
    features = [int(machine.at("device", name=name)[0]["features"], 16) for name in ("net0", "blk0")]
    assert [value & ACCESS_PLATFORM for value in features] == [ACCESS_PLATFORM] * 2
    assert [fields["state"] for fields in machine.at("iommu", **iommu)] == ([state] if state else [])
    use_disk(machine, backing)
    use_net(machine)
    assert not machine.at("event", kind="dma-fault")


@pytest.mark.parametrize("path, unit, memory, cpus, width", [
    ("pvh", "intel-iommu", "256M", 1, 39),
    ("pvh", "intel-iommu,caching-mode=on,intremap=off", "256M", 4, 39),
    ("pvh", "intel-iommu,aw-bits=48", "3G", 2, 39),
    ("uefi", "intel-iommu", "256M", 4, 39),
    ("uefi", "intel-iommu,aw-bits=39", "5G", 1, 39)])
def test_translated(boot, image, path, unit, memory, cpus, width):
    backing = image()
    machine = boot(boot=path, memory=memory, smp=cpus, devices=["-device", unit] + pair(backing, cpus)).ready()
    check_accepted(machine, backing, "on", kind="vt-d", units=1, width=width)
    machine.exit(0)


def test_translated_behind_bridges(boot, image):
    """A port of PCI Express passes names on; a bridge to conventional PCI puts its own in their place."""
    backing = image()
    bridges = ["-device", "pcie-root-port,id=rp1,chassis=1,slot=1", "-device", "pcie-root-port,id=rp2,chassis=2,slot=2",
               "-device", "pcie-pci-bridge,id=pb,bus=rp2"]
    machine = boot(devices=VTD + bridges + nic(bus="rp1", **BEHIND) +
                   backing.disk(bus="pb", addr="0x3", **BEHIND)).ready()
    check_accepted(machine, backing, "on")
    machine.exit(0)


@pytest.mark.parametrize("device", [MODERN, {"disable_legacy": "off", "disable_modern": "off"}, {}])
def test_past_the_iommu(boot, image, device):
    """Whatever the transport, a device that does not say that the IOMMU counts for it is not given memory."""
    machine = boot(devices=VTD + nic(**BEHIND) + image().disk(**device)).ready()
    machine.await_line(PAST)
    assert [fields["name"] for fields in machine.at("device")] == ["net0"]
    use_net(machine)
    machine.exit(0)


def test_past_one_that_is_off(boot, image):
    backing = image()
    machine = boot(append="iommu=off", devices=VTD + backing.disk(**MODERN)).ready()
    assert machine.at("iommu") == [{"kind": "vt-d", "units": "1", "state": "off", "reason": "boot option iommu=off"}]
    use_disk(machine, backing)
    machine.exit(0)


@pytest.mark.parametrize("append, devices, state", [
    ("iommu=off", VTD, "off"),
    ("", ["-device", "intel-iommu,dma-translation=off"], "off"),
    ("", [], None)])
def test_untranslated(boot, image, append, devices, state):
    """Where nothing translates, addresses of devices behind it are physical ones."""
    backing = image()
    machine = boot(append=append, devices=devices + pair(backing)).ready()
    check_accepted(machine, backing, state)
    machine.exit(0)


def test_amd(boot, image):
    """It is off, and what it would translate works."""
    backing = image()
    machine = boot(append='run="blk sum blk0 0 2048; ping 10.0.2.2 count=3"', devices=AMD + pair(backing))
    assert machine.wait_exit() == 0
    assert machine.at("iommu", kind="amd", state="off")
    assert [int(fields["features"], 16) & ACCESS_PLATFORM for fields in machine.at("device")] == [ACCESS_PLATFORM] * 2
    assert [fields["value"] for fields in machine.at("result", name="sha256")] == [backing.sha256()]


def test_console_beside_amd(boot):
    """QEMU 10 loses edges of the UART's interrupt here, with the line left high: the console looks for itself."""
    machine = boot(devices=AMD).ready()
    for _ in range(12):
        machine.run("version")


@pytest.mark.parametrize("boot_bypass", ["on", "off"])
@pytest.mark.parametrize("addr", ["0x3", "0x12"])
def test_virtio_iommu(boot, image, addr, boot_bypass):
    """It is told to let devices through before they are asked, wherever it stands; it may have blocked firmware's."""
    backing = image()
    machine = boot(devices=["-device", f"virtio-iommu-pci,addr={addr},boot-bypass={boot_bypass}"] +
                   nic(addr="0x5", **BEHIND) + backing.disk(addr="0x6", **BEHIND)).ready()
    assert machine.at("device", name="viommu0", transport="modern")
    check_accepted(machine, backing, "off", kind="virtio")
    machine.exit(0)


@pytest.mark.parametrize("ring", ["split", "packed"])
def test_virtio_iommu_has_no_rings(boot, image, ring):
    """So the boot option that wants one format of them does not keep it from being told."""
    backing = image()
    machine = boot(append=f"ring={ring}", devices=["-device", "virtio-iommu-pci,addr=0x12,boot-bypass=off"] +
                   pair(backing, packed="on")).ready()
    assert machine.at("device", name="blk0", ring=ring)
    check_accepted(machine, backing, "off", kind="virtio")
    machine.exit(0)


def test_virtio_iommu_that_is_not_driven(boot, image):
    """Its registers are where a legacy driver does not find them: devices behind it are refused, others are not."""
    backing = image()
    machine = boot(append="transport=legacy", devices=["-device", "virtio-iommu-pci,addr=0x12"] +
                   backing.disk(addr="0x6")).ready()
    assert machine.at("iommu", kind="virtio", state="blocked")
    use_disk(machine, backing)
    machine.exit(0)


@pytest.mark.parametrize("devices, why", [([], "the machine has no IOMMU"),
                                          (AMD, "translation by AMD's IOMMU is not supported")])
def test_demanded(boot, image, devices, why):
    """iommu=on: no device is used without."""
    machine = boot(append="iommu=on run=version", devices=devices + image().disk(**BEHIND))
    assert machine.wait_exit() == 0
    machine.await_line(f"error: iommu=on is not to be had: {why}; no device is used")
    assert not machine.at("device")


def test_demanded_and_there(boot, image):
    backing = image()
    machine = boot(append="iommu=on", devices=VTD + pair(backing)).ready()
    check_accepted(machine, backing, "on")
    machine.exit(0)


@pytest.mark.parametrize("where", ["code", "constants", "tables"])
def test_fault(boot, image, where):
    """What the kernel is made of stays; the fault is named, and the machine goes on."""
    backing = image()
    machine = boot(devices=VTD + EDU + pair(backing)).ready()
    assert machine.run("edu dma buffer").result("edu0.copied") == "2048"
    assert machine.run(f"edu dma {where}").result("edu0.written") == "0"
    fault = machine.await_at("event", kind="dma-fault", name="00:12.0", access="write")
    assert int(fault["addr"], 16) % 4096 == 0 and fault["reason"]
    use_disk(machine, backing)
    use_net(machine)
    assert int(machine.run("iommu").result("iommu.faults")) >= 1
    machine.exit(0)


def test_faults_again_and_again(boot):
    """Each is heard of, once the one before it was served."""
    machine = boot(devices=VTD + EDU).ready()
    for i in range(3):
        machine.run("edu dma code")
        while len(machine.at("event", kind="dma-fault", name="00:12.0")) <= i:
            machine.expect_at("event", kind="dma-fault")
    machine.exit(0)


def test_fault_refused_without_iommu(boot):
    machine = boot(devices=EDU).ready()
    assert machine.command("edu dma code").fields["code"] == "EPERM"
    machine.exit(0)
