"""The console: line editing, history, commands in a row, run="..." and exit statuses."""
import os
import re

import pytest

from harness import ROOT

UP, DOWN, RIGHT, LEFT = "\x1b[A", "\x1b[B", "\x1b[C", "\x1b[D"
HOME, END, DELETE = "\x1b[H", "\x1b[F", "\x1b[3~"
COMMANDS = ["help", "version", "pci", "irq", "virtio", "blk", "net", "ping", "dhcp", "mem", "cpu", "threads", "log",
            "selftest", "bench", "run", "exit", "reboot"]


@pytest.fixture
def machine(boot):
    return boot().ready()


def typed(machine, keys):
    """The answer to keys that end with Enter."""
    start = machine.seen = len(machine.lines)
    machine.send(keys)
    machine.expect_line(r"^@(ok|err) cmd=")
    return machine.lines[start:machine.seen]


def test_every_command_has_help(machine):
    listed = machine.run("help").text
    for name in COMMANDS:
        assert re.search(rf"\b{name}\b", listed), f"help does not list {name}"
        assert name in machine.run(f"help {name}").text


def test_every_command_is_documented(machine):
    with open(os.path.join(ROOT, "docs", "console.md"), encoding="utf-8") as f:
        documented = set(re.findall(r"`(\w+)", f.read()))
    listed = [line.split()[0] for line in machine.run("help").lines if re.match(r"[a-z]+ {2,}\S", line)]
    assert len(listed) >= len(COMMANDS) and set(listed) <= documented


def test_answers_name_the_command(machine):
    assert machine.run("version").fields["cmd"] == "version"
    answer = machine.command("nonsense")
    assert not answer.ok
    assert answer.fields["cmd"] == "nonsense" and answer.fields["code"] == "ENOENT"
    assert machine.run("version").ok


def test_empty_lines_do_nothing(machine):
    machine.send("\r   \r")
    assert machine.run("version").ok
    assert len(machine.at("ok")) == 1


@pytest.mark.parametrize("keys", [
    "vexx\x7f\x7frsion\r",                     # backspace
    "ersion" + HOME + "v\r",                   # to the start of the line
    "rsion" + LEFT * 5 + "ve" + "\r",          # left, and Enter in mid-line
    "Xversion" + HOME + DELETE + "\r",         # delete under the cursor
    "ersio" + HOME + "v" + END + "n\r",        # to the end
    "vzersion" + HOME + RIGHT + DELETE + "\r",
    "garbage\x15version\r",                    # Ctrl-U drops the line
    "garbage\x03version\r",                    # Ctrl-C too
    "version garbage\x17\r",                   # Ctrl-W drops a word
    "versionXYZ" + LEFT * 3 + "\x0b\r",        # Ctrl-K drops the rest
    "ersion\x02\x02\x02\x02\x02\x02v\x05\r",   # Ctrl-B, Ctrl-E
])
def test_line_editing(machine, keys):
    assert any("ok cmd=version" in line for line in typed(machine, keys))


def test_history(machine):
    machine.run("version")
    machine.run("mem")
    assert any("ok cmd=mem" in line for line in typed(machine, UP + "\r"))
    assert any("ok cmd=version" in line for line in typed(machine, UP + UP + "\r"))
    assert any("ok cmd=version" in line for line in typed(machine, UP + UP + DOWN + "\r"))
    assert any("ok cmd=help" in line for line in typed(machine, "help" + UP + DOWN + "\r"))


def test_several_commands_in_a_line(machine):
    machine.send("version; mem; help\r")
    for name in ("version", "mem", "help"):
        machine.expect_at("ok", cmd=name)


def test_a_line_that_is_too_long(machine):
    machine.send("x" * 3000 + "\r")
    machine.expect_at("err")
    assert machine.run("version").ok


def test_bytes_that_are_no_text(machine):
    machine.send("\x00\x01\x1b[99~\x1b[1;5Cv\x7f")
    machine.send("\x15")
    assert machine.run("version").ok


def test_typing_ahead(machine):
    """More than the UART holds, sent at once while commands run."""
    machine.send("version\r" * 40)
    for _ in range(40):
        machine.expect_at("ok", cmd="version")


def test_run_succeeds(boot):
    machine = boot(append='run="version; mem"')
    assert machine.wait_exit() == 0
    assert [fields["cmd"] for fields in machine.at("ok")] == ["version", "mem"]
    assert machine.at("exit") == [{"code": "0"}]


def test_run_ends_with_the_first_failure(boot):
    machine = boot(append='run="version; blk sum blk7 0 1; mem"')
    assert machine.wait_exit() == 2
    assert [fields["cmd"] for fields in machine.at("err", code="ENOENT")] == ["blk sum blk7 0 1"]
    assert [fields["cmd"] for fields in machine.at("ok")] == ["version", "mem"]
    assert machine.at("exit") == [{"code": "2"}]


def test_run_with_exit(boot):
    machine = boot(append='run="version; exit 9; mem"')
    assert machine.wait_exit() == 9
    assert not machine.at("ok", cmd="mem")


def test_run_uefi(boot):
    assert boot(boot="uefi", append='run="version; exit 5"').wait_exit() == 5


@pytest.mark.parametrize("line, code", [("exit abc", "EINVAL"), ("exit 1 2", "EINVAL"), ("exit 128", "ERANGE"),
                                        ("help nonsense", "ENOENT"), ("ping", "EINVAL"), ("run", "EINVAL")])
def test_wrong_arguments(machine, line, code):
    assert machine.command(line).fields["code"] == code
