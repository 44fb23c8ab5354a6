"""What an appliance hears of its devices, in every interrupt mode: link, announcement, resize; and of the network it waits for."""
import re

import pytest

from harness import nic
from test_appliance import product
from test_build import make
from test_net_mq import MODES, connect

MIB = 1 << 20

SOURCE = r"""
#include <stdio.h>
#include "vring0/block.h"
#include "vring0/netdev.h"
#include "vring0/system.h"

static volatile int went_down;

static void on_event(void *arg, enum netdev_event event)
{
    static const char *const names[] = {"down", "up", "announce"};

    printf("app: %s %s\n", (const char *)arg, names[event]);
    went_down |= event == NETDEV_LINK_DOWN;
    if (event == NETDEV_ANNOUNCE)
        netdev_watch(netdev_find("net0"), NULL, NULL);
}

static void spawned(void *arg)
{
    (void)arg;
    for (;;)
        system_sleep_ms(1000);
}

/* May block, start threads, and stop watching. */
static void on_resize(struct block_device *dev, void *arg)
{
    unsigned long long sectors = block_info(dev)->sector_cnt;
    char sector[512];

    system_thread("spawned", spawned, NULL);
    printf("app: %llu sectors, the last one read: %d\n", sectors, block_read(dev, sectors - 1, sector, sizeof(sector)));
    if (*(int *)arg > 0 && --*(int *)arg == 0)
        block_unwatch(dev, on_resize, arg);
}

int main(void)
{
    static int twice = 2;

    if (netdev_watch(netdev_find("net0"), on_event, "net0") != 0 || block_watch(block_find("blk0"), on_resize, &twice) != 0)
        return 1;
    printf("app: watching\n");
    printf("app: network %d\n", system_network_wait(20000));
    while (!went_down)
        system_sleep_ms(1);
    printf("app: waiting again\n");
    printf("app: network again %d\n", system_network_wait(20000));
    for (;;)
        system_sleep_ms(1000);
}
"""


@pytest.fixture(scope="module")
def elf(tmp_path_factory):
    folder = tmp_path_factory.mktemp("watch") / "watcher"
    folder.mkdir()
    (folder / "main.c").write_text(SOURCE)
    done = make("-j2", f"APP={folder}", "CONSOLE=y")
    assert done.returncode == 0, done.stdout
    return product(folder, "y", "elf")


@pytest.mark.parametrize("mode", MODES)
def test_an_appliance_is_told(boot, image, elf, mode):
    machine = boot(image=["--elf", elf], devices=nic(backend="user,ipv6=off") + image().disk() + ["-S"],
                   smp=2, qmp=True, append=f"ip=10.0.2.15/24,10.0.2.2 irq={mode}")
    connect(machine)
    machine.qmp.call("set_link", name="n0", up=False)
    machine.qmp.call("cont")
    machine.ready()
    machine.await_line(r"^app: watching")
    machine.qmp.call("set_link", name="n0", up=True)
    machine.await_line(r"^app: net0 up")
    machine.await_line(r"^app: network -?\d+")
    machine.await_at("event", name="net0", kind="address6")
    machine.qmp.call("set_link", name="n0", up=False)
    machine.await_line(r"^app: net0 down")
    machine.await_line(r"^app: waiting again")
    for size in (2, 1, 3):
        machine.qmp.call("block_resize", device="d0", size=size * MIB)
        machine.await_line(rf"^app: {size * MIB // 512} sectors" if size < 3 else "kind=resize sectors=6144")
    machine.qmp.call("set_link", name="n0", up=True)
    machine.expect_at("event", name="net0", kind="link", state="up")
    machine.qmp.call("announce-self", initial=50, max=550, rounds=1, step=50)
    machine.await_line(r"^app: net0 announce")
    machine.await_line(r"^app: network again -?\d+")
    machine.qmp.call("set_link", name="n0", up=False)
    machine.expect_at("event", name="net0", kind="link", state="down")
    machine.run("version")
    told = [line for line in machine.lines if line.startswith("app: ")]
    assert sorted(told) == sorted([
        "app: watching", "app: network 0", "app: waiting again", "app: network again 0",
        "app: net0 up", "app: net0 down", "app: net0 up", "app: net0 announce",
        "app: 4096 sectors, the last one read: 0", "app: 2048 sectors, the last one read: 0"])
    machine.exit(0)


def test_a_thread_that_a_callback_starts(boot, image, elf):
    """It is one of the program's, which all run on the first CPU, wherever the callback runs."""
    machine = boot(image=["--elf", elf], devices=nic() + image().disk(), smp=2, qmp=True, append="ip=none").ready()
    machine.await_line(r"^app: watching")
    machine.run("irq affinity blk0-config 1")
    machine.qmp.call("block_resize", device="d0", size=2 * MIB)
    machine.await_line(r"^app: 4096 sectors")
    assert re.search(r"^ *\d+ +spawned +0 ", machine.run("threads").text, re.M)
    machine.exit(0)
