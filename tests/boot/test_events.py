"""What happens to a device while it works, in every interrupt mode: link down and up, an announcement, a new size."""
import pytest

from harness import nic

MIB = 1 << 20
MODES = ["per-queue", "shared", "single", "intx", "poll"]


def start(boot, image, mode, cpus):
    backing = image(4 * MIB)
    machine = boot(smp=cpus, append=f"irq={mode}", qmp=True, devices=nic() + backing.disk(num_queues=cpus)).ready()
    machine.await_at("event", name="net0", kind="address")
    assert {fields["irq"] for fields in machine.at("device")} == {mode}
    return machine, backing


@pytest.mark.parametrize("cpus", [1, 4])
@pytest.mark.parametrize("mode", MODES)
def test_link_and_announce(boot, image, mode, cpus):
    machine, _ = start(boot, image, mode, cpus)
    machine.run("blk soak blk0 start")
    machine.run("ping 10.0.2.2 count=2")
    for _ in range(3):
        machine.qmp.call("set_link", name="n0", up=False)
        machine.expect_at("event", name="net0", kind="link", state="down")
        assert not machine.command("ping 10.0.2.2 count=1").ok
        machine.qmp.call("set_link", name="n0", up=True)
        machine.expect_at("event", name="net0", kind="link", state="up")
        assert machine.run("ping 10.0.2.2 count=2").result("ping.received") == "2"
    machine.qmp.monitor("announce_self")
    machine.expect_at("event", name="net0", kind="announce")
    machine.run("ping 10.0.2.2 count=1")
    machine.run("blk soak blk0 stop")
    machine.exit(0)


@pytest.mark.parametrize("cpus", [1, 4])
@pytest.mark.parametrize("mode", MODES)
def test_resize_under_load(boot, image, mode, cpus):
    """Larger: the new sectors are there. Smaller: what lies beyond fails with EIO, and nothing is lost."""
    machine, backing = start(boot, image, mode, cpus)
    machine.run("blk soak blk0 start")
    machine.qmp.call("block_resize", device="d0", size=8 * MIB)
    machine.expect_at("event", name="blk0", kind="resize", capacity=8 * MIB // 512)
    assert machine.run(f"blk sum blk0 {4 * MIB // 512} 2048").ok
    machine.qmp.call("block_resize", device="d0", size=2 * MIB)
    machine.expect_at("event", name="blk0", kind="resize", capacity=2 * MIB // 512)
    answer = machine.command(f"blk sum blk0 {3 * MIB // 512} 8")
    assert answer.fields["code"] in ("EIO", "ERANGE")
    machine.run("blk soak blk0 stop")
    machine.exit(0)
