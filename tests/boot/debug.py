"""A machine under control from outside: stopped at a function of the kernel (QEMU's gdb server), and written to as by a
device (QEMU's qtest server)."""
import os
import socket
import subprocess

from harness import ROOT


def symbol(name):
    """Address of a function in the kernel that "make" has built."""
    elf = subprocess.run(["make", "--no-print-directory", "-s", "print-elf"], cwd=ROOT, check=True, text=True,
                         stdout=subprocess.PIPE).stdout.strip()
    listing = subprocess.run(["nm", os.path.join(ROOT, elf)], check=True, text=True, stdout=subprocess.PIPE).stdout
    found = [line.split()[0] for line in listing.splitlines() if line.split()[-1] == name]
    assert len(found) == 1, f"{name} is {len(found)} times in {elf}"
    return int(found[0], 16)


def connect(path, child):
    """A socket that QEMU listens on as soon as it has started."""
    while True:
        try:
            s = socket.socket(socket.AF_UNIX)
            s.settimeout(60)
            s.connect(path)
            return s
        except (FileNotFoundError, ConnectionRefusedError):
            s.close()
            assert child.isalive(), "QEMU has ended"


class Debugger:
    """Options for a machine that waits before its first instruction, then what the test does with it."""

    def __init__(self, tmp):
        self.paths = [os.path.join(tmp, name) for name in ("gdb", "qtest")]
        self.options = ["-S", "-gdb", f"unix:{self.paths[0]},server=on,wait=off",
                        "-qtest", f"unix:{self.paths[1]},server=on,wait=off", "-qtest-log", "none"]

    def attach(self, machine):
        self.gdb, self.qtest = (connect(path, machine.child) for path in self.paths)
        self.stream = self.qtest.makefile("rw", encoding="ascii")

    def _packet(self, text):
        """Sends one; the answer to it."""
        self.gdb.sendall(f"${text}#{sum(text.encode()) % 256:02x}".encode())
        answer = b""
        while not (b"#" in answer and len(answer) >= answer.index(b"#") + 3):
            data = self.gdb.recv(4096)
            assert data, "the gdb server has gone"
            answer += data
            answer = answer.lstrip(b"+")
        self.gdb.sendall(b"+")
        return answer[answer.index(b"$") + 1:answer.index(b"#")].decode()

    def run_to(self, function):
        """Lets the machine run until it enters the function, and leaves it stopped there."""
        where = f"1,{symbol(function):x},1"
        assert self._packet(f"Z{where}") == "OK"
        assert self._packet("c").startswith("T05")
        assert self._packet(f"z{where}") == "OK"

    def go_on(self):
        """Lets the machine run on by itself."""
        assert self._packet("D") == "OK"

    def message(self, cpu, vector):
        """What a device writes to raise a vector of a CPU."""
        self.stream.write(f"writel {0xfee00000 | cpu << 12:#x} {vector:#x}\n")
        self.stream.flush()
        answer = self.stream.readline()
        assert answer.startswith("OK"), answer

    def close(self):
        self.stream.close()
        self.qtest.close()
        self.gdb.close()
