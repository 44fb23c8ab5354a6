"""An appliance in a folder of its own, outside this tree: built with and without console, booted every way."""
import os

import pytest

from harness import ROOT, nic
from test_build import make

SOURCE = r"""
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "extra.h"
#include "vring0/block.h"
#include "vring0/system.h"

int main(int argc, char **argv)
{
    char text[64];

    printf("app: %d arguments, last %s, %s, pi is %.4f\n", argc, argv[argc - 1], EXTRA, acos(-1));
    snprintf(text, sizeof(text), "version %s", system_version());
    puts(text);
    printf("app: disk %s\n", block_find("blk0") ? "there" : "missing");
    return 7;
}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The appliance, built both ways."""
    folder = tmp_path_factory.mktemp("appliance") / "my app".replace(" ", "-")
    folder.mkdir()
    (folder / "main.c").write_text(SOURCE)
    (folder / "extra.h").write_text('#define EXTRA "own header"\n')
    for console in ("y", "n"):
        done = make("-j2", f"APP={folder}", f"CONSOLE={console}")
        assert done.returncode == 0, done.stdout
    yield folder
    make(f"APP={folder}", "print-elf")


def product(folder, console, suffix):
    path = make("-s", f"APP={folder}", f"CONSOLE={console}", f"print-{suffix}").stdout.strip()
    return os.path.join(ROOT, path)


WAYS = {"elf": dict(boot="pvh", option="--elf"), "efi": dict(boot="uefi", option="--efi"),
        "img": dict(boot="uefi", option="--img")}


@pytest.mark.parametrize("way", WAYS)
def test_without_console(boot, image, folder, way):
    """The end of main() is the end of the machine, and its value the status."""
    file = product(folder, "n", way)
    machine = boot(boot=WAYS[way]["boot"], image=[WAYS[way]["option"], file], append="ip=none one two",
                   devices=nic() + image().disk())
    machine.expect_line(r"^app: 3 arguments, last two, own header, pi is 3\.1416")
    machine.expect_line(r"^version \d+\.\d+\.\d+")
    machine.expect_line(r"^app: disk there")
    assert machine.wait_exit() == 7
    assert machine.at("exit") == [{"code": "7"}]
    assert len(machine.at("ready")) == 1


@pytest.mark.parametrize("way", WAYS)
def test_with_console(boot, folder, way):
    """The console stays when main() has ended."""
    file = product(folder, "y", way)
    machine = boot(boot=WAYS[way]["boot"], image=[WAYS[way]["option"], file], append="ip=none one two").ready()
    machine.await_line(r"^app: 3 arguments, last two")
    machine.await_line(r"status 7")
    machine.run("version")
    machine.exit(0)


def test_hello(boot):
    assert make("-j2", "APP=apps/hello", "CONSOLE=n").returncode == 0
    machine = boot(image=["--elf", product("apps/hello", "n", "elf")])
    machine.expect_line(r"^Hello from \w+")
    assert machine.wait_exit() == 0


def test_folder_without_sources(tmp_path):
    done = make(f"APP={tmp_path}")
    assert done.returncode != 0 and "no C files" in done.stdout
