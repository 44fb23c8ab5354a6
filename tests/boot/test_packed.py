"""Packed rings, and chains used in order: what is offered, by vectors and CPUs, each with data checked; ring=."""
import pytest

from harness import nic
from modes import check_sources, expected_rung
from test_modern import MODERN, pair
from test_modes import check_steps, device_options, use_disk, use_net

PACKED = 1 << 34
IN_ORDER = 1 << 35


def offered(event_idx, indirect, **more):
    return {"packed": "on", "event_idx": "on" if event_idx else "off", "indirect_desc": "on" if indirect else "off", **more}


def rings(machine):
    return {fields["name"]: fields["ring"] for fields in machine.at("device")}


def features(machine, name):
    return int(machine.at("device", name=name)[0]["features"], 16)


def use(machine, backing):
    use_disk(machine, backing)
    use_net(machine)


# Every two values of event_idx, indirect_desc, vectors and CPUs meet.
@pytest.mark.parametrize("event_idx, indirect, vectors, cpus", [
    (True, True, None, 4), (True, False, 0, 1), (False, True, 0, 4), (False, False, None, 1),
    (True, True, 2, 1), (False, False, 2, 4), (True, False, None, 4), (False, True, None, 1)])
def test_matrix(boot, image, event_idx, indirect, vectors, cpus):
    backing, options = image(), {**offered(event_idx, indirect), **device_options(vectors)}
    machine = boot(smp=cpus, devices=pair(backing, "modern", cpus, options, options)).ready()
    assert rings(machine) == {"net0": "packed", "blk0": "packed"}
    assert not machine.at("fallback", what="ring")
    for name in ("net0", "blk0"):
        assert features(machine, name) & PACKED
        assert bool(features(machine, name) & 1 << 29) == event_idx
        assert bool(features(machine, name) & 1 << 28) == indirect
    use(machine, backing)
    for name, queues, busy in (("net0", ["rx0", "tx0"], ["rx0"]), ("blk0", [f"req{i}" for i in range(cpus)], [])):
        rung = expected_rung(vectors, len(queues))
        check_steps(machine, name, rung)
        check_sources(machine, name, rung, queues, busy)
    machine.exit(0)


def test_split_rings_are_there_for_the_asking(boot, image):
    backing = image()
    machine = boot(append="ring=split", devices=pair(backing, "modern", 1, {"packed": "on"}, {"packed": "on"})).ready()
    assert rings(machine) == {"net0": "split", "blk0": "split"}
    assert int(machine.at("device", name="blk0")[0]["declined"], 16) & PACKED
    use(machine, backing)
    machine.exit(0)


@pytest.mark.parametrize("kind, reason", [("modern", "the device does not offer VIRTIO_F_RING_PACKED"),
                                          ("legacy", "the legacy transport has split rings only")])
def test_packed_rings_that_must_be_and_cannot(boot, image, kind, reason):
    """The disk cannot have them; the network card has them, and is used."""
    backing, legacy = image(), MODERN if kind == "modern" else {}
    machine = boot(append="ring=packed", devices=nic(packed="on", **MODERN) + backing.disk(**legacy)).ready()
    assert rings(machine) == {"net0": "packed"}
    machine.await_line(rf"^error: blk0 00:02\.0: device not used: ring=packed is not available: {reason}$")
    use_net(machine)
    machine.exit(0)


# A disk does not take it: what is ready would wait for what is slow.
@pytest.mark.newer_qemu(9)
@pytest.mark.parametrize("packed, indirect, vectors, cpus", [
    ("on", "on", None, 1), ("on", "off", 0, 4), ("off", "on", 2, 4), ("off", "off", None, 1)])
def test_chains_are_used_in_order(boot, image, packed, indirect, vectors, cpus):
    backing = image()
    options = {"packed": packed, "indirect_desc": indirect, "in_order": "on", **device_options(vectors)}
    machine = boot(smp=cpus, devices=pair(backing, "modern", cpus, options, options)).ready()
    ring = "packed" if packed == "on" else "split"
    assert rings(machine) == {"net0": ring, "blk0": ring}
    assert features(machine, "net0") & IN_ORDER
    assert int(machine.at("device", name="blk0")[0]["declined"], 16) & IN_ORDER
    use(machine, backing)
    machine.run("bench blk blk0 qd=32 bs=4096 op=randread n=2000")
    for _ in range(3):
        use_net(machine)
    machine.exit(0)
