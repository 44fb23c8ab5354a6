"""Several CPUs: all that firmware lists come up, work together, and stop together."""
import re
import struct

import pytest

from harness import nic

CHECKS = "pages heap threads stacks timers calls syncs wakes locks alarms work maps".split()
GHOST_ID = 77


def cpu_list(machine):
    """(number, APIC id) of each CPU that the cpu command shows."""
    return [(int(match[1]), int(match[2])) for line in machine.run("cpu").lines
            if (match := re.match(r"\s*(\d+)\s+(\d+)\s+\d+\s+[\d.]+ %", line))]


def passes(machine, timeout=240):
    answer = machine.run("selftest", timeout)
    assert [line.split()[0] for line in answer.lines if line.endswith("pass")] == CHECKS
    assert answer.result("selftest.failed") == "0"


@pytest.mark.parametrize("smp", [1, 2, 4, 8])
@pytest.mark.parametrize("path", ["pvh", "uefi"])
@pytest.mark.parametrize("model", ["q35", "pc"])
def test_all_cpus_work(boot, model, path, smp):
    machine = boot(boot=path, machine=model, smp=smp).ready()
    assert machine.at("boot")[0]["cpus"] == str(smp)
    assert cpu_list(machine) == [(n, n) for n in range(smp)]
    passes(machine)
    machine.exit(0)


@pytest.mark.parametrize("cpu", ["qemu64", "max"])
def test_cpu_models(boot, cpu):
    """With and without TSC deadline, SMEP, SMAP and what else the boot CPU turns on for all."""
    machine = boot(cpu=cpu, smp=4).ready()
    passes(machine)
    machine.exit(0)


def test_threads_of_every_cpu(boot):
    machine = boot(smp=4).ready()
    rows = [line.split() for line in machine.run("threads").lines]
    for name in ("reaper", "worker"):
        assert {row[2] for row in rows if len(row) > 2 and row[1] == name} == {"0", "1", "2", "3"}
    machine.exit(0)


def test_limit(boot):
    machine = boot(smp=4, append="cpus=2").ready()
    assert machine.at("boot")[0]["cpus"] == "2"
    assert cpu_list(machine) == [(0, 0), (1, 1)]
    machine.await_line("2 of 4 processors in use")
    passes(machine)
    machine.exit(0)


def test_limit_above_what_is_there(boot):
    machine = boot(smp=2, append="cpus=64").ready()
    assert machine.at("boot")[0]["cpus"] == "2"
    machine.exit(0)


@pytest.mark.parametrize("value", ["0", "65", "two", "-1"])
def test_bad_limit(boot, value):
    """An error line, and all CPUs are used."""
    machine = boot(smp=2, append=f"cpus={value}").ready()
    machine.await_line(rf'^error: boot option cpus="{value}": want a number from 1 to 64')
    assert machine.at("boot")[0]["cpus"] == "2"
    machine.exit(0)


def test_places_without_cpu(boot):
    """What the tables list as not enabled is no CPU, and nothing is said about it."""
    machine = boot(smp="2,maxcpus=4").ready()
    assert machine.at("boot")[0]["cpus"] == "2"
    assert not any("processor" in line for line in machine.lines)
    machine.exit(0)


def test_apic_ids_with_gaps(boot):
    """Three cores a package: the APIC ids leave out every fourth, the CPUs' numbers none."""
    machine = boot(smp="6,sockets=2,cores=3").ready()
    assert cpu_list(machine) == [(0, 0), (1, 1), (2, 2), (3, 4), (4, 5), (5, 6)]
    passes(machine)
    machine.exit(0)


def ghost(tmp_path, entry):
    """QEMU options for a second MADT with a CPU that is not there."""
    table = tmp_path / "ghost.bin"
    table.write_bytes(struct.pack("<II", 0xfee00000, 0) + entry)
    return ["-acpitable", f"sig=APIC,data={table}"]


def test_cpu_that_does_not_come_up(boot, tmp_path):
    entry = struct.pack("<BBBBI", 0, 8, GHOST_ID, GHOST_ID, 1)
    machine = boot(smp=2, devices=ghost(tmp_path, entry)).ready()
    machine.await_line(rf"^warning: cpu: processor with APIC id {GHOST_ID} did not start, left out$")
    assert machine.at("boot")[0]["cpus"] == "2"
    passes(machine)
    machine.exit(0)


@pytest.mark.parametrize("apic_id", [255, 256, 0x10001])
def test_cpu_that_devices_cannot_name(boot, tmp_path, apic_id):
    """Cut to eight bits some of these ids are those of other CPUs."""
    entry = struct.pack("<BBHIII", 9, 16, 0, apic_id, 1, apic_id)
    machine = boot(smp=2, devices=ghost(tmp_path, entry)).ready()
    machine.await_line(rf"^warning: cpu: processor with APIC id {apic_id} cannot be sent interrupts, left out$")
    assert cpu_list(machine) == [(0, 0), (1, 1)]
    machine.exit(0)


def test_more_cpus_than_can_be_used(boot):
    machine = boot(smp=66, memory="512M").ready()
    machine.await_line("^warning: cpu: 66 processors, only 64 can be used")
    assert machine.at("boot")[0]["cpus"] == "64"
    assert len(cpu_list(machine)) == 64
    machine.exit(0)


def idle_ms(machine, cpu):
    """(uptime, how much of it the CPU slept)"""
    lines = machine.run("cpu").lines
    up = next(int(match[1]) for line in lines if (match := re.match(r"up (\d+) ms", line)))
    share = next(float(match[1]) for line in lines
                 if (match := re.match(rf"\s*{cpu}\s+\d+\s+\d+\s+([\d.]+) %", line)))
    return up, up * share / 100


def test_cpus_without_work_sleep(boot):
    """A sleep that has not ended counts as well."""
    machine = boot(smp=2).ready()
    up = before = 0
    while before == 0:
        up, before = idle_ms(machine, 1)
    later, after = idle_ms(machine, 1)
    while later < 2 * up:
        later, after = idle_ms(machine, 1)
    assert after - before > (later - up) / 2
    machine.exit(0)


@pytest.mark.parametrize("kind, fields", [("null", {"kind": "page-fault", "reason": "null access"}),
                                          ("stack", {"reason": "stack overflow"}),
                                          ("ud", {"kind": "invalid-opcode"}), ("panic", {"kind": "panic"})])
@pytest.mark.parametrize("cpu", [1, 3, "all"])
def test_fault_on_any_cpu(boot, kind, fields, cpu):
    """One report, then the end, whatever the other CPUs were doing."""
    machine = boot(smp=4).ready()
    machine.send(f"selftest fault {kind} {cpu}\r")
    assert machine.expect_at("fault", **fields)["thread"] == "selftest"
    assert machine.wait_exit() == 125
    assert len(machine.at("fault")) == 1
    assert machine.at("exit") == [{"code": "125"}]


def test_fault_on_no_cpu(boot):
    machine = boot(smp=2).ready()
    assert machine.command("selftest fault null 2").fields["code"] == "ENODEV"
    machine.exit(0)


def test_nmi_is_reported_once(boot):
    """The machine's NMI input is one CPU's business."""
    machine = boot(smp=4, qmp=True).ready()
    machine.qmp.call("inject-nmi")
    machine.expect_at("fault", kind="nmi")
    passes(machine)
    assert len(machine.at("fault")) == 1
    machine.exit(0)


def test_devices(boot, image):
    disk = image(1 << 20)
    machine = boot(smp=4, devices=nic() + disk.disk()).ready()
    machine.await_at("event", name="net0", kind="address")
    assert machine.run("blk sum blk0 0 2048").result("sha256") == disk.sha256()
    machine.run("ping 10.0.2.2")
    passes(machine)
    machine.exit(0)


@pytest.mark.newer_qemu(9)
def test_x2apic(boot, image):
    """Local APICs by machine-specific registers."""
    backing = image()
    machine = boot(cpu="max,+x2apic", smp=4, devices=nic() + backing.disk(num_queues=4)).ready()
    passes(machine)
    machine.run("irq check 50")
    machine.run("blk soak blk0 n=2000")
    machine.exit(0)
