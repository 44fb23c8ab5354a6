"""tools/qemu-run by itself: its exit statuses, what it refuses, and its defaults."""
import shlex
import subprocess

import pytest

from harness import QEMU_RUN, ROOT


def qemu_run(*arguments, timeout=120):
    return subprocess.run([QEMU_RUN, *arguments], cwd=ROOT, stdin=subprocess.DEVNULL, text=True, errors="replace",
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout)


def test_defaults():
    """As `make run` starts it: UEFI, a network card, and the demo disk."""
    done = qemu_run("--append", 'run="blk sum blk0 0 1; exit 6"')
    assert done.returncode == 6, done.stdout
    assert "@device name=net0" in done.stdout and "@device name=blk0" in done.stdout
    assert "http://127.0.0.1:" in done.stderr


def test_status_of_run():
    for script, status in (("version", 0), ("exit 42", 42), ("nonsense", 2)):
        assert qemu_run("--pvh", "--net", "none", "--disk", "none", "--append", f'run="{script}"').returncode == status


def test_timeout():
    done = qemu_run("--pvh", "--net", "none", "--disk", "none", "--timeout", "3")
    assert done.returncode == 124 and "@ready" in done.stdout


def test_machine_that_is_lost():
    assert qemu_run("--pvh", "--net", "none", "--disk", "none", "--append", 'run="reboot"').returncode == 125


def test_wrong_use():
    for arguments in (["--elf", "/nowhere"], ["--uefi", "--machine", "microvm"], ["--disk", "/nowhere.img"],
                      ["--net", "tap"], ["--nonsense"]):
        done = qemu_run(*arguments)
        assert done.returncode not in (0, 125) and done.stderr


def test_dry_run():
    done = qemu_run("--pvh", "--dry-run", "--memory", "16M", "--append", "loglevel=debug")
    assert done.returncode == 0
    assert "-m 16M" in done.stdout and "loglevel=debug" in done.stdout and "virtio-net-pci" in done.stdout


def test_microvm_has_devices():
    """It has no ports for legacy ones, so that is not what it gets."""
    assert qemu_run("--pvh", "--machine", "microvm", "--append", 'run="blk sum blk0 0 8; net"').returncode == 0


@pytest.mark.parametrize("machine", [["--pvh", "--machine", "q35"], ["--pvh", "--machine", "pc"], ["--uefi"],
                                     ["--pvh", "--machine", "microvm"]], ids=" ".join)
def test_acpi_power_off(machine):
    """Without QEMU's debug-exit port, as on real machines: ACPI ends the run."""
    dry = qemu_run(*machine, "--net", "none", "--disk", "none", "--append", 'run="exit 3"', "--dry-run")
    command = shlex.split(dry.stdout)
    at = command.index("isa-debug-exit,iobase=0xf4,iosize=4")
    del command[at - 1:at + 1]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, text=True, errors="replace", stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=120)
    assert done.returncode == 0 and "@exit code=3" in done.stdout
