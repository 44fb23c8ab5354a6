"""Fixtures: machines that end with their test and show their console when it failed; disk images."""
import hashlib
import os
import random

import pytest

from harness import Machine, disk
from qemus import qemu_from


def pytest_addoption(parser):
    parser.addoption("--all", action="store_true", help="also the tests that take long")


def pytest_configure(config):
    config.addinivalue_line("markers", "newer_qemu(major): needs a QEMU of that version, installed or in .cache")
    config.addinivalue_line("markers", "long: only with --all")


def pytest_collection_modifyitems(config, items):
    if not config.getoption("--all"):
        late = [item for item in items if item.get_closest_marker("long")]
        config.hook.pytest_deselected(items=late)
        items[:] = [item for item in items if item not in late]


@pytest.fixture
def qemu(request):
    """The QEMU for this test: the one of all tests, or the newer one that its mark asks for."""
    mark = request.node.get_closest_marker("newer_qemu")
    if mark is None:
        return None
    found = qemu_from(mark.args[0])
    if found is None:
        pytest.skip(f"needs QEMU {mark.args[0]} or newer (make newer-qemu fetches what the backports have)")
    return found


@pytest.fixture
def boot(tmp_path, request, qemu):
    """boot(...) starts a Machine with these arguments; all of them are gone after the test."""
    machines = request.node.machines = []

    def start(**arguments):
        machines.append(Machine(str(tmp_path), qemu=qemu, **arguments))
        return machines[-1]

    yield start
    for machine in machines:
        machine.stop()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    report = (yield).get_result()
    if report.failed:
        for machine in getattr(item, "machines", []):
            report.sections.append(("machine", " ".join(machine.command_line)))
            report.sections.append(("console", machine.log.replace("\r", "")))


class Image:
    """A raw disk image with contents that tell every sector apart."""

    def __init__(self, path, size, seed):
        self.path, self.size = str(path), size
        with open(path, "wb") as f:
            f.write(random.Random(seed).randbytes(size))

    def read(self, offset=0, length=None):
        with open(self.path, "rb") as f:
            f.seek(offset)
            return f.read(self.size - offset if length is None else length)

    def sha256(self, offset=0, length=None):
        return hashlib.sha256(self.read(offset, length)).hexdigest()

    def disk(self, index=0, **options):
        return disk(self.path, index, **options)


@pytest.fixture
def image(tmp_path):
    """image(size) makes a disk image of that many bytes."""
    def make(size=1 << 20, seed=1):
        return Image(os.path.join(tmp_path, f"disk{seed}.img"), size, seed)
    return make
