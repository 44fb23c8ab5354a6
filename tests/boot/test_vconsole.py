"""virtio-console: the console on a second device, ports by name, in every interrupt mode and on every transport."""
import hashlib
import os
import random
import re
import socket
import time

import pytest

from harness import LINE_TIMEOUT, PROMPT, ROOT, parse_at
from test_build import make

MIB = 1 << 20
TRANSPORTS = {"legacy": "disable-modern=on,disable-legacy=off", "transitional": "disable-modern=off,disable-legacy=off",
              "modern": "disable-modern=off,disable-legacy=on",
              "packed": "disable-modern=off,disable-legacy=on,packed=on"}
MODES = ["per-queue", "shared", "single", "intx", "poll"]


class Serial:
    """The host's end of a port: a socket that QEMU listens on."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(LINE_TIMEOUT)
        deadline = time.monotonic() + LINE_TIMEOUT
        while True:
            try:
                self.socket.connect(path)
                break
            except OSError:
                assert time.monotonic() < deadline, f"nobody listens on {path}"
        self.text = b""

    def send(self, data):
        self.socket.sendall(data)

    def receive(self, length):
        """Exactly that many bytes."""
        data = bytearray()
        while len(data) < length:
            piece = self.socket.recv(min(65536, length - len(data)))
            assert piece, f"closed after {len(data)} of {length} bytes"
            data += piece
        return bytes(data)

    def expect(self, text):
        """Reads until there is that text; returns what came up to and with it."""
        text = text.encode()
        while text not in self.text:
            piece = self.socket.recv(65536)
            assert piece, f"closed before {text!r}; the end was {self.text[-2000:]!r}"
            self.text += piece
        before, _, self.text = self.text.partition(text)
        return (before + text).decode(errors="replace")

    def close(self):
        self.socket.close()


@pytest.fixture
def host(tmp_path):
    """host(name) connects to a port's socket; host.options(...) are QEMU's options of device and ports."""
    class Host:
        ends = []

        def path(self, name):
            return f"{tmp_path}/{name}.sock"

        def chardev(self, name):
            return ["-chardev", f"socket,id={name},path={self.path(name)},server=on,wait=off"]

        def options(self, transport="modern", consoles=("con",), ports=("one",), max_ports=4, **properties):
            more = "".join(f",{key}={value}" for key, value in properties.items())
            command = ["-device", f"virtio-serial-pci,id=vs,max_ports={max_ports},{TRANSPORTS[transport]}{more}"]
            for name in consoles:
                command += self.chardev(name) + ["-device", f"virtconsole,bus=vs.0,chardev={name},name={name}"]
            for name in ports:
                command += self.chardev(name) + [
                    "-device", f"virtserialport,bus=vs.0,chardev={name},name=org.example.{name},id=port-{name}"]
            return command

        def __call__(self, name):
            self.ends.append(Serial(self.path(name)))
            return self.ends[-1]

    found = Host()
    yield found
    for end in found.ends:
        end.close()


def command(console, line):
    """Types a command at a console beside the UART; the fields of its @ok or @err line."""
    console.send(line.encode() + b"\r")
    console.expect("\r\n")
    while True:
        parsed = parse_at(console.expect("\r\n").strip())
        if parsed and parsed[0] in ("ok", "err"):
            return parsed


# Each pair of transport and mode with one of the numbers of CPUs; with the other one when all is asked for.
SECOND = [pytest.param(transport, mode, cpus, marks=[pytest.mark.long] if (i + j) % 2 == (cpus == 4) else [])
          for i, transport in enumerate(TRANSPORTS) for j, mode in enumerate(MODES) for cpus in (1, 4)]


@pytest.mark.parametrize("transport, mode, cpus", SECOND)
def test_second_console(boot, host, transport, mode, cpus):
    machine = boot(smp=cpus, append=f"irq={mode}", devices=host.options(transport, vectors=16)).ready()
    device = machine.await_at("device", name="console0")
    assert device["irq"] == mode and device["ports"] == "4/4"
    assert device["transport"] == ("legacy" if transport == "legacy" else "modern")
    machine.await_at("event", name="console0.0", kind="port", state="added", console="yes", label="con")
    machine.await_at("event", name="console0.1", kind="port", state="added", console="no", label="org.example.one")
    console = host("con")
    console.send(b"\r")
    console.expect(PROMPT)
    assert command(console, "version") == ("ok", {"cmd": "version"})
    console.expect(PROMPT)
    machine.expect_at("ok", cmd="version")  # both are one console
    machine.run("cpu")
    console.expect("@ok cmd=cpu\r\n")
    echo(machine, host, "org.example.one", "one", 20000)
    machine.exit(0)


def echo(machine, host, name, socket_name, length):
    """That many bytes to the machine and back, compared by hash."""
    data = random.Random(length).randbytes(length)
    end = host(socket_name)
    machine.expect_at("event", kind="port", state="open", label=f"org.example.{socket_name}")
    machine.send(f"vport echo {name} {length}\r")
    received, sent = bytearray(), 0
    while len(received) < length:
        if sent < length and sent - len(received) < 65536:
            end.send(data[sent:sent + 16384])
            sent += len(data[sent:sent + 16384])
        else:
            received += end.receive(min(16384, sent - len(received)))
    assert bytes(received) == data
    machine.expect_at("result", name="sha256", value=hashlib.sha256(data).hexdigest())
    machine.expect_at("ok", cmd=f"vport echo {name} {length}")
    end.close()


def test_ports_by_name(boot, host):
    """Labels, data both ways, and a host's end that closes and comes back."""
    machine = boot(devices=host.options(ports=("one", "two"))).ready()
    assert [(port["name"], port["label"], port["console"], port["open"]) for port in machine.run("vport").at("port")] == [
        ("console0.0", "con", "yes", "yes"), ("console0.1", "org.example.one", "no", "no"),
        ("console0.2", "org.example.two", "no", "no")]
    assert machine.command("vport send nobody text").fields["code"] == "ENOENT"
    assert machine.command("vport send con text").fields["code"] == "EBUSY"
    assert machine.command("vport send console0.1 text").fields["code"] == "EPIPE"
    for name in ("console0.1", "org.example.one"):
        end = host("one")
        machine.expect_at("event", name="console0.1", kind="port", state="open")
        machine.run(f'vport send {name} "hello host"')
        assert end.expect("\n") == "hello host\n"
        end.send(b"hello guest\nand more\n")
        assert machine.run(f"vport recv {name}").result("line") == "hello guest"
        end.close()
        machine.expect_at("event", name="console0.1", kind="port", state="closed")
        assert machine.run(f"vport recv {name}").result("line") == "and more"  # it had been sent before
        assert machine.command(f"vport recv {name}").fields["code"] == "EPIPE"
    machine.run("vport close console0.1")
    assert machine.run("vport").at("port", name="console0.1")[0]["used"] == "no"


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_mebibyte_both_ways(boot, host, transport):
    machine = boot(smp=4, devices=host.options(transport)).ready()
    echo(machine, host, "console0.1", "one", MIB)
    assert machine.run("vport").at("port", name="console0.1", rx=MIB, tx=MIB)


def test_a_host_that_does_not_read(boot, host):
    """The sender waits, the machine goes on; what was sent arrives when it is read."""
    machine = boot(devices=host.options()).ready()
    end = host("one")
    machine.expect_at("event", name="console0.1", kind="port", state="open")
    data = random.Random(5).randbytes(MIB)
    machine.send(f"vport echo org.example.one {MIB}\r")
    end.socket.settimeout(1)
    sent = 0
    try:
        while sent < MIB:
            sent += end.socket.send(data[sent:sent + 65536])
    except TimeoutError:
        pass
    assert sent < MIB  # buffers are full everywhere: the guest waits in its write
    machine.send("\x03")
    machine.expect_at("err", code="EINTR")
    machine.run("cpu")
    end.socket.settimeout(LINE_TIMEOUT)
    got = end.receive(65536)
    assert got == data[:65536]
    machine.exit(0)


@pytest.mark.parametrize("transport", ["modern", "packed"])
def test_ports_come_and_go(boot, host, transport):
    machine = boot(devices=host.options(transport, ports=()), qmp=True).ready()
    assert machine.await_at("device", name="console0")["ring"] == ("packed" if transport == "packed" else "split")
    for turn in range(3):
        machine.qmp.call("chardev-add", id=f"late{turn}", backend={"type": "socket", "data": {
            "addr": {"type": "unix", "data": {"path": host.path(f"late{turn}")}}, "server": True, "wait": False}})
        machine.qmp.call("device_add", driver="virtserialport", bus="vs.0", nr=2, id="late", name=f"org.example.late{turn}",
                         chardev=f"late{turn}")
        machine.expect_at("event", name="console0.2", state="added", label=f"org.example.late{turn}")
        echo(machine, host, f"org.example.late{turn}", f"late{turn}", 30000)
        machine.qmp.call("device_del", id="late")
        machine.expect_at("event", name="console0.2", kind="port", state="removed")
        assert machine.command(f"vport send org.example.late{turn} text").fields["code"] == "ENOENT"
        assert machine.run("vport").at("port", name="console0.2") == []
    machine.run("version")


def test_consoles_come_and_go(boot, host):
    machine = boot(devices=host.options(consoles=("con",), ports=()), qmp=True).ready()
    for turn in range(3):
        machine.qmp.call("chardev-add", id=f"more{turn}", backend={"type": "socket", "data": {
            "addr": {"type": "unix", "data": {"path": host.path(f"more{turn}")}}, "server": True, "wait": False}})
        more = host(f"more{turn}")
        machine.qmp.call("device_add", driver="virtconsole", bus="vs.0", id="more", chardev=f"more{turn}")
        machine.expect_at("event", kind="port", state="added", console="yes")
        more.expect("@boot ")  # what was printed before it came
        more.expect("@ready ")
        assert command(more, "version")[0] == "ok"
        machine.qmp.call("device_del", id="more")
        machine.expect_at("event", kind="port", state="removed")
        machine.run("version")
    first = host("con")
    first.send(b"\r")
    first.expect(PROMPT)
    assert command(first, "cpu")[0] == "ok"


def test_one_port_alone(boot, host):
    """A device without MULTIPORT is one console."""
    command_line = host.options(max_ports=1, ports=())
    machine = boot(devices=command_line, append="ip=none").ready()
    assert machine.await_at("device", name="console0")["multiport"] == "no"
    console = host("con")
    console.send(b"\r")
    console.expect(PROMPT)
    assert command(console, "version")[0] == "ok"
    console.expect(PROMPT)
    console.send(b"exit 3\r")
    console.expect('@ok cmd="exit 3"\r\n')
    console.expect("@exit code=3\r\n")
    assert machine.wait_exit() == 3


def test_a_script_is_seen_whole(boot, host, tmp_path):
    """From @boot to @exit, although nobody waits for the device."""
    path = tmp_path / "out.txt"
    machine = boot(append='run="version; help; pci; exit 5"', devices=[
        "-device", "virtio-serial-pci", "-chardev", f"file,id=f,path={path}", "-device", "virtconsole,chardev=f"])
    assert machine.wait_exit() == 5
    shown = path.read_text().replace("\r", "").split("\n")
    uart = machine.log.replace("\r", "").split("\n")
    assert shown == uart
    assert shown[0].startswith("@boot ") and "@exit code=5" in shown


def test_more_ports_than_queues(boot, host):
    machine = boot(devices=host.options(max_ports=200, ports=("one",))).ready()
    machine.await_at("fallback", name="console0", what="queue", **{"from": "200", "to": "63"})
    device = machine.await_at("device", name="console0")
    assert device["ports"] == "63/200"
    # The line has no room for all queues; it names those that it names whole.
    assert all(re.fullmatch(r"[rt]x\d+:64|ctrl-[rt]x:32", queue) for queue in device["queues"].split(" "))
    echo(machine, host, "console0.1", "one", 20000)


def test_many_ports_are_all_known(boot, host):
    """Each says its name, although the device drops messages that find no buffer."""
    names = [f"n{i}" for i in range(30)]
    devices = host.options(ports=(), max_ports=31)
    for name in names:
        devices += ["-device", f"virtserialport,bus=vs.0,name=org.example.{name}"]
    machine = boot(devices=devices).ready()
    labels = [port["label"] for port in machine.run("vport").at("port", console="no")]
    assert labels == [f"org.example.{name}" for name in names]


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_panic_is_seen(boot, tmp_path, transport):
    """By emergency writes: nothing else works any more."""
    path = tmp_path / "out.txt"
    machine = boot(smp=4, devices=[
        "-device", f"virtio-serial-pci,{TRANSPORTS[transport]}", "-chardev", f"file,id=f,path={path}",
        "-device", "virtconsole,chardev=f"]).ready()
    machine.send("selftest fault panic\r")
    assert machine.wait_exit() == 125
    shown = path.read_text().replace("\r", "")
    assert "\n@fault kind=panic " in shown and shown.endswith("\n@exit code=125\n")
    assert shown.split("\n@fault")[1] == machine.log.replace("\r", "").split("\n@fault")[1]


def test_panic_without_emergency_writes(boot, host):
    machine = boot(devices=host.options(**{"emergency-write": "off"})).ready()
    machine.send("selftest fault panic\r")
    assert machine.wait_exit() == 125
    assert machine.at("fault") and machine.at("exit", code=125)


AGENT = r"""
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int main(void)
{
    char line[64];
    struct stat st;
    int fd = open("/dev/vport/org.example.one", O_RDWR | O_NONBLOCK);

    if (fd < 0 || fstat(fd, &st) != 0 || !S_ISCHR(st.st_mode))
        return 1;
    if (open("/dev/vport/org.example.one", O_RDWR) >= 0 || errno != EBUSY)
        return 2;
    if (open("/dev/vport/org.example.none", O_RDWR) >= 0 || errno != ENOENT)
        return 3;
    if (read(fd, line, 1) != 0 || write(fd, "x", 1) != -1 || errno != EPIPE)
        return 4;
    puts("no host yet");
    while (read(fd, line, 1) == 0)
        usleep(1000);
    if (errno != EAGAIN || fcntl(fd, F_SETFL, 0) != 0)
        return 5;
    puts("a host");
    for (;;) {
        ssize_t len = read(fd, line, sizeof(line));

        if (len == 0)
            break;
        if (len < 0 || write(fd, "you said ", 9) != 9 || write(fd, line, len) != len)
            return 6;
    }
    puts("type something");
    if (fgets(line, sizeof(line), stdin) == NULL || strcmp(line, "from a terminal\n") != 0)
        return 7;
    close(fd);
    return open("/dev/vport/console0.1", O_RDWR) >= 0 ? 42 : 8;
}
"""


def test_an_appliance_talks_to_its_host(boot, host, tmp_path):
    """A port as a file; and with no console linked in, a terminal is standard input and output."""
    folder = tmp_path / "agent"
    folder.mkdir()
    (folder / "main.c").write_text(AGENT)
    done = make(f"APP={folder}", "CONSOLE=n", "elf")
    assert done.returncode == 0, done.stdout
    elf = os.path.join(ROOT, make("-s", f"APP={folder}", "CONSOLE=n", "print-elf").stdout.strip())
    machine = boot(image=["--elf", elf], append="ip=none", devices=host.options())
    console = host("con")
    machine.expect_line("no host yet")
    end = host("one")
    machine.expect_line("a host")
    for text in ("hello", "good bye"):
        end.send(text.encode())
        assert end.expect(text) == f"you said {text}"
    end.close()
    machine.expect_line("type something")
    console.send(b"from a terminal\r")
    machine.expect_line("from a terminal")
    assert machine.wait_exit() == 42
