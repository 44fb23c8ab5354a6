"""The boot command line: what is wrong with it is said, and the rest of it holds."""
import pytest

from harness import nic


def test_unknown_option(boot):
    machine = boot(append="colour=blue ip=none").ready()
    machine.await_line(r"^warning: .*colour")
    machine.exit(0)


@pytest.mark.parametrize("option", ["irq=loud", "transport=carrier-pigeon", "ring=round", "loglevel=chatty",
                                    "cpus=0", "cpus=many", "ip=10.0.2.300/24", "ip=10.0.2.5", "ip=10.0.2.5/40"])
def test_bad_value(boot, option):
    """An error line names option and value, and the default stands."""
    key, value = option.split("=")
    machine = boot(append=option, devices=nic()).ready()
    line = machine.await_line(r"^error: .*boot option").string
    assert key in line and value in line
    machine.await_at("device", name="net0", irq="per-queue", transport="legacy", ring="split")
    machine.await_at("event", kind="address", via="dhcp")
    machine.exit(0)


def test_unclosed_quote(boot):
    machine = boot(append='loglevel=debug run="version').ready()
    machine.await_line(r"^error: .*quote")
    machine.exit(0)


def test_fw_cfg_adds_to_append(boot):
    """Both sources count, the later one wins."""
    machine = boot(append="loglevel=debug ip=10.0.2.5/24", devices=nic() + [
        "-fw_cfg", "name=opt/org.vring0/cmdline,string=ip=10.0.2.6/24"]).ready()
    machine.await_at("event", kind="address", ip="10.0.2.6/24")
    machine.exit(0)


def test_efi_load_options(boot):
    """OVMF hands -append over as load options of the EFI program; fw_cfg adds to them."""
    machine = boot(boot="uefi", append="ip=10.0.2.6/24", devices=nic() + [
        "-append", "colour=blue ip=10.0.2.5/24"]).ready()
    machine.await_line(r"^warning: .*colour")
    machine.await_at("event", kind="address", ip="10.0.2.6/24")
    machine.exit(0)


def test_long_line(boot):
    """Longer than the kernel keeps: that is said, and its beginning holds."""
    machine = boot(append="run=version " + "x" * 3000)
    machine.await_line(r"^error: boot command line: longer than \d+ bytes")
    assert machine.wait_exit() == 0
