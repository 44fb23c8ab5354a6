"""What "make" has left behind: nothing to do a second time, and the other compiler's system works as well."""
import os
import subprocess

from harness import ROOT, nic

CLANG_ELF = os.path.join(ROOT, "build/clang/apps/status/vring0.elf")
CLANG_EFI = os.path.join(ROOT, "build/clang/apps/status/vring0.efi")


def make(*arguments):
    environment = {key: value for key, value in os.environ.items()
                   if key not in ("MAKEFLAGS", "MAKELEVEL", "CC", "APP")}
    return subprocess.run(["make", "--no-print-directory", *arguments], cwd=ROOT, env=environment, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def test_no_change_builds_nothing():
    """Twice: the first may catch up with what a test has just changed."""
    elf = os.path.join(ROOT, make("-s", "print-elf").stdout.strip())
    assert make("-j2").returncode == 0
    before = os.stat(elf).st_mtime_ns
    done = make("-j2")
    assert done.returncode == 0
    assert not [line for line in done.stdout.splitlines() if "Nothing to be done" not in line], done.stdout
    assert os.stat(elf).st_mtime_ns == before


def test_help():
    text = make("help").stdout
    for goal in ("make run", "make run-pvh", "make test", "make image", "make debug", "make clean"):
        assert goal in text


def test_clang_pvh(boot, image):
    machine = boot(image=["--elf", CLANG_ELF], devices=nic() + image().disk()).ready()
    machine.await_at("event", kind="address")
    machine.run("ping 10.0.2.2 count=1")
    assert machine.run("blk sum blk0 0 2048").result("sha256") == image().sha256()
    machine.run("selftest")
    machine.exit(0)


def test_clang_uefi(boot, image):
    machine = boot(boot="uefi", image=["--efi", CLANG_EFI], devices=nic() + image().disk()).ready()
    assert machine.run("blk sum blk0 0 2048").result("sha256") == image().sha256()
    machine.exit(0)
