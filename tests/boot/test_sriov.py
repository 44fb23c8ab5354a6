"""Virtual functions (SR-IOV) on and off, of functions that QEMU has them for: nvme, igb and virtio-net."""
import re

import pytest

PLACES = ["pvh", "uefi"]
FIRST, ROUNDS = 3, 20
ADDR = "01:00.0"
PORT = ["-device", "pcie-root-port,id=rp,bus=pcie.0,chassis=1,slot=1,addr=3.0"]


def nvme(bus="rp", addr="0", vfs=4):
    """QEMU wants flexible resources for as many virtual functions as there can be."""
    return ["-device", "nvme-subsys,id=subsystem", "-device",
            f"nvme,bus={bus},addr={addr},subsys=subsystem,serial=x,sriov_max_vfs={vfs},sriov_vq_flexible={2 * vfs},"
            f"sriov_vi_flexible={vfs},max_ioqpairs={4 * vfs},msix_qsize={4 * vfs + 1}"]


IGB = PORT + ["-netdev", "user,id=n0", "-device", "igb,bus=rp,netdev=n0,romfile="]
# Virtual functions come before the physical one on QEMU's command line.
VIRTIO = PORT + [option for n, role in (("1", "sriov-pf=pf"), ("2", "sriov-pf=pf"), ("0", "id=pf")) for option in (
    "-netdev", f"user,id=n{n}", "-device", f"virtio-net-pci,bus=rp,addr=0.{n},netdev=n{n},{role},romfile=")]


def functions(answer):
    return {fields["addr"]: fields for fields in answer.at("pci")}


def bars(fields):
    """{index: (kind, base, length)} of an @pci line."""
    found = {}
    for text in fields["bars"].split():
        index, kind, base, length = text.split(":")
        found[int(index)] = (kind, int(base, 16), int(length, 16))
    return found


def window_of(machine, port, kind):
    match = re.search(rf"^  {kind} +0x([0-9a-f]+)-0x([0-9a-f]+)$", machine.run(f"pci {port}").text, re.M)
    return (int(match[1], 16), int(match[2], 16)) if match else (0, -1)


def check_vfs(machine, answer, addrs, device_id, port="00:03.0", pf=ADDR):
    """The @pci lines of these virtual functions, each with slices of its own in a window of the port."""
    found = functions(answer)
    assert list(found) == addrs
    assert answer.result("sriov.vfs") == str(len(addrs))
    windows = [window_of(machine, port, kind) for kind in ("memory", "prefetch")] if port else []
    taken = []
    for index, addr in enumerate(addrs):
        fields = found[addr]
        assert (fields["pf"], fields["vf"], fields["intx"]) == (pf, str(index), "none")
        assert fields["id"] == device_id
        assert machine.run(f"pci {addr}").at("pci") == [fields]
        for _, base, length in bars(fields).values():
            assert base and base % length == 0
            assert not windows or any(low <= base and base + length - 1 <= high for low, high in windows)
            assert all(base + length <= other or other_end <= base for other, other_end in taken)
            taken.append((base, base + length))


def check_gone(machine, addrs, pf=ADDR, total=None):
    for addr in addrs:
        assert machine.command(f"pci {addr}").fields["code"] == "ENOENT"
    vfs = machine.run(f"pci {pf}").at("pci")[0]["vfs"]
    assert vfs.startswith("0/") and total in (None, int(vfs[2:]))


def many_rounds(start, cnt, **arguments):
    """The first rounds fill pools; then the same memory and the same interrupts are in use after each."""
    commands = [f"pci sriov {ADDR} {cnt}", f"pci sriov {ADDR} 0", "mem", "irq"] * (FIRST + ROUNDS)
    machine = start(append=f'ip=none run="{";".join(commands)}"', **arguments)
    assert machine.wait_exit(timeout=180) == 0
    assert len(machine.at("pci", pf=ADDR)) == cnt * (FIRST + ROUNDS)
    free = [fields["value"] for fields in machine.at("result", name="mem.free")]
    assert free[FIRST:] == free[-1:] * ROUNDS
    irqs = [(fields["name"], fields["vector"]) for fields in machine.at("irq")]
    assert irqs == irqs[:len(irqs) // (FIRST + ROUNDS)] * (FIRST + ROUNDS)


@pytest.mark.parametrize("path", PLACES)
def test_nvme(boot, path):
    machine = boot(boot=path, devices=PORT + nvme()).ready()
    pf = machine.await_at("pci", addr=ADDR)
    assert pf["vfs"] == "0/4"
    for cnt in (4, 1):
        addrs = [f"01:00.{n}" for n in range(1, cnt + 1)]
        check_vfs(machine, machine.run(f"pci sriov {ADDR} {cnt}"), addrs, pf["id"])
        assert machine.run(f"pci {ADDR}").at("pci")[0]["vfs"] == f"{cnt}/4"
        machine.run(f"pci sriov {ADDR} 0")
        check_gone(machine, addrs, total=4)
    machine.exit(0)


@pytest.mark.parametrize("path", PLACES)
def test_nvme_many_times(boot, path):
    many_rounds(boot, 4, boot=path, devices=PORT + nvme())


@pytest.mark.parametrize("path", PLACES)
def test_nvme_behind_a_switch(boot, path):
    """Two levels of bridges; the windows are those of the port next to it."""
    switch = ["-device", "x3130-upstream,id=up,bus=rp", "-device",
              "xio3130-downstream,id=down,bus=up,chassis=2,slot=2"]
    machine = boot(boot=path, devices=PORT + switch + nvme("down")).ready()
    pf = machine.await_at("pci", vfs="0/4")
    addrs = [pf["addr"][:-1] + str(n) for n in range(1, 5)]
    ports = [fields["addr"] for fields in machine.at("pci", id="104c:8233")]
    check_vfs(machine, machine.run(f"pci sriov {pf['addr']} 4"), addrs, pf["id"], port=ports[0], pf=pf["addr"])
    machine.run(f"pci sriov {pf['addr']} 0")
    check_gone(machine, addrs, pf=pf["addr"])
    machine.exit(0)


@pytest.mark.parametrize("path", PLACES)
def test_nvme_on_the_root_bus(boot, path):
    machine = boot(boot=path, devices=nvme("pcie.0", "4")).ready()
    pf = machine.await_at("pci", addr="00:04.0")
    addrs = [f"00:04.{n}" for n in range(1, 5)]
    check_vfs(machine, machine.run("pci sriov 00:04.0 4"), addrs, pf["id"], port=None, pf="00:04.0")
    machine.run("pci sriov 00:04.0 0")
    check_gone(machine, addrs, pf="00:04.0")
    machine.exit(0)


def test_nvme_without_firmware_for_pci(boot):
    """On microvm nobody opens the port's windows but us, with room for what nobody uses yet."""
    machine = boot(machine="microvm,pcie=on", devices=PORT + nvme()).ready()
    pf = machine.await_at("pci", vfs="0/4")
    addrs = [pf["addr"][:-1] + str(n) for n in range(1, 5)]
    check_vfs(machine, machine.run(f"pci sriov {pf['addr']} 4"), addrs, pf["id"], pf=pf["addr"])
    machine.exit(0)


def test_a_virtual_function_interrupts_by_its_own_table(boot):
    """Its MSI-X table lies in its slice of the VF BAR; the physical function's stays as it is."""
    machine = boot(devices=PORT + nvme()).ready()
    machine.run(f"pci sriov {ADDR} 2")
    state = machine.run("pci enable 01:00.2 msix").at("pci-irq", addr="01:00.2")[0]
    assert (state["mode"], state["vectors"], state["line"]) == ("msix", "1", "0")
    assert len(machine.run("irq").at("irq", chip="msix")) == 1
    for addr in (ADDR, "01:00.1"):
        assert machine.run(f"pci state {addr}").at("pci-irq")[0]["mode"] == "off"
    assert machine.command("pci enable 01:00.1 intx").fields["code"] == "ENODEV"
    refused = machine.command(f"pci sriov {ADDR} 0").fields
    assert refused["code"] == "EBUSY" and "01:00.2" in refused["msg"]
    machine.run("pci disable 01:00.2 msix")
    machine.run(f"pci sriov {ADDR} 0")
    assert not machine.run("irq").at("irq")
    machine.exit(0)


def test_what_is_refused(boot):
    machine = boot(devices=PORT + nvme()).ready()
    for arguments, code in ((f"{ADDR} 5", "ERANGE"), (f"{ADDR} 0xffffffffffff", "ERANGE"), (f"{ADDR} x", "EINVAL"),
                            (f"{ADDR} 1 2", "EINVAL"), ("00:03.0 1", "ENOTSUP"), ("00:1e.7 1", "ENOENT")):
        assert machine.command(f"pci sriov {arguments}").fields["code"] == code, arguments
    machine.run(f"pci sriov {ADDR} 0")
    machine.run(f"pci sriov {ADDR} 3")
    for arguments, code in ((f"{ADDR} 3", "EBUSY"), (f"{ADDR} 4", "EBUSY"), ("01:00.1 1", "ENOTSUP")):
        assert machine.command(f"pci sriov {arguments}").fields["code"] == code, arguments
    assert machine.run(f"pci {ADDR}").at("pci")[0]["vfs"] == "3/4"
    machine.exit(0)


def test_no_extended_configuration_space(boot):
    machine = boot(machine="pc", devices=nvme("pci.0", "4")).ready()
    refused = machine.command("pci sriov 00:04.0 1").fields
    assert refused["code"] == "ENOTSUP" and "extended configuration space is out of reach" in refused["msg"]
    machine.exit(0)


def test_no_room(boot):
    """127 slices of 16 KiB are as much as the port's window, where the physical function's own BAR lies."""
    machine = boot(devices=PORT + nvme(vfs=127)).ready()
    answer = machine.command(f"pci sriov {ADDR} 127")
    assert answer.fields["code"] == "ENOSPC" and "no room for VF BAR 0 of 127" in answer.text
    assert machine.run(f"pci {ADDR}").at("pci")[0]["vfs"] == "0/127"
    machine.run(f"pci sriov {ADDR} 60")
    machine.exit(0)


def test_qemu_saw_the_same(boot, tmp_path):
    trace = tmp_path / "trace.log"
    options = [option for event in ("sriov_register_vfs", "sriov_unregister_vfs") for option in ("-trace", event)]
    machine = boot(devices=PORT + nvme() + options + ["-D", str(trace)]).ready()
    for cnt in (4, 2):
        machine.run(f"pci sriov {ADDR} {cnt}")
        machine.run(f"pci sriov {ADDR} 0")
    machine.exit(0)
    text = trace.read_text()
    assert re.findall(r"sriov_register_vfs .*creating (\d+) vf", text) == ["4", "2"]
    assert "sriov_unregister_vfs" in text[text.rindex("sriov_register_vfs"):]


@pytest.mark.newer_qemu(8)
@pytest.mark.parametrize("cnt", [1, 7])
@pytest.mark.parametrize("path", PLACES)
def test_igb(boot, path, cnt):
    machine = boot(boot=path, devices=IGB).ready()
    assert machine.await_at("pci", addr=ADDR)["vfs"] == "0/8"
    addrs = [f"01:{0x10 + n // 4:02x}.{n % 4 * 2}" for n in range(cnt)]
    check_vfs(machine, machine.run(f"pci sriov {ADDR} {cnt}"), addrs, "8086:10ca")
    machine.run(f"pci sriov {ADDR} 0")
    check_gone(machine, addrs, total=8)
    machine.exit(0)


@pytest.mark.newer_qemu(8)
def test_igb_many_times(boot):
    many_rounds(boot, 7, devices=IGB)


@pytest.mark.newer_qemu(11)
@pytest.mark.parametrize("path", PLACES)
def test_virtio_net(boot, path):
    """Virtual functions that the ordinary driver drives: each a device with interrupts of its own."""
    machine = boot(boot=path, devices=VIRTIO, append="ip=none").ready()
    pf = machine.await_at("device", name="net0", addr=ADDR)
    assert int(pf["features"], 16) >> 37 & 1
    answer = machine.run(f"pci sriov {ADDR} 2")
    check_vfs(machine, answer, ["01:00.1", "01:00.2"], "1af4:1041")
    devices = answer.at("device", transport="modern", irq="per-queue")
    assert [device["addr"] for device in devices] == ["01:00.1", "01:00.2"]
    names = {fields["name"] for fields in machine.run("irq").at("irq")}
    for device in devices:
        assert {f"{device['name']}-{part}" for part in ("config", "rx0", "tx0")} <= names
    machine.run(f"pci sriov {ADDR} 0")
    check_gone(machine, ["01:00.1", "01:00.2"], total=2)
    assert not [device for device in devices if device["name"] in machine.run("virtio").text]
    machine.exit(0)


@pytest.mark.newer_qemu(11)
def test_virtio_net_many_times(boot):
    many_rounds(boot, 2, devices=VIRTIO)


@pytest.mark.newer_qemu(11)
def test_a_virtio_vf_interrupts(boot):
    """The configuration interrupt of one VF, whose cable is pulled, and of no other device."""
    machine = boot(devices=VIRTIO, append="ip=none", qmp=True).ready()
    name = machine.run(f"pci sriov {ADDR} 2").at("device", addr="01:00.2")[0]["name"]
    machine.qmp.call("set_link", name="n2", up=False)
    machine.expect_at("event", name=name, kind="link", state="down")
    machine.qmp.call("set_link", name="n2", up=True)
    machine.expect_at("event", name=name, kind="link", state="up")
    counts = {fields["name"]: int(fields["count"]) for fields in machine.run("irq").at("irq")}
    assert {source for source, count in counts.items() if source.endswith("-config") and count} == {f"{name}-config"}
    machine.exit(0)
