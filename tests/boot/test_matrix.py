"""The boot matrix: every spelling of a device by ring, place, vectors, CPUs and ring features, and sizes of queues, each
with a disk whose contents the host compares and a network card that echoes frames. Thinned, unless all is asked for."""
import os
import random
import sys

import pytest

from harness import ROOT, nic
from modes import check_sources, expected_rung
from pairwise import combinations, pairs, thin
from test_blk import pattern
from test_modern import KINDS, spelled
from test_modes import check_steps, device_options

sys.path.insert(0, os.path.join(ROOT, "bench", "host"))
import net_peer  # noqa: E402  (beside the benchmarks that share it)

INDIRECT_DESC, EVENT_IDX, RING_PACKED, IN_ORDER = 1 << 28, 1 << 29, 1 << 34, 1 << 35
BY_DEFAULT = {"disable_legacy": None, "disable_modern": None}
FACTORS = {"kind": ["legacy", "transitional", "modern", "non-transitional"], "ring": ["split", "packed"],
           "place": ["root", "port"], "vectors": [0, 1, 2, None], "cpus": [1, 4], "indirect": ["on", "off"],
           "event": ["on", "off"]}


def valid(row):
    """Packed rings came with the modern interface; behind a root port QEMU's devices are modern ones by themselves."""
    modern_only = row["kind"] in ("modern", "non-transitional")
    return (row["ring"] == "split" or row["kind"] != "legacy") and (row["place"] == "root" or modern_only)


def name_of(row):
    return "-".join([row["kind"], row["ring"], row["place"], f"v{row['vectors']}", f"c{row['cpus']}"] +
                    [name for name in ("indirect", "event") if row[name] == "on"])


ROWS = combinations(FACTORS, valid)
THIN = thin(ROWS)


def test_every_pair_is_in_the_thinned_matrix():
    """Two rows of a table by hand first: 2 x 2 x 2 values in four rows."""
    assert len(thin(combinations({"a": [1, 2], "b": [1, 2], "c": [1, 2]}))) == 4
    wanted = {(a, b) for row in ROWS for a in row.items() for b in row.items() if a[0] < b[0]}
    assert wanted == {(a, b) for row in THIN for a in row.items() for b in row.items() if a[0] < b[0]}
    assert all(valid(row) for row in THIN) and len(THIN) < len(ROWS) / 5
    assert len(pairs(ROWS[0])) == len(FACTORS) * (len(FACTORS) - 1) // 2


@pytest.fixture
def wire(tmp_path):
    """A stream takes a burst whole. Where a datagram socket is full, QEMU's card with a packed ring and event indexes
    goes on later without saying from where on it wants to be notified, and frames wait for ever."""
    cable = net_peer.Stream(str(tmp_path / "wire"))
    yield cable
    cable.close()


def properties(kind, ring):
    """(suffix of the device's name, its properties)"""
    suffix, chosen, _ = KINDS[kind]
    return suffix, {**chosen, **({"packed": "on"} if ring == "packed" else {})}


def check_device(machine, name, kind, ring, **features):
    """It got the interface and the ring that it was to get, and the features that it offered."""
    fields = machine.await_at("device", name=name)
    assert (fields["transport"], fields["ring"]) == (KINDS[kind][2], ring)
    taken = int(fields["features"], 16)
    for bit, wanted in ((INDIRECT_DESC, features.get("indirect")), (EVENT_IDX, features.get("event"))):
        assert wanted is None or bool(taken & bit) == (wanted == "on")
    assert bool(taken & RING_PACKED) == (ring == "packed")


def check_disk(machine, backing):
    """What is read is in the image; what is written gets there; requests in flight from all CPUs stay apart."""
    sectors = backing.size // 512
    assert machine.run(f"blk sum blk0 0 {sectors}").result("sha256") == backing.sha256()
    machine.run("blk soak blk0 n=400")
    machine.run("blk write blk0 3 1500 9")
    machine.run("blk flush blk0")
    assert backing.read(3 * 512, 1500 * 512) == pattern(9, 3, 1500)
    assert machine.run(f"blk sum blk0 0 {sectors}").result("sha256") == backing.sha256()


def reply(frame, length):
    """An answer to the ping of that length, which is its sequence number as well."""
    return frame[12:14] == b"\x08\x00" and frame[23] == 1 and int.from_bytes(frame[40:42], "big") == length


def check_ping(peer, lengths):
    """The IP stack sends back what it was sent."""
    data = random.Random(5).randbytes(1600)
    for length in lengths:
        answers, tries = [], 60
        while not answers and (tries := tries - 1):
            peer.wire.send([peer.ping(length, length, data)])
            answers = [frame for frame in peer.receive(0.5) if reply(frame, length)]
        assert answers and answers[0][42:] == data[:length - 42], f"{len(answers)} answers to {length} bytes"
        assert net_peer.checksum(answers[0][34:]) == 0


def check_net(machine, wire):
    """Echoes of the IP stack, then of the driver, one at a time and many in flight; contents checked."""
    peer = net_peer.Peer(wire)
    peer.find_guest()
    check_ping(peer, (60, 777, 1514))
    machine.send("bench net net0 via=driver\r")
    peer.find_server()
    for length in (60, 61, 512, 1513, 1514):
        peer.echo(1, window=1, length=length)
        peer.echo(100, window=32, length=length)
    wire.send([peer.udp("X", 0)])
    machine.expect_at("ok")
    machine.expect_text("vring0> ")


@pytest.mark.parametrize("row", [pytest.param(row, id=name_of(row), marks=[] if row in THIN else [pytest.mark.long])
                                 for row in ROWS])
def test_matrix(boot, image, wire, row):
    kind, ring, cpus, vectors = row["kind"], row["ring"], row["cpus"], row["vectors"]
    suffix, options = properties(kind, ring)
    options |= {"indirect_desc": row["indirect"], "event_idx": row["event"], **device_options(vectors)}
    backing, ports, buses = image(), [], ({}, {})
    if row["place"] == "port":
        ports = [option for i in (1, 2) for option in ("-device", f"pcie-root-port,id=rp{i},chassis={i},slot={i}")]
        buses = ({"bus": "rp1", **BY_DEFAULT}, {"bus": "rp2", **BY_DEFAULT})
    devices = spelled(nic(backend=wire.backend(), **{**options, **buses[0]}), suffix) + spelled(
        backing.disk(num_queues=cpus, **{**options, **buses[1]}), suffix)
    machine = boot(smp=cpus, append="ip=10.9.0.2/24", devices=ports + devices).ready()
    for name, queues, busy in (("net0", ["rx0", "tx0"], ["rx0"]), ("blk0", [f"req{i}" for i in range(cpus)], ["req0"])):
        check_device(machine, name, kind, ring, indirect=row["indirect"], event=row["event"])
        check_steps(machine, name, expected_rung(vectors, len(queues)))
    check_disk(machine, backing)
    check_net(machine, wire)
    check_sources(machine, "net0", expected_rung(vectors, 2), ["rx0", "tx0"], ["rx0"])
    check_sources(machine, "blk0", expected_rung(vectors, cpus), [f"req{i}" for i in range(cpus)], ["req0"])
    machine.exit(0)


SPELLINGS = [("legacy", "split"), ("transitional", "split"), ("transitional", "packed"), ("modern", "split"),
             ("modern", "packed")]


@pytest.mark.parametrize("kind, ring, size, indirect", [
    pytest.param(*spelling, size, indirect, marks=[] if size <= 8 or indirect == "on" else [pytest.mark.long])
    for spelling in SPELLINGS for size in (4, 8, 256, 1024) for indirect in ("on", "off")])
def test_disk_queue_size(boot, image, kind, ring, size, indirect):
    """QEMU's disk has no smaller ones than four: see test_vhost_user.py."""
    suffix, options = properties(kind, ring)
    options |= {"queue_size": size, "num_queues": 2, "indirect_desc": indirect}
    backing = image()
    machine = boot(smp=2, devices=spelled(backing.disk(**options), suffix)).ready()
    check_device(machine, "blk0", kind, ring, indirect=indirect)
    assert machine.at("device", name="blk0")[0]["queues"] == f"req0:{size} req1:{size}"
    check_disk(machine, backing)
    machine.exit(0)


@pytest.mark.parametrize("size", [256, 512, 1024])
@pytest.mark.parametrize("kind, ring", SPELLINGS)
def test_net_queue_size(boot, wire, kind, ring, size):
    """QEMU has no smaller ones."""
    suffix, options = properties(kind, ring)
    machine = boot(append="ip=10.9.0.2/24", devices=spelled(nic(backend=wire.backend(), rx_queue_size=size, **options),
                                                           suffix)).ready()
    check_device(machine, "net0", kind, ring)
    assert machine.at("device", name="net0")[0]["queues"].split()[0] == f"rx0:{size}"
    check_net(machine, wire)
    machine.exit(0)


@pytest.mark.newer_qemu(9)
@pytest.mark.parametrize("ring", ["split", "packed"])
@pytest.mark.parametrize("cpus", [1, 4])
def test_net_in_order(boot, wire, ring, cpus):
    suffix, options = properties("modern", ring)
    devices = spelled(nic(backend=wire.backend(), **options, in_order="on"), suffix)
    machine = boot(smp=cpus, append="ip=10.9.0.2/24", devices=devices).ready()
    check_device(machine, "net0", "modern", ring)
    assert int(machine.at("device", name="net0")[0]["features"], 16) & IN_ORDER
    check_net(machine, wire)
    machine.exit(0)
