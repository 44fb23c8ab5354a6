"""Which QEMUs there are: the one that all tests use, and a newer one that tools/newer-qemu has fetched."""
import functools
import glob
import os
import re
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DEFAULT = os.environ.get("QEMU", "qemu-system-x86_64")


@functools.lru_cache(maxsize=None)
def version(qemu=DEFAULT):
    """(10, 0, 2); () of what is no QEMU."""
    try:
        said = subprocess.run([qemu, "--version"], text=True, capture_output=True, timeout=60).stdout
    except OSError:
        return ()
    match = re.match(r"QEMU emulator version (\d+)\.(\d+)\.(\d+)", said)
    return tuple(int(number) for number in match.groups()) if match else ()


def qemu_from(major):
    """A QEMU of at least that version, the one of all tests before others; None if there is none."""
    fetched = glob.glob(os.path.join(ROOT, ".cache", "qemu-*", "qemu-system-x86_64"))
    for qemu in [DEFAULT, *sorted(fetched, key=version)]:
        if version(qemu) >= (major,):
            return qemu
    return None
