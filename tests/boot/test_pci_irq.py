"""How PCI functions interrupt: every change of mode by console commands, and MSI and INTx at work with QEMU's edu device."""
import re

import pytest

from harness import nic

# No driver here takes these: one with MSI, MSI-X and INTx, one with 16 messages of MSI.
E1000E = ["-device", "e1000e,addr=0x10,romfile="]
XHCI = ["-device", "nec-usb-xhci,addr=0x11,msi=on,msix=off,intrs=16"]
ADDR, XHCI_ADDR, EDU_ADDR = "00:10.0", "00:11.0", "00:12.0"
EDU = ["-device", "edu,addr=0x12"]

# In mode, command, code (None: @ok), mode afterwards.
TRANSITIONS = [
    ("off", "enable intx", None, "intx"), ("off", "enable msi", None, "msi"), ("off", "enable msix", None, "msix"),
    ("off", "disable intx", None, "off"), ("off", "disable msi", None, "off"), ("off", "disable msix", None, "off"),
    ("intx", "enable intx", "EALREADY", "intx"), ("intx", "enable msi", "EBUSY", "intx"),
    ("intx", "enable msix", "EBUSY", "intx"), ("intx", "disable intx", None, "off"),
    ("intx", "disable msi", None, "intx"), ("intx", "disable msix", None, "intx"),
    ("msi", "enable intx", "EBUSY", "msi"), ("msi", "enable msi", "EALREADY", "msi"),
    ("msi", "enable msix", "ENXIO", "msi"), ("msi", "disable intx", None, "msi"),
    ("msi", "disable msi", None, "off"), ("msi", "disable msix", None, "msi"),
    ("msix", "enable intx", "EBUSY", "msix"), ("msix", "enable msi", "ENXIO", "msix"),
    ("msix", "enable msix", "EALREADY", "msix"), ("msix", "disable intx", None, "msix"),
    ("msix", "disable msi", None, "msix"), ("msix", "disable msix", None, "off"),
]


def verb(machine, command, addr=ADDR):
    """(code or None, fields of @pci-irq or None) of "enable msix 2" and the like."""
    word, _, rest = command.partition(" ")
    answer = machine.command(f"pci {word} {addr} {rest}".rstrip())
    states = answer.at("pci-irq", addr=addr)
    return None if answer.ok else answer.fields["code"], states[-1] if states else None


def mode(machine, addr=ADDR):
    return verb(machine, "state", addr)[1]["mode"]


def sources(machine):
    return {fields["name"]: fields for fields in machine.run("irq").at("irq")}


@pytest.mark.parametrize("kind", ["q35", "pc"])
def test_every_transition(boot, kind):
    machine = boot(machine=kind, devices=E1000E).ready()
    assert verb(machine, "enable memory") == (None, None)
    for before, command, code, after in TRANSITIONS:
        if before != "off":
            assert verb(machine, f"enable {before}")[0] is None
        assert mode(machine) == before
        have, state = verb(machine, command)
        assert (have, state["mode"]) == (code, after), f"{command} in mode {before}"
        assert (int(state["vectors"]) > 0) == (after != "off")
        assert int(state["line"]) in range(1, 16)
        if after != "off":
            assert verb(machine, f"disable {after}")[1]["mode"] == "off"
        assert not machine.run("irq").at("irq"), f"{command} in mode {before} left an interrupt"
    machine.exit(0)


def test_msix_needs_memory_decoding(boot):
    machine = boot(devices=E1000E).ready()
    assert verb(machine, "enable msix")[0] == "ENXIO"
    assert verb(machine, "enable memory")[0] is None
    assert verb(machine, "enable msix 5")[1]["vectors"] == "5"
    assert verb(machine, "disable memory")[0] == "EBUSY"
    assert verb(machine, "disable msix")[0] is None
    assert verb(machine, "disable memory")[0] is None
    assert verb(machine, "enable msix")[0] == "ENXIO"
    machine.exit(0)


def test_numbers_of_vectors(boot):
    machine = boot(devices=E1000E + XHCI).ready()
    assert verb(machine, "enable memory")[0] is None
    for command, code in (("enable msix 0", "EINVAL"), ("enable msix 6", "ENOSPC"), ("enable msix 129", "EINVAL"),
                          ("enable msix 0xffffffff", "EINVAL"), ("enable msix 0x100000001", "EINVAL"),
                          ("enable msi 2", "ENOSPC"), ("enable msi 33", "EINVAL"), ("enable intx 2", "EINVAL")):
        assert verb(machine, command)[0] == code, command
        assert mode(machine) == "off"
    assert verb(machine, "enable msi 17", XHCI_ADDR)[0] == "ENOSPC"
    assert verb(machine, "enable msi 5", XHCI_ADDR)[1]["vectors"] == "5"
    block = machine.run("irq").at("irq", chip="msi")
    vectors = [int(fields["vector"], 16) for fields in block]
    assert len(vectors) == 8 and vectors[0] % 8 == 0 and vectors == list(range(vectors[0], vectors[0] + 8))
    assert verb(machine, "disable msi", XHCI_ADDR)[1]["mode"] == "off"
    assert not machine.run("irq").at("irq")
    machine.exit(0)


@pytest.mark.parametrize("arguments, code", [
    ("enable 00:1e.7 msi", "ENOENT"), (f"enable {ADDR}", "EINVAL"), (f"enable {ADDR} off", "EINVAL"),
    (f"enable {ADDR} msi x", "EINVAL"), (f"enable {ADDR} msi 1 2", "EINVAL"), (f"disable {ADDR} msi 1", "EINVAL"),
    (f"state {ADDR} msi", "EINVAL"), (f"toggle {ADDR} msi", "EINVAL"),
])
def test_wrong_arguments(boot, arguments, code):
    machine = boot(devices=E1000E).ready()
    assert machine.command(f"pci {arguments}").fields["code"] == code
    machine.exit(0)


def test_functions_in_use_stay_as_they_are(boot, image):
    machine = boot(devices=nic(addr="0x4") + image().disk(addr="0x5") + EDU).ready()
    machine.await_at("event", name="net0", kind="address")
    for addr in ("00:04.0", "00:05.0"):
        for command, code in (("enable msi", "ENXIO"), ("enable msix", "EALREADY"), ("enable intx", "EBUSY"),
                              ("disable msi", None), ("disable intx", None), ("disable msix", "EBUSY"),
                              ("disable memory", "EBUSY")):
            assert verb(machine, command, addr)[0] == code, f"{addr} {command}"
            assert mode(machine, addr) == "msix"
    for command, code in (("enable msi", "EALREADY"), ("enable msix", "ENXIO"), ("enable intx", "EBUSY"),
                          ("disable msix", None), ("disable msi", "EBUSY"), ("enable memory", "EBUSY")):
        assert verb(machine, command, EDU_ADDR)[0] == code, f"edu {command}"
        assert mode(machine, EDU_ADDR) == "msi"
    machine.run("ping 10.0.2.2 count=1")
    assert machine.run("blk sum blk0 0 2048").result("sha256") == image().sha256()
    assert machine.run("edu irq 3").result("edu0.msi") == "3"
    machine.exit(0)


def test_polled_functions_are_their_drivers(boot, image):
    """Mode off, but the driver counts on it: MSI-X would move its configuration space."""
    machine = boot(devices=image().disk(addr="0x5"), append="irq=poll").ready()
    assert verb(machine, "enable msix", "00:05.0")[0] == "EBUSY"
    assert verb(machine, "disable msix", "00:05.0")[0] is None
    assert machine.run("blk sum blk0 0 2048").result("sha256") == image().sha256()
    machine.exit(0)


def test_failures_are_logged_at_a_limited_rate(boot):
    commands = [f"pci enable {ADDR} msix 6"] * 60
    machine = boot(devices=E1000E, append=f'run="{"; ".join(commands)}"')
    assert machine.wait_exit() == 28  # ENOSPC
    assert len(machine.at("err", code="ENOSPC")) == len(commands)
    logged = [line for line in machine.lines if re.match(rf"warning: pci {ADDR}: .*ENOSPC", line)]
    assert 0 < len(logged) < len(commands)


PLACES = [("pvh", "q35"), ("pvh", "pc"), ("uefi", "q35"), ("uefi", "pc")]


@pytest.mark.parametrize("path, kind", PLACES)
@pytest.mark.parametrize("option, chip", [("auto", "msi"), ("msi", "msi"), ("intx", "ioapic")])
def test_edu_interrupts(boot, path, kind, option, chip):
    machine = boot(boot=path, machine=kind, devices=EDU, append=f"irq={option}").ready()
    name = {"msi": "msi", "ioapic": "intx"}[chip]
    assert machine.run("edu irq 100").result(f"edu0.{name}") == "100"
    assert machine.run("edu factorial 10").result("edu0.factorial") == "3628800"
    line = sources(machine)["edu0"]
    assert line["chip"] == chip and line["count"] == "101" and line["spurious"] == "0"
    state = verb(machine, "state", EDU_ADDR)[1]
    assert state["mode"] == name and state["vectors"] == "1"
    if chip == "ioapic":
        assert line["entry"] == state["line"]
    machine.exit(0)


def test_edu_polled(boot):
    machine = boot(devices=EDU, append="irq=poll").ready()
    assert machine.run("edu irq 3").result("edu0.poll") == "3"
    assert machine.run("edu factorial 5").result("edu0.factorial") == "120"
    assert not machine.run("irq").at("irq")
    assert mode(machine, EDU_ADDR) == "off"
    machine.exit(0)


def test_edu_without_the_forced_way(boot):
    machine = boot(devices=EDU, append="irq=per-queue").ready()
    machine.await_line(r"^warning: pci 00:12\.0: edu did not start: ENODEV")
    assert machine.command("edu irq 1").fields["code"] == "ENOENT"
    machine.exit(0)


@pytest.mark.parametrize("kind", ["q35", "pc"])
def test_devices_share_a_line(boot, kind):
    """Slots four apart have the same line. Each action is asked, each device counts its own."""
    devices = [option for slot in (4, 8, 12, 16) for option in ("-device", f"edu,addr={slot:#x}")]
    machine = boot(machine=kind, devices=devices, append="irq=intx").ready()
    for i in range(4):
        assert machine.run(f"edu irq {10 + i} edu{i}").result(f"edu{i}.intx") == str(10 + i)
    lines = machine.run("irq").at("irq", chip="ioapic")
    assert [fields["name"] for fields in lines] == ["edu0,edu1,edu2,edu3"]
    assert lines[0]["count"] == str(10 + 11 + 12 + 13) and lines[0]["spurious"] == "0"
    rows = re.findall(r"edu(\d) at \S+ intx, (\d+) events", machine.run("edu").text)
    assert rows == [(str(i), str(10 + i)) for i in range(4)]
    machine.exit(0)


@pytest.mark.parametrize("option", ["msi", "intx"])
def test_edu_moves_between_cpus(boot, option):
    """MSI without mask bits, and a level line: moved while in use, each interrupt still comes once."""
    machine = boot(devices=EDU, smp=4, append=f"irq={option}").ready()
    before = [0] * 4
    for cpu in (2, 0, 3, 1):
        machine.run(f"irq affinity edu0 {cpu}")
        assert machine.run("edu irq 20").result(f"edu0.{option}") == "20"
        line = sources(machine)["edu0"]
        counts = [int(count) for count in line["counts"].split()]
        before[cpu] += 20
        assert counts == before and line["cpus"] == str(cpu)
    machine.exit(0)


def test_several_messages_stay_together(boot):
    machine = boot(devices=XHCI, smp=2).ready()
    assert verb(machine, "enable msi 4", XHCI_ADDR)[0] is None
    block = machine.run("irq").at("irq", chip="msi")
    assert len({fields["cpu"] for fields in block}) == 1
    assert [int(fields["vector"], 16) - int(block[0]["vector"], 16) for fields in block] == [0, 1, 2, 3]
    assert verb(machine, "disable msi", XHCI_ADDR)[0] is None
    machine.exit(0)


def test_qemu_sees_the_same_messages(boot, tmp_path):
    trace = tmp_path / "trace.log"
    machine = boot(devices=EDU + ["-trace", "apic_deliver_irq", "-D", str(trace)]).ready()
    machine.run("edu irq 25")
    line = sources(machine)["edu0"]
    machine.exit(0)
    delivered = [int(number) for number in re.findall(r"vector (\d+)", trace.read_text())]
    assert delivered.count(int(line["vector"], 16)) == int(line["count"]) == 25
