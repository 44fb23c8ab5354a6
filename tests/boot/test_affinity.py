"""Interrupts on several CPUs: where they go, how they move, and on which NUMA node each CPU is."""
import re
import struct

import pytest

from harness import PROMPT, nic
from modes import counts, numa, sources


@pytest.mark.parametrize("path, kind", [("pvh", "q35"), ("pvh", "pc"), ("uefi", "q35")])
def test_a_source_moves(boot, image, path, kind):
    machine = boot(boot=path, machine=kind, smp=4, devices=nic() + image().disk()).ready()
    assert sources(machine)["blk0-req0"]["spurious"] == "0"
    for cpus, allowed in (("2", {2}), ("3", {3}), ("0-1", {0, 1}), ("1-2", {1, 2}), ("0,3", {0, 3})):
        machine.run(f"irq affinity blk0-req0 {cpus}")
        before = sources(machine)["blk0-req0"]
        assert before["cpus"] == cpus and int(before["cpu"]) in allowed
        assert machine.run("blk sum blk0 0 2048").result("sha256") == image().sha256()
        after = sources(machine)["blk0-req0"]
        grown = [cpu for cpu in range(4) if counts(after)[cpu] > counts(before)[cpu]]
        assert grown == [int(before["cpu"])]
        assert sum(counts(after)) == int(after["count"])
    machine.exit(0)


def test_a_source_that_may_stay_does_not_move(boot, image):
    machine = boot(smp=4, devices=image().disk()).ready()
    machine.run("irq affinity blk0-req0 2")
    before = sources(machine)["blk0-req0"]
    machine.run("irq affinity blk0-req0 1-3")
    after = sources(machine)["blk0-req0"]
    assert (after["cpu"], after["vector"], after["cpus"]) == ("2", before["vector"], "1-3")
    answer = machine.command("irq affinity blk0-req0 4")
    assert answer.fields["code"] == "EINVAL" and "only 0-3 are in use" in answer.fields["msg"]
    assert sources(machine)["blk0-req0"]["cpus"] == "1-3"
    machine.exit(0)


def run_all(machine, commands):
    """Types commands in one line; each must succeed."""
    machine.seen = len(machine.lines)
    machine.send("; ".join(commands) + "\r")
    for command in commands:
        assert machine.expect_line(r"^@(ok|err) cmd=")[1] == "ok", command
    machine.expect_text(PROMPT)


@pytest.mark.parametrize("smp, moves", [(1, 50), (2, 100), (4, 500)])
def test_check_of_moves(boot, smp, moves):
    """Exact counts without a device: every interrupt that a CPU raises is served once wherever it moves to."""
    machine = boot(smp=smp).ready()
    before = sources(machine)
    answer = machine.run(f"irq check {moves}", timeout=180)
    assert answer.result("irq.moved") == str(2 * moves) and int(answer.result("irq.raised")) > 0
    for what in ("lost", "doubled", "unmasked-early"):
        assert answer.result(f"irq.{what}") == "0"
    assert sources(machine) == before
    machine.seen = len(machine.lines)
    machine.send("version; irq check 1000000\r")
    machine.expect_at("ok", cmd="version")
    machine.send("\x03")
    assert machine.expect_at("err", cmd="irq check 1000000")["code"] == "EINTR"
    machine.expect_text(PROMPT)
    for bad in ("irq check 0", "irq check many"):
        assert not machine.command(bad).ok
    machine.exit(0)


def move_about(machine, names, cnt):
    """Moves the sources in turn, round and round the 4 CPUs."""
    moves = [f"irq affinity {names[n % len(names)]} {(n // len(names) + 1) % 4}" for n in range(cnt)]
    for first in range(0, cnt, 10):
        run_all(machine, moves[first:first + 10])


# How the disk's one queue gets its interrupts, and the name of the source.
@pytest.mark.parametrize("way, source", [("per-queue", "blk0-req0"), ("shared", "blk0-virtqueues"),
                                         ("intx", "blk0")])
def test_a_thousand_moves_under_load(boot, image, way, source):
    """Every request of the load is followed: none is lost or completed twice, and none had to be found by the watchdog."""
    machine = boot(smp=4, append=f"irq={way}", devices=image().disk(num_queues=1)).ready()
    machine.run("blk soak blk0 start depth=4")
    move_about(machine, [source], 1000)
    answer = machine.run("blk soak blk0 stop")
    found = {key: int(answer.result(f"blk0-soak-{key}")) for key in ("done", "lost", "doubled", "bad", "failed")}
    assert found.pop("done") > 1000 and not any(found.values()), found
    moved = sources(machine)[source]
    assert all(count > 0 for count in counts(moved)) and moved["lost"] == "0"
    assert not machine.at("event", kind="irq-off")
    machine.exit(0)


def test_moves_under_network_load(boot):
    """Pings are answered in order, though both of the card's vectors move between any two of them."""
    machine = boot(smp=4, devices=nic()).ready()
    machine.await_at("event", kind="address")
    for _ in range(20):
        move_about(machine, ["net0-rx0", "net0-tx0"], 8)
        assert machine.run("ping 10.0.2.2 count=1").result("ping.received") == "1"
    for name in ("net0-rx0", "net0-tx0"):
        assert sum(counts(sources(machine)[name])) > 0 and sources(machine)[name]["lost"] == "0"
    machine.exit(0)


@pytest.mark.parametrize("nodes, shown", [
    ([(0, 1), (2, 3)], [0, 0, 1, 1]),
    ([(0, 2), (1, 3)], [0, 1, 0, 1]),
    ([(3,), (2,), (1,), (0,)], [3, 2, 1, 0]),
    ([(1, 2, 3), (), (0,)], [1, 0, 0, 0]),  # a node without CPUs has no number
])
@pytest.mark.parametrize("path, kind", [("pvh", "q35"), ("uefi", "pc")])
def test_numa_nodes(boot, path, kind, nodes, shown):
    machine = boot(boot=path, machine=kind, memory=f"{256 // len(nodes) * len(nodes)}M", smp=4,
                   devices=numa(*nodes)).ready()
    answer = machine.run("cpu")
    assert answer.result("cpu.nodes") == str(len(set(shown)))
    assert [int(match[1]) for line in answer.lines
            if (match := re.match(r"\s*\d+\s+\d+\s+(\d+)\s+[\d.]+ %", line))] == shown
    assert not any("SRAT" in line for line in machine.lines)
    machine.exit(0)


def srat(body):
    """A SRAT of revision 3, with a right checksum."""
    table_ = struct.pack("<4sIBB6s8sI4sI12x", b"SRAT", 48 + len(body), 3, 0, b"VRING0", b"TESTSRAT", 1, b"TEST", 1) + body
    return table_[:9] + bytes([-sum(table_) & 0xff]) + table_[10:]


def lapic(apic_id, domain, length=16):
    return struct.pack("<BBBBI8x", 0, length, domain, apic_id, 1)


@pytest.mark.parametrize("body, nodes, warning", [
    (lapic(0, 7) + lapic(1, 3), "2", None),
    (lapic(0, 0) + lapic(1, 1, length=0), "1", "ACPI SRAT: bad entry length at byte 64, one node assumed"),
    (lapic(0, 0) + lapic(1, 1)[:7], "1", "ACPI SRAT: bad entry length at byte 64, one node assumed"),
    (lapic(0, 0) + lapic(0, 1), "1", "ACPI SRAT: a CPU in two domains at byte 64, one node assumed"),
])
def test_srat_of_other_firmware(boot, tmp_path, body, nodes, warning):
    path = tmp_path / "srat.bin"
    path.write_bytes(srat(body))
    machine = boot(smp=2, devices=["-acpitable", f"file={path}"]).ready()
    assert machine.run("cpu").result("cpu.nodes") == nodes
    warnings = [line for line in machine.lines if "SRAT" in line]
    assert warnings == ([f"warning: firmware: {warning}"] if warning else [])
    machine.exit(0)
