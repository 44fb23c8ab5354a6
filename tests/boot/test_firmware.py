"""Firmware that says wrong things or nothing: each is named, and the rest keeps working."""
import pytest

from harness import nic


def works(machine, image):
    machine.await_at("event", kind="address")
    machine.run("ping 10.0.2.2 count=1")
    assert machine.run("blk sum blk0 0 2048").result("sha256") == image().sha256()
    machine.exit(0)


@pytest.mark.parametrize("length", [1, 7])
def test_truncated_table(boot, image, tmp_path, length):
    """i440fx has no MCFG of its own, so QEMU's extra table is the one."""
    table = tmp_path / "mcfg"
    table.write_bytes(bytes(length))
    machine = boot(machine="pc", devices=["-acpitable", f"sig=MCFG,data={table}"] + nic() + image().disk()).ready()
    machine.await_line(r"^(warning|error): .*ACPI MCFG.*")
    works(machine, image)


def test_nonsense_table(boot, image, tmp_path):
    """An MCFG that puts configuration space where there is none."""
    table = tmp_path / "mcfg"
    table.write_bytes(bytes(8) + (0xffff_ffff_f000_0000).to_bytes(8, "little") + bytes([0, 0, 0, 255]) + bytes(4))
    machine = boot(machine="pc", devices=["-acpitable", f"sig=MCFG,data={table}"] + nic() + image().disk()).ready()
    works(machine, image)


@pytest.mark.parametrize("kind", ["q35,acpi=off", "pc,acpi=off"])
def test_no_acpi(boot, image, kind):
    machine = boot(machine=kind, devices=nic() + image().disk()).ready()
    works(machine, image)
