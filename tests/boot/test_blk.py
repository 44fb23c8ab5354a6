"""virtio-blk: what is read is what the image holds, what is written is found in it, and what cannot be done is said."""
import re
import struct

import pytest

from harness import disk

MIB = 1 << 20


def pattern(number, lba, count):
    """The sectors that `blk write` makes."""
    return b"".join(struct.pack("<64Q", *(number << 48 | sector << 8 | word for word in range(64)))
                    for sector in range(lba, lba + count))


def start(boot, image, *, size=MIB, devices=None, append="", **options):
    """(machine with one disk, its image)"""
    backing = image(size)
    return boot(devices=devices or backing.disk(**options), append=append).ready(), backing


def info(machine):
    return machine.run("blk info blk0").text


# ---- reading ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lba, count", [(0, 1), (0, 2048), (1, 2047), (2047, 1), (3, 255), (100, 257), (17, 1000)])
def test_contents(boot, image, lba, count):
    machine, backing = start(boot, image)
    answer = machine.run(f"blk sum blk0 {lba} {count}")
    assert answer.result("sha256") == backing.sha256(lba * 512, count * 512)
    machine.exit(0)


def test_large_disk(boot, image):
    machine, backing = start(boot, image, size=64 * MIB)
    assert machine.at("device")[0]["capacity"] == str(64 * MIB // 512)
    assert machine.run(f"blk sum blk0 0 {64 * MIB // 512}").result("sha256") == backing.sha256()
    machine.exit(0)


def test_beyond_four_gigabytes(boot, tmp_path):
    """A sparse image of 3 TiB with something in its last sector."""
    path, size = tmp_path / "large.img", 3 << 40
    with open(path, "wb") as f:
        f.seek(size - 512)
        f.write(b"the last sector".ljust(512, b"."))
    machine = boot(devices=disk(str(path))).ready()
    assert machine.at("device")[0]["capacity"] == str(size // 512)
    assert "|the last sector.|" in machine.run(f"blk read blk0 {size // 512 - 1}").text
    machine.exit(0)


def test_dump(boot, image):
    machine, backing = start(boot, image)
    lines = machine.run("blk read blk0 5 2").lines
    found = b"".join(bytes.fromhex("".join(line.split()[1:17])) for line in lines if re.match(r"[0-9a-f]{10} ", line))
    assert found == backing.read(5 * 512, 1024)


@pytest.mark.parametrize("options", [
    {"indirect_desc": "off"}, {"event_idx": "off"}, {"indirect_desc": "off", "event_idx": "off"}, {"queue_size": 8},
    {"queue_size": 4, "indirect_desc": "off"}, {"seg_max_adjust": "off", "queue_size": 128}, {"iothread": "io0"},
    {"ioeventfd": "off"}, {"config_wce": "off"}, {"discard": "off", "write_zeroes": "off"}, {"num_queues": 4},
], ids=lambda options: ",".join(f"{key}={value}" for key, value in options.items()))
def test_device_options(boot, image, options):
    """Every shape of queue carries a read, a write and a flush."""
    backing = image()
    extra = ["-object", "iothread,id=io0"] if "iothread" in options else []
    machine = boot(devices=extra + backing.disk(**options)).ready()
    assert machine.run("blk sum blk0 0 2048").result("sha256") == backing.sha256()
    machine.run("blk write blk0 100 700 7")
    machine.run("blk flush blk0")
    machine.exit(0)
    assert backing.read(100 * 512, 700 * 512) == pattern(7, 100, 700)


# ---- writing ---------------------------------------------------------------------------------------------------------


def test_writes_are_in_the_image(boot, image):
    machine, backing = start(boot, image)
    before = backing.read()
    for number, (lba, count) in enumerate([(0, 1), (2047, 1), (10, 300), (1000, 512)], 1):
        machine.run(f"blk write blk0 {lba} {count} {number}")
        before = before[:lba * 512] + pattern(number, lba, count) + before[(lba + count) * 512:]
    machine.run("blk flush blk0")
    # Flushed: there before the machine ends.
    assert backing.read() == before
    assert machine.run("blk sum blk0 0 2048").result("sha256") == backing.sha256()
    machine.exit(0)
    assert backing.read() == before


def test_flush_reaches_the_host(boot, image, tmp_path):
    trace = tmp_path / "trace.log"
    machine, _ = start(boot, image, devices=image().disk(drive="cache=writeback") + [
        "-trace", "bdrv_co_*", "-trace", "file_*", "-trace", "virtio_blk_*", "-D", str(trace)])
    machine.run("blk write blk0 0 8 1")
    before = trace.read_text().count("virtio_blk_req_complete")
    machine.run("blk flush blk0")
    assert trace.read_text().count("virtio_blk_req_complete") == before + 1
    machine.exit(0)


def test_discard_and_write_zeroes(boot, image):
    machine, backing = start(boot, image, drive="discard=unmap")
    assert re.search(r"discard yes", info(machine)) and re.search(r"write-zeroes yes", info(machine))
    machine.run("blk zero blk0 64 128")
    machine.run("blk discard blk0 1024 512")
    machine.run("blk flush blk0")
    machine.exit(0)
    assert backing.read(64 * 512, 128 * 512) == bytes(128 * 512)
    assert backing.read(0, 64 * 512).strip(b"\0") and backing.read(192 * 512, 512).strip(b"\0")
    assert backing.read(1024 * 512, 512 * 512) == bytes(512 * 512)


def test_discard_not_offered(boot, image):
    machine, backing = start(boot, image, discard="off", write_zeroes="off")
    for verb in ("discard", "zero"):
        answer = machine.command(f"blk {verb} blk0 0 8")
        assert answer.fields["code"] == "EOPNOTSUPP" and "blk0" in answer.fields["msg"]
    assert machine.run("blk sum blk0 0 2048").result("sha256") == backing.sha256()


# ---- kinds of disks --------------------------------------------------------------------------------------------------


def test_4096_byte_blocks(boot, image):
    machine, backing = start(boot, image, logical_block_size=4096, physical_block_size=4096)
    assert machine.at("device")[0]["block_size"] == "4096"
    assert machine.run("blk sum blk0 0 2048").result("sha256") == backing.sha256()
    assert machine.run("blk sum blk0 2040 8").result("sha256") == backing.sha256(2040 * 512)
    for line in ("blk sum blk0 1 8", "blk sum blk0 0 4", "blk write blk0 4 8 1"):
        answer = machine.command(line)
        assert answer.fields["code"] == "EINVAL" and "8" in answer.fields["msg"]
    machine.run("blk write blk0 8 16 3")
    machine.exit(0)
    assert backing.read(8 * 512, 16 * 512) == pattern(3, 8, 16)


def test_read_only(boot, image):
    machine, backing = start(boot, image, drive="readonly=on")
    digest = backing.sha256()
    assert machine.at("device")[0]["read_only"] == "yes"
    for line in ("blk write blk0 0 1 1", "blk discard blk0 0 8", "blk zero blk0 0 8"):
        assert machine.command(line).fields["code"] in ("EROFS", "EOPNOTSUPP"), line
    assert machine.command("blk write blk0 0 1 1").fields["code"] == "EROFS"
    assert machine.run("blk sum blk0 0 2048").result("sha256") == digest
    machine.exit(0)
    assert backing.sha256() == digest


@pytest.mark.parametrize("serial", ["disk-1", "twenty-characters-ab", "with space"])
def test_serial(boot, image, serial):
    machine, _ = start(boot, image, serial=serial)
    assert machine.at("device")[0]["serial"] == serial
    assert serial in info(machine)


@pytest.mark.parametrize("size", [MIB + 1, MIB + 511, MIB + 512 + 100, 512, 1536])
def test_odd_sizes(boot, image, size):
    """A disk has whole sectors; QEMU rounds an image of another size up or down. All that there is can be read."""
    machine, backing = start(boot, image, size=size)
    sectors = int(machine.at("device")[0]["capacity"])
    assert sectors in (size // 512, -(-size // 512))
    whole = min(sectors, size // 512)
    assert machine.run(f"blk sum blk0 0 {whole}").result("sha256") == backing.sha256(0, whole * 512)
    assert machine.command(f"blk sum blk0 {sectors} 1").fields["code"] == "ERANGE"
    machine.exit(0)


def test_odd_size_with_large_blocks(boot, image):
    """Capacity that is no multiple of the block size: named, or cut to whole blocks; the rest is read."""
    machine, backing = start(boot, image, size=MIB + 3 * 512, logical_block_size=4096, physical_block_size=4096)
    assert machine.run("blk sum blk0 0 2048").result("sha256") == backing.sha256(0, MIB)
    assert not machine.command("blk sum blk0 2048 8").ok
    machine.exit(0)


# ---- what cannot be done ---------------------------------------------------------------------------------------------


def test_missing_disk(boot, image):
    machine, backing = start(boot, image)
    for line in ("blk sum blk7 0 1", "blk info net0", "blk write blk1 0 1 1", "blk flush blk9"):
        answer = machine.command(line)
        name = line.split()[2]
        assert answer.fields["code"] == "ENOENT" and name in answer.fields["msg"] and "blk0" in answer.fields["msg"]
    assert machine.run("blk sum blk0 0 2048").result("sha256") == backing.sha256()


@pytest.mark.parametrize("line, code", [
    ("blk sum blk0 2048 1", "ERANGE"), ("blk sum blk0 2047 2", "ERANGE"), ("blk sum blk0 0 99999999999999", "ERANGE"),
    ("blk sum blk0 18446744073709551615 2", "ERANGE"), ("blk sum blk0 18446744073709551616 1", "EINVAL"),
    ("blk sum blk0 0 0", "EINVAL"), ("blk sum blk0 x 1", "EINVAL"), ("blk sum blk0 -1 1", "EINVAL"),
    ("blk sum blk0", "EINVAL"), ("blk nonsense blk0 0 1", "EINVAL"), ("blk write blk0 0 1", "EINVAL"),
    ("blk write blk0 0 1 99999", "EINVAL")])
def test_wrong_ranges(boot, image, line, code):
    machine, backing = start(boot, image)
    assert machine.command(line).fields["code"] == code
    assert machine.run("blk sum blk0 0 8").result("sha256") == backing.sha256(0, 4096)


def faulty_disk(image, tmp_path, *rules):
    """QEMU options of a disk that fails as the rules say: (event, errno, further settings)."""
    config = tmp_path / "blkdebug.conf"
    config.write_text("".join(f'[inject-error]\nevent = "{event}"\nerrno = "{errno}"\n' +
                              "".join(f'{key} = "{value}"\n' for key, value in more.items())
                              for event, errno, more in rules))
    return ["-drive", f"if=none,id=d0,format=raw,file.driver=blkdebug,file.config={config},"
            f"file.image.filename={image.path},werror=report,rerror=report",
            "-device", "virtio-blk-pci,drive=d0,disable-modern=on,disable-legacy=off"]


EIO, ENOSPC = 5, 28


def test_read_errors(boot, image, tmp_path):
    """Every read of one sector fails: EIO names it, other sectors are read, and the machine goes on."""
    backing = image()
    machine = boot(devices=faulty_disk(backing, tmp_path, ("read_aio", EIO, {"sector": 1000}))).ready()
    answer = machine.command("blk sum blk0 1000 1")
    assert answer.fields["code"] == "EIO" and "blk0" in answer.fields["msg"] and "1000" in answer.fields["msg"]
    assert machine.at("event", name="blk0", kind="io-error", op="read", sector=1000)
    assert machine.command("blk sum blk0 0 2048").fields["code"] == "EIO"
    assert machine.run("blk sum blk0 0 1000").result("sha256") == backing.sha256(0, 1000 * 512)
    assert machine.run("blk sum blk0 1001 1047").result("sha256") == backing.sha256(1001 * 512)
    machine.exit(0)


def test_write_and_flush_errors(boot, image, tmp_path):
    machine = boot(devices=faulty_disk(image(), tmp_path, ("write_aio", EIO, {"sector": 8}),
                                       ("flush_to_disk", EIO, {}))).ready()
    assert machine.command("blk write blk0 8 1 1").fields["code"] == "EIO"
    assert machine.command("blk flush blk0").fields["code"] == "EIO"
    machine.run("blk write blk0 9 1 1")
    machine.exit(0)


def test_full_host_disk(boot, image, tmp_path):
    backing = image()
    machine = boot(devices=faulty_disk(backing, tmp_path, ("write_aio", ENOSPC, {"once": "on"}))).ready()
    assert machine.command("blk write blk0 0 64 1").fields["code"] in ("EIO", "ENOSPC")
    assert machine.run("blk sum blk0 0 2048").result("sha256") == backing.sha256()


# ---- while it runs ---------------------------------------------------------------------------------------------------


def test_resize(boot, image):
    machine = boot(devices=image().disk(), qmp=True).ready()
    machine.qmp.call("block_resize", device="d0", size=2 * MIB)
    machine.expect_at("event", name="blk0", kind="resize")
    assert machine.run("blk sum blk0 2048 2048").ok
    machine.exit(0)


def test_counters(boot, image):
    """Requests of one transfer go out together: fewer notifications than requests."""
    machine, _ = start(boot, image, size=16 * MIB)
    machine.run(f"blk sum blk0 0 {16 * MIB // 512}")
    counts = re.search(r"so far: (\d+) requests, 0 failed, (\d+) notifications, (\d+) interrupts", info(machine))
    requests, notifications, interrupts = map(int, counts.groups())
    assert requests >= notifications > 0 and 0 < interrupts <= requests


def test_bench(boot, image):
    machine, _ = start(boot, image)
    for operation in ("randread", "read", "write", "randwrite"):
        answer = machine.run(f"bench blk blk0 qd=8 bs=4096 op={operation} n=200")
        assert answer.at("result")
    for wrong in ("qd=0", "bs=100", "op=sideways", "n=x"):
        assert machine.command(f"bench blk blk0 {wrong}").fields["code"] == "EINVAL", wrong
    assert machine.command("bench blk blk7").fields["code"] == "ENOENT"
    machine.exit(0)
