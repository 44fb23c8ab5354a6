"""Devices that are not QEMU's own but processes beside it: the disk of qemu-storage-daemon, the network card of DPDK."""
import os
import shutil
import signal
import subprocess

import pytest

from test_matrix import check_device, check_disk

# Another process works in the guest's memory.
SHARED = "q35,memory-backend=shared"
MEMORY = ["-object", "memory-backend-memfd,id=shared,size=256M,share=on"]
# The library of both processes wants VIRTIO_F_VERSION_1.
KINDS = {"transitional": "disable-legacy=off,disable-modern=off",
         "modern": "disable-legacy=on,disable-modern=off"}


@pytest.fixture
def vhost_disk(tmp_path):
    """vhost_disk(image, queues) exports the image and gives the path of the socket to it."""
    daemon = shutil.which("qemu-storage-daemon")
    if not daemon:
        pytest.skip("no qemu-storage-daemon (Debian: package qemu-system-common)")
    pidfile = tmp_path / "daemon.pid"

    def start(image, queues):
        path = tmp_path / "disk.sock"
        subprocess.run([daemon, "--blockdev", f"driver=file,node-name=f,filename={image.path}", "--export",
                        f"type=vhost-user-blk,id=e,addr.type=unix,addr.path={path},node-name=f,writable=on,"
                        f"num-queues={queues}", "--daemonize", "--pidfile", str(pidfile)], check=True, timeout=60,
                       stdin=subprocess.DEVNULL)
        return path

    yield start
    if pidfile.exists():
        os.kill(int(pidfile.read_text()), signal.SIGTERM)


def disk(path, kind, **options):
    return MEMORY + ["-chardev", f"socket,id=c0,path={path}", "-device", ",".join(
        ["vhost-user-blk-pci,chardev=c0", KINDS[kind]] +
        [f"{key.replace('_', '-')}={value}" for key, value in options.items()])]


@pytest.mark.parametrize("kind", ["transitional", "modern"])
@pytest.mark.parametrize("queues", [1, 4])
def test_disk(boot, image, vhost_disk, kind, queues):
    backing = image()
    machine = boot(machine=SHARED, smp=4, devices=disk(vhost_disk(backing, queues), kind, num_queues=queues)).ready()
    check_device(machine, "blk0", kind, "split", indirect="on", event="on")
    assert machine.at("device")[0]["queues"].split()[-1].startswith(f"req{queues - 1}:")
    check_disk(machine, backing)
    machine.exit(0)


@pytest.mark.parametrize("vectors", [0, 1, 2])
def test_disk_interrupts(boot, image, vhost_disk, vectors):
    """The other process interrupts by an event that QEMU turns into the line or message."""
    backing = image()
    machine = boot(machine=SHARED, smp=2, devices=disk(vhost_disk(backing, 2), "modern", num_queues=2,
                                                       vectors=vectors)).ready()
    assert machine.at("device")[0]["irq"] == {0: "intx", 1: "single", 2: "shared"}[vectors]
    check_disk(machine, backing)
    machine.exit(0)


@pytest.mark.parametrize("size", [2, 4, 8, 256, 1024])
def test_disk_queue_size(boot, image, vhost_disk, size):
    """Two is what QEMU's own disk does not have: header, data and status must make do with two descriptors."""
    backing = image()
    machine = boot(machine=SHARED, devices=disk(vhost_disk(backing, 1), "modern", queue_size=size)).ready()
    assert machine.at("device")[0]["queues"] == f"req0:{size}"
    check_disk(machine, backing)
    machine.exit(0)


def test_disk_with_a_ring_of_one(boot, image, vhost_disk):
    machine = boot(machine=SHARED, devices=disk(vhost_disk(image(), 1), "modern", queue_size=1)).ready()
    assert not machine.at("device")
    machine.await_line(r"^error: blk0: a ring of 1 entry holds no request")
    machine.exit(0)


def test_disk_without_packed_rings(boot, image, vhost_disk):
    """QEMU is asked for them, the daemon does not have them."""
    backing = image()
    machine = boot(machine=SHARED, devices=disk(vhost_disk(backing, 1), "modern", packed="on")).ready()
    check_device(machine, "blk0", "modern", "split")
    check_disk(machine, backing)
    machine.exit(0)
