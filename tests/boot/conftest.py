"""Fixtures: machines that end with their test and show their console when it failed; disk images."""
import hashlib
import os
import random

import pytest

from harness import Machine, disk


@pytest.fixture
def boot(tmp_path, request):
    """boot(...) starts a Machine with these arguments; all of them are gone after the test."""
    machines = request.node.machines = []

    def start(**arguments):
        machines.append(Machine(str(tmp_path), **arguments))
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
