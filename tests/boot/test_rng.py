"""virtio-rng and the entropy pool: every spelling of the device in every interrupt mode, sources that are not worth
their name, machines without any."""
import time

import pytest

from harness import LINE_TIMEOUT, nic
from modes import check_sources, expected_rung
from test_appliance import product
from test_build import make
from test_modern import KINDS, spelled
from test_modes import device_options

SEED_BITS = 128
SOURCE = r"""
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(void)
{
    unsigned char a[256], b[256];
    int whole = getentropy(a, sizeof(a)), err = whole != 0 ? errno : 0;

    printf("app: getentropy says %d\n", err);
    printf("app: too much says %d\n", getentropy(a, 257) == 0 ? 0 : errno);
    if (whole != 0)
        return 1;
    arc4random_buf(b, sizeof(b));
    printf("app: %s\n", memcmp(a, b, sizeof(a)) != 0 && arc4random() != arc4random() ? "differ" : "same");
    return 0;
}
"""
# A clock that counts instructions: timing tells nothing. QEMU's default CPU has no generator either.
NO_SOURCE = ["-icount", "shift=2"]


def rng(kind="modern", index=0, backend=None, **device):
    """QEMU options of a virtio-rng device."""
    suffix, properties, _ = KINDS[kind]
    extra = {**properties, **device}
    chosen = "".join(f",{key.replace('_', '-')}={value}" for key, value in extra.items() if value is not None)
    source = ["-object", f"{backend},id=r{index}"] if backend else []
    return source + spelled(["-device", f"virtio-rng-pci{f',rng=r{index}' if backend else ''}{chosen}"], suffix)


def await_bits(machine, wanted):
    """Bits that devices have given, as soon as they are that many."""
    deadline = time.monotonic() + LINE_TIMEOUT
    while True:
        bits = int(machine.run("rng").result("rng.device"))
        if bits >= wanted:
            return bits
        assert time.monotonic() < deadline, f"{bits} bits from the device\n{machine.tail()}"


def check_pool(machine):
    """It is seeded and gives different bytes each time."""
    assert machine.run("rng 32").result("rng.bytes") != machine.run("rng 32").result("rng.bytes")
    assert machine.run("rng").result("rng.seeded") == "yes"


@pytest.mark.parametrize("kind, vectors, cpus", [
    ("modern", 0, 4), ("modern", None, 1), ("non-transitional", 1, 1), ("non-transitional", None, 4),
    ("transitional", 2, 4), ("transitional", 0, 1), ("legacy", 1, 4), ("legacy", None, 1)])
def test_feeds_the_pool(boot, kind, vectors, cpus):
    machine = boot(smp=cpus, devices=rng(kind, **device_options(vectors))).ready()
    assert machine.at("device", name="rng0")[0]["transport"] == KINDS[kind][2]
    await_bits(machine, 256)
    check_pool(machine)
    await_bits(machine, 512)  # the first ones have become a seed: it is asked for more
    check_sources(machine, "rng0", expected_rung(vectors, 1), ["req0"], ["req0"])
    machine.exit(0)


@pytest.mark.parametrize("mode", ["per-queue", "shared", "single", "intx", "poll"])
def test_by_a_packed_ring(boot, mode):
    machine = boot(smp=2, append=f"irq={mode}", devices=rng(packed="on")).ready()
    assert machine.at("device", name="rng0", ring="packed", irq=mode)
    await_bits(machine, 256)
    check_pool(machine)
    await_bits(machine, 512)  # as above
    machine.exit(0)


@pytest.mark.parametrize("mode", ["per-queue", "shared", "single", "intx", "poll"])
def test_interrupt_modes(boot, mode):
    machine = boot(append=f"irq={mode}", devices=rng()).ready()
    assert machine.at("device", name="rng0")[0]["irq"] == mode
    await_bits(machine, 256)
    check_pool(machine)
    await_bits(machine, 512)
    machine.exit(0)


def test_is_not_asked_without_need(boot, tmp_path):
    """One buffer for the first seed, one kept in store; numbers that are given out need no further ones."""
    trace = tmp_path / "trace.log"
    machine = boot(devices=rng() + ["-trace", "virtio_rng_pushed", "-D", str(trace)]).ready()
    check_pool(machine)
    await_bits(machine, 512)
    for _ in range(5):
        machine.run("rng 64")
    machine.exit(0)
    assert trace.read_text().count("virtio_rng_pushed") == 2


@pytest.mark.parametrize("path, kind, port", [("uefi", "q35", False), ("pvh", "pc", False), ("pvh", "q35", True),
                                              ("pvh", "microvm,pcie=on", False)])
def test_machines(boot, path, kind, port):
    """Firmware that used the device before, and root ports, make no difference."""
    ports = ["-device", "pcie-root-port,id=rp1,chassis=1,slot=1"] if port else []
    options = {"bus": "rp1", "disable_legacy": None, "disable_modern": None} if port else {}
    machine = boot(boot=path, machine=kind, devices=ports + rng(**options)).ready()
    await_bits(machine, 256)
    check_pool(machine)
    machine.exit(0)


def test_several_devices(boot):
    machine = boot(devices=rng(index=0) + rng("legacy", index=1)).ready()
    assert [fields["name"] for fields in machine.at("device")] == ["rng0", "rng1"]
    await_bits(machine, 512)
    check_pool(machine)
    machine.exit(0)


def test_a_device_that_gives_little_at_a_time(boot):
    machine = boot(devices=rng(max_bytes=8, period=10)).ready()
    await_bits(machine, 256)
    machine.exit(0)


def test_without_a_source_nothing_is_given(boot):
    """The network, which must have numbers, works all the same."""
    machine = boot(devices=NO_SOURCE + nic()).ready()
    machine.await_at("event", name="net0", kind="address")
    answer = machine.command("rng 16")
    assert not answer.ok and answer.fields["code"] == "EAGAIN"
    assert machine.run("rng").result("rng.seeded") == "no"
    assert machine.run("ping 10.0.2.2 count=1").result("ping.received") == "1"
    machine.exit(0)


def test_a_device_alone_is_enough(boot):
    machine = boot(devices=NO_SOURCE + rng()).ready()
    await_bits(machine, SEED_BITS)
    check_pool(machine)
    sources = machine.run("rng")
    assert sources.result("rng.jitter") == "0" and sources.result("rng.cpu") == "0"
    machine.exit(0)


def test_a_device_that_gives_always_the_same_is_not(boot):
    machine = boot(devices=NO_SOURCE + rng(backend="rng-random,filename=/dev/zero")).ready()
    for _ in range(3):
        assert machine.command("rng 16").fields["code"] == "EAGAIN"
    assert machine.run("rng").result("rng.device") == "0"
    machine.exit(0)


def test_such_a_device_does_no_harm_to_other_sources(boot):
    machine = boot(cpu="max", devices=rng(backend="rng-random,filename=/dev/zero")).ready()
    check_pool(machine)
    sources = machine.run("rng")
    assert int(sources.result("rng.cpu")) >= 256 and sources.result("rng.device") == "0"
    machine.exit(0)


def test_timing_where_there_is_nothing_else(boot):
    machine = boot().ready()
    check_pool(machine)
    sources = machine.run("rng")
    assert sources.result("rng.cpu") == "0" and int(sources.result("rng.jitter")) >= SEED_BITS
    machine.exit(0)


@pytest.mark.parametrize("line", ["rng 0", "rng 65", "rng x", "rng 1 2"])
def test_bad_arguments(boot, line):
    machine = boot().ready()
    assert machine.command(line).fields["code"] == "EINVAL"
    machine.exit(0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """An appliance that asks the C library, without a console."""
    folder = tmp_path_factory.mktemp("random") / "app"
    folder.mkdir()
    (folder / "main.c").write_text(SOURCE)
    done = make("-j2", f"APP={folder}", "CONSOLE=n")
    assert done.returncode == 0, done.stdout
    return folder


def test_the_c_library(boot, folder):
    machine = boot(image=["--elf", product(folder, "n", "elf")], devices=rng())
    machine.expect_line("^app: getentropy says 0$")
    machine.expect_line("^app: too much says 5$")  # EIO
    machine.expect_line("^app: differ$")
    assert machine.wait_exit() == 0


def test_the_c_library_without_a_source(boot, folder):
    machine = boot(image=["--elf", product(folder, "n", "elf")], devices=NO_SOURCE)
    machine.expect_line("^app: getentropy says 11$")  # EAGAIN
    assert machine.wait_exit() == 1
