"""The disk image of `make image`: its partition table, and that UEFI firmware boots it from several kinds of disk."""
import hashlib
import os
import shutil
import struct
import zlib

import pytest

from harness import ROOT, disk, nic

IMG = os.path.join(ROOT, "build/gcc/apps/status/vring0.img")
ESP_TYPE = bytes.fromhex("28732ac11ff8d211ba4b00a0c93ec93b")


def header(data, lba):
    """A GPT header's fields, its checksum verified."""
    raw = data[lba * 512:lba * 512 + 92]
    (signature, _, size, crc, _, mine, other, first, last, _, entries, count, length,
     entries_crc) = struct.unpack("<8sIIIIQQQQ16sQIII", raw)
    assert signature == b"EFI PART" and size == 92
    assert zlib.crc32(raw[:16] + b"\0\0\0\0" + raw[20:]) == crc
    table = data[entries * 512:entries * 512 + count * length]
    assert zlib.crc32(table) == entries_crc
    return mine, other, first, last, table[:length]


def test_partition_table():
    with open(IMG, "rb") as f:
        data = f.read()
    end = len(data) // 512 - 1
    assert data[510:512] == b"\x55\xaa" and data[450] == 0xee
    first = header(data, 1)
    assert first[:2] == (1, end)
    assert header(data, end)[:2] == (end, 1)
    start, stop = struct.unpack_from("<QQ", first[4], 32)
    assert first[4][:16] == ESP_TYPE and first[2] <= start < stop <= first[3]
    assert data[start * 512 + 510:start * 512 + 512] == b"\x55\xaa"


def test_boots_from_sata(boot, image):
    machine = boot(boot="uefi", image=["--img", IMG], devices=nic() + image().disk()).ready()
    assert machine.at("boot")[0]["path"] == "uefi"
    assert machine.run("blk sum blk0 0 2048").result("sha256") == image().sha256()
    machine.exit(0)


@pytest.mark.parametrize("kind", ["q35", "pc"])
def test_boots_from_the_disk_that_it_then_drives(boot, image, tmp_path, kind):
    """The firmware's driver has used the virtio disk; vring0 takes it over with the memory behind its rings."""
    copy = shutil.copy(IMG, tmp_path / "copy.img")
    empty = image(1 << 16, seed=9).path
    machine = boot(boot="uefi", machine=kind, image=["--img", empty], devices=nic() +
                   disk(copy, bootindex=1)).ready()
    answer = machine.run("blk sum blk0 0 2048")
    with open(IMG, "rb") as f:
        assert answer.result("sha256") == hashlib.sha256(f.read(1 << 20)).hexdigest()
    machine.await_at("event", kind="address")
    machine.exit(0)
