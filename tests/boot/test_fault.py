"""What must not happen, made to happen: each ends in a readable @fault and status 125, never in a silent reset."""
import re

import pytest

HEX = re.compile(r"0x[0-9a-f]+")
# selftest fault KIND -> fields of the @fault line
FAULTS = {
    "null": {"kind": "page-fault", "reason": "null access", "addr": re.compile(r"0x0*[0-9a-f]{1,4}")},
    "page": {"kind": "page-fault", "reason": "nothing mapped there", "addr": HEX},
    "stack": {"reason": "stack overflow"},
    "write-text": {"kind": "page-fault", "reason": "write to read-only memory", "addr": HEX},
    "write-rodata": {"kind": "page-fault", "reason": "write to read-only memory", "addr": HEX},
    "exec-data": {"kind": "page-fault", "reason": "execution of data", "addr": HEX},
    "div": {"kind": "divide-error"},
    "ud": {"kind": "invalid-opcode"},
    "panic": {"kind": "panic"},
}


@pytest.mark.parametrize("kind", FAULTS)
def test_fault(boot, kind):
    machine = boot().ready()
    machine.send(f"selftest fault {kind}\r")
    fault = machine.expect_at("fault", **FAULTS[kind])
    assert fault["thread"] == "console"
    assert machine.wait_exit() == 125
    assert len(machine.at("fault")) == 1
    assert machine.at("exit") == [{"code": "125"}]


@pytest.mark.parametrize("boot_path, cpu", [("pvh", "qemu64"), ("pvh", "max"), ("uefi", "max")])
def test_backtrace_names_functions(boot, boot_path, cpu):
    machine = boot(boot=boot_path, cpu=cpu).ready()
    machine.send("selftest fault null\r")
    fault = machine.expect_at("fault")
    assert machine.wait_exit() == 125
    after = "\n".join(machine.lines[machine.seen:])
    assert "rip" in fault or re.search(r"\brip\b", after)
    assert re.search(r"\bconsole_\w+\+0x", after), "no function names in the backtrace"


def test_unknown_fault(boot):
    machine = boot().ready()
    assert machine.command("selftest fault nonsense").fields["code"] == "EINVAL"
    machine.exit(0)
