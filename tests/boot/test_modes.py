"""Each number of vectors on each machine with each number of CPUs: the rung that the device must get, with traffic."""
import pytest

from harness import nic
from modes import RUNGS, check_sources, expected_rung

MACHINES = ["q35", "pc"]
VECTORS = [0, 1, 2, None]
CPUS = [1, 2, 4]


def device_options(vectors):
    return {} if vectors is None else {"vectors": vectors}


def rung_of(machine, name):
    return machine.await_at("device", name=name)["irq"]


def check_steps(machine, name, rung):
    """Every rung above the one taken is left by a line that says why."""
    steps = machine.at("fallback", name=name, what="irq")
    assert [step["from"] for step in steps] == RUNGS[:RUNGS.index(rung)]
    assert [step["to"] for step in steps] == RUNGS[1:RUNGS.index(rung) + 1]
    assert all(step["reason"] for step in steps)


def use_disk(machine, backing):
    assert machine.run("blk sum blk0 0 2048").result("sha256") == backing.sha256()
    machine.run("blk write blk0 64 512 5")
    machine.run("blk flush blk0")
    assert machine.run("blk sum blk0 0 2048").result("sha256") == backing.sha256()


def use_net(machine):
    machine.await_at("event", kind="address")
    assert machine.run("ping 10.0.2.2 count=3").result("ping.received") == "3"


@pytest.mark.parametrize("cpus", CPUS)
@pytest.mark.parametrize("vectors", VECTORS)
@pytest.mark.parametrize("kind", MACHINES)
def test_disk(boot, image, kind, vectors, cpus):
    backing = image()
    machine = boot(machine=kind, smp=cpus, devices=backing.disk(num_queues=cpus, **device_options(vectors))).ready()
    rung = expected_rung(vectors, cpus)
    assert rung_of(machine, "blk0") == rung
    check_steps(machine, "blk0", rung)
    use_disk(machine, backing)
    check_sources(machine, "blk0", rung, [f"req{i}" for i in range(cpus)], ["req0"])
    assert machine.at("boot")[0]["cpus"] == str(cpus)
    machine.exit(0)


@pytest.mark.parametrize("cpus", CPUS)
@pytest.mark.parametrize("vectors", VECTORS)
@pytest.mark.parametrize("kind", MACHINES)
def test_net(boot, kind, vectors, cpus):
    machine = boot(machine=kind, smp=cpus, devices=nic(**device_options(vectors))).ready()
    rung = expected_rung(vectors, 2)
    assert rung_of(machine, "net0") == rung
    check_steps(machine, "net0", rung)
    use_net(machine)
    check_sources(machine, "net0", rung, ["rx0", "tx0"], ["rx0"])
    machine.exit(0)


# On several CPUs the firmware makes a difference to lines and messages, not to how many of them there are.
FORCED = [(path, kind, rung, cpus) for path in ("pvh", "uefi") for kind in MACHINES for cpus in (1, 4)
          for rung in ("per-queue", "shared", "single", "intx", "poll")
          if path == "pvh" or cpus == 1 or rung in ("per-queue", "intx")]


@pytest.mark.parametrize("path, kind, rung, cpus", FORCED)
def test_forced(boot, image, path, kind, rung, cpus):
    """`irq=` gives both devices that rung, with nothing said of a step down."""
    backing = image()
    machine = boot(boot=path, machine=kind, smp=cpus, append=f"irq={rung}",
                   devices=nic() + backing.disk(num_queues=cpus)).ready()
    for name in ("net0", "blk0"):
        assert rung_of(machine, name) == rung
        assert not machine.at("fallback", name=name)
    use_disk(machine, backing)
    use_net(machine)
    check_sources(machine, "blk0", rung, [f"req{i}" for i in range(cpus)], ["req0"])
    check_sources(machine, "net0", rung, ["rx0", "tx0"], ["rx0"])
    machine.exit(0)
