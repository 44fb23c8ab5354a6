"""The table of boot cases: which machine, which devices, which command line, and what must be seen on the console."""
import dataclasses
import re

from harness import disk, nic

DISK = "{disk}"  # replaced by the path of a 1 MiB image
ANY = re.compile(r".+")
NET = nic()
BLK = disk(DISK)
SECTORS = (1 << 20) // 512

NET0 = ("device", {"name": "net0", "transport": "legacy", "ring": "split", "irq": "per-queue", "vectors": "3/4",
                   "mac": "52:54:00:12:34:56", "link": "up", "pairs": "1/1"})
BLK0 = ("device", {"name": "blk0", "transport": "legacy", "ring": "split", "irq": "per-queue", "vectors": "2/2",
                   "capacity": SECTORS})
MODERN = {"disable_legacy": "on", "disable_modern": "off"}
TRANSITIONAL = {"disable_legacy": "off", "disable_modern": "off"}
MODERN_NET = nic(**MODERN)
MODERN_BLK = disk(DISK, **MODERN)
MODERN_NET0 = ("device", {"name": "net0", "transport": "modern", "ring": "split", "irq": "per-queue", "vectors": "3/4",
                          "mac": "52:54:00:12:34:56", "link": "up", "pairs": "1/1"})
MODERN_BLK0 = ("device", {"name": "blk0", "transport": "modern", "ring": "split", "irq": "per-queue", "vectors": "2/2",
                          "capacity": SECTORS})
LEASE = ("event", {"name": "net0", "kind": "address", "ip": "10.0.2.15/24", "via": "dhcp"})


@dataclasses.dataclass
class Case:
    name: str
    boot: str = "pvh"
    machine: str = "q35"
    cpu: str = None
    memory: str = "256M"
    smp: int = 1
    devices: list = dataclasses.field(default_factory=lambda: NET + BLK)
    append: str = ""
    sees: list = dataclasses.field(default_factory=lambda: [NET0, BLK0, LEASE])  # (word, fields) or a pattern
    sees_not: list = dataclasses.field(default_factory=list)
    runs: list = dataclasses.field(default_factory=list)  # commands that must succeed


def boot_line(path, **fields):
    return ("boot", {"path": path, "version": ANY, "cpus": ANY, "mem_kib": ANY, "cpu": ANY, **fields})


BASIC = ["version", "pci", "irq", "virtio", "mem", "cpu", "threads", "log"]

CASES = [
    # Boot paths and machines, with both devices, a lease, and every read-only command.
    Case("pvh-q35", sees=[boot_line("pvh", cpus=1), NET0, BLK0, LEASE], runs=BASIC + ["net", "blk", "selftest"]),
    Case("pvh-pc", machine="pc", sees=[boot_line("pvh"), NET0, BLK0, LEASE], runs=BASIC),
    Case("pvh-microvm", machine="microvm,pcie=on", devices=MODERN_NET + MODERN_BLK, runs=BASIC + ["net", "blk"],
         sees=[boot_line("pvh"), MODERN_NET0, MODERN_BLK0, LEASE]),
    # QEMU's microvm has no I/O window in front of PCI, so that legacy registers cannot be reached: said of each device.
    Case("pvh-microvm-legacy", machine="microvm,pcie=on", runs=BASIC, sees_not=["@device"], sees=[
        boot_line("pvh"), ("pci", {"addr": "00:01.0"}), ("pci", {"addr": "00:02.0"}),
        re.compile(r"^error: virtio 00:01\.0 .*I/O BAR 0.*no address"),
        re.compile(r"^error: virtio 00:02\.0 .*I/O BAR 0.*no address")]),
    Case("uefi-q35", boot="uefi", sees=[boot_line("uefi", cpus=1), NET0, BLK0, LEASE], runs=BASIC),
    Case("uefi-pc", boot="uefi", machine="pc", sees=[boot_line("uefi"), NET0, BLK0, LEASE]),

    # Processors and memory.
    Case("cpu-qemu64", cpu="qemu64", sees=[boot_line("pvh"), NET0, BLK0, LEASE]),
    Case("cpu-max", cpu="max", sees=[boot_line("pvh"), NET0, BLK0, LEASE]),
    Case("cpu-guarded", cpu="qemu64,+smep,+smap,+umip"),
    Case("uefi-cpu-max", boot="uefi", cpu="max", sees=[boot_line("uefi"), NET0, BLK0, LEASE]),
    Case("uefi-cpu-qemu64", boot="uefi", cpu="qemu64"),
    Case("memory-16", memory="16M", runs=["blk sum blk0 0 2048", "ping 10.0.2.2 count=1"]),
    Case("memory-32", memory="32M", runs=["blk sum blk0 0 2048", "ping 10.0.2.2 count=1"]),
    Case("memory-4096", memory="4G"),
    Case("uefi-memory-4096", boot="uefi", memory="4G"),
    Case("smp-4", smp=4, sees=[NET0, ("device", {"name": "blk0", "vectors": "5/5"}), LEASE]),

    # Devices: none, some, and those that want to be different.
    Case("no-devices", devices=[], sees=[boot_line("pvh")], sees_not=["@device"], runs=BASIC + ["net", "blk"]),
    Case("no-devices-uefi", boot="uefi", devices=[], sees=[boot_line("uefi")], sees_not=["@device"]),
    Case("no-devices-microvm", machine="microvm,pcie=on", devices=[], sees=[boot_line("pvh")], sees_not=["@device"]),
    Case("only-net", devices=NET, sees=[NET0, LEASE], sees_not=["@device name=blk"]),
    Case("only-disk", devices=BLK, sees=[BLK0], sees_not=["@device name=net"]),
    Case("transitional", machine="pc", devices=nic(**TRANSITIONAL) + disk(DISK, **TRANSITIONAL),
         sees=[MODERN_NET0, MODERN_BLK0, LEASE], sees_not=["@fallback"]),
    Case("transitional-as-legacy", machine="pc", append="transport=legacy",
         devices=nic(**TRANSITIONAL) + disk(DISK, **TRANSITIONAL), sees_not=["@fallback"]),
    Case("transitional-by-name", devices=["-netdev", "user,id=n0", "-device",
                                          "virtio-net-pci-transitional,netdev=n0,romfile=", "-drive",
                                          f"if=none,id=d0,format=raw,file={DISK}", "-device",
                                          "virtio-blk-pci-transitional,drive=d0"],
         sees=[MODERN_NET0, MODERN_BLK0, LEASE]),
    Case("net-without-offers", devices=nic(mrg_rxbuf="off", csum="off", guest_csum="off", gso="off", event_idx="off",
                                          indirect_desc="off", any_layout="off", status="off", ctrl_vq="off") + BLK,
         runs=["ping 10.0.2.2 count=2"]),
    Case("blk-without-offers", devices=NET + disk(DISK, event_idx="off", indirect_desc="off", any_layout="off",
                                                  discard="off", write_zeroes="off", config_wce="off"),
         runs=["blk sum blk0 0 2048"]),
    Case("many-vectors", devices=nic(vectors=64) + disk(DISK, vectors=33),
         sees=[("device", {"name": "net0", "irq": "per-queue", "vectors": "3/64"}),
               ("device", {"name": "blk0", "irq": "per-queue", "vectors": "2/33"}), LEASE]),
    Case("no-vectors", devices=nic(vectors=0) + disk(DISK, vectors=0),
         sees=[("fallback", {"name": "net0", "what": "irq", "from": "msi", "to": "intx", "reason": "no MSI capability"}),
               ("fallback", {"name": "blk0", "what": "irq", "from": "msi", "to": "intx", "reason": "no MSI capability"}),
               ("device", {"name": "net0", "irq": "intx", "vectors": "0/0"}),
               ("device", {"name": "blk0", "irq": "intx", "vectors": "0/0"}), LEASE],
         runs=["blk sum blk0 0 2048", "ping 10.0.2.2 count=1"]),
    Case("too-few-vectors", devices=nic(vectors=2) + disk(DISK, vectors=1),
         sees=[("fallback", {"name": "net0", "what": "irq", "from": "per-queue", "to": "shared",
                             "reason": "2 vectors offered, 3 wanted"}),
               ("fallback", {"name": "blk0", "what": "irq", "from": "shared", "to": "single",
                             "reason": "1 vector offered, 2 wanted"}),
               ("device", {"name": "net0", "irq": "shared", "vectors": "2/2"}),
               ("device", {"name": "blk0", "irq": "single", "vectors": "1/1"}), LEASE],
         runs=["blk sum blk0 0 2048", "ping 10.0.2.2 count=1"]),
    Case("foreign-devices", devices=["-device", "e1000e", "-device", "virtio-rng-pci"] + BLK, sees=[BLK0]),
    Case("modern-only-disk", devices=NET + MODERN_BLK, sees=[NET0, MODERN_BLK0, LEASE],
         runs=["blk sum blk0 0 2048"]),

    # Command line.
    Case("polling", append="irq=poll", runs=["blk sum blk0 0 2048", "ping 10.0.2.2 count=1"],
         sees=[("device", {"name": "net0", "irq": "poll"}), ("device", {"name": "blk0", "irq": "poll"}), LEASE]),
    Case("forced-irq-missing", append="irq=msi", runs=BASIC, sees_not=["@device"], sees=[
        re.compile(r"^error: net0 00:01\.0: irq=msi is not available, device not used: no MSI capability"),
        re.compile(r"^error: blk0 00:02\.0: irq=msi is not available, device not used: no MSI capability")]),
    Case("forced-irq", append="irq=per-queue"),
    Case("forced-transport", devices=nic(**TRANSITIONAL) + MODERN_BLK, append="transport=modern",
         sees=[MODERN_NET0, MODERN_BLK0, LEASE]),
    Case("forced-modern-missing", append="transport=modern", sees_not=["@device"], sees=[
        re.compile(r"^error: virtio 00:01\.0 .*transport=modern is not available: the device has no virtio capab"),
        re.compile(r"^error: virtio 00:02\.0 .*transport=modern is not available: the device has no virtio capab")]),
    Case("forced-legacy-missing", devices=NET + MODERN_BLK, append="transport=legacy", sees_not=["@device name=blk"],
         sees=[NET0, LEASE, re.compile(r"^error: virtio 00:02\.0 .*transport=legacy is not available: it is a modern-on")]),
    Case("forced-ring-missing", append="ring=packed", sees_not=["@device"], sees=[
        re.compile(r"^error: net0 00:01\.0: device not used: ring=packed"), re.compile(r"^error: blk0 00:02\.0: device not used: ring=packed")]),
    Case("quiet", append="loglevel=error"),
    Case("debug", append="loglevel=debug"),
    Case("static-address", append="ip=10.0.2.77/24,10.0.2.2", runs=["ping 10.0.2.2 count=1"],
         sees=[NET0, ("event", {"name": "net0", "kind": "address", "ip": "10.0.2.77/24", "gateway": "10.0.2.2",
                                "via": "static"})]),
    Case("no-address", append="ip=none", sees=[NET0, BLK0], sees_not=["kind=address"]),
    Case("options-uefi", boot="uefi", append="ip=10.0.2.78/24,10.0.2.2 loglevel=debug",
         sees=[("event", {"name": "net0", "kind": "address", "ip": "10.0.2.78/24", "via": "static"})]),
]
