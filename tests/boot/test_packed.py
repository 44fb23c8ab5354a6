"""Packed rings, and chains used in order: what is offered, by vectors and CPUs, each with data checked; ring=."""
import re

import pytest

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
