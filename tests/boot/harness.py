"""A vring0 machine in QEMU for the tests: starts it with tools/qemu-run, reads its console, types commands, ends it."""
import os
import re
import signal
import time

import pexpect

from qmp import Qmp

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
QEMU_RUN = os.path.join(ROOT, "tools", "qemu-run")
PROMPT = "vring0> "
# Emulation on a busy host: generous, because a test ends as soon as its line is there.
LINE_TIMEOUT = 60
ESCAPES = re.compile(r"\x1b\[[0-9;=?]*[A-Za-z]|\x1b[()][A-Z0-9]|[\r\x00\x07]")
FIELD = re.compile(r'([\w.-]+)=(?:"((?:[^"\\]|\\.)*)"|(\S*))(?:\s+|$)')
# QEMU's names of device properties have "-" between words, except for these.
UNDERSCORED = {"event_idx", "indirect_desc", "any_layout", "mrg_rxbuf", "guest_csum", "ctrl_vq", "rx_queue_size",
               "tx_queue_size", "iommu_platform", "queue_reset", "logical_block_size", "physical_block_size",
               "discard_granularity", "in_order", "host_mtu"}
LEGACY = "disable-modern=on,disable-legacy=off"


def parse_at(line):
    """('device', {'name': 'net0', ...}) of a line for scripts, else None. A malformed one is an error."""
    if not re.match(r"@[a-z]", line):
        return None
    word, _, rest = line[1:].partition(" ")
    fields, position = {}, 0
    while position < len(rest):
        match = FIELD.match(rest, position)
        assert match, f"not key=value fields: {line!r} at {rest[position:]!r}"
        assert match[1] not in fields, f"field {match[1]} twice: {line!r}"
        fields[match[1]] = match[3] if match[2] is None else re.sub(r"\\(.)", r"\1", match[2])
        position = match.end()
    return word, fields


def matches(fields, wanted):
    """Every wanted field is there; a compiled pattern must match the whole value, anything else be equal to it."""
    for key, value in wanted.items():
        have = fields.get(key)
        if have is None:
            return False
        if not (value.fullmatch(have) if isinstance(value, re.Pattern) else have == str(value)):
            return False
    return True


def disk(path, index=0, drive="", node=None, **device):
    """QEMU options of a legacy virtio disk; `drive` are further -drive options, `device` properties of the device."""
    source = ["-blockdev", node, "-device", f"virtio-blk-pci,drive=d{index}"] if node else [
        "-drive", f"if=none,id=d{index},format=raw,file={path}" + (f",{drive}" if drive else ""),
        "-device", f"virtio-blk-pci,drive=d{index}"]
    return source[:-1] + [properties(source[-1], device)]


def nic(index=0, backend="user", **device):
    """QEMU options of a legacy virtio network card on a -netdev `backend` (options after a comma)."""
    kind, _, options = backend.partition(",")
    return ["-netdev", f"{kind},id=n{index}" + (f",{options}" if options else ""),
            "-device", properties(f"virtio-net-pci,netdev=n{index},romfile=", device)]


def properties(device, extra):
    """`device` as a legacy one, with further properties; None takes one away."""
    chosen = dict(option.split("=") for option in LEGACY.split(","))
    for key, value in extra.items():
        chosen[key if key in UNDERSCORED else key.replace("_", "-")] = value
    return ",".join([device] + [f"{key}={value}" for key, value in chosen.items() if value is not None])


class Answer:
    """What a console command printed, up to and with its @ok or @err."""

    def __init__(self, lines):
        self.lines = lines[:-1]
        self.word, self.fields = parse_at(lines[-1])
        self.ok = self.word == "ok"

    def at(self, word, **wanted):
        """Fields of the lines for scripts with this word."""
        parsed = [parse_at(line) for line in self.lines]
        return [found[1] for found in parsed if found and found[0] == word and matches(found[1], wanted)]

    def result(self, name):
        """Value of the `@result name=... value=...` line."""
        values = [fields["value"] for fields in self.at("result", name=name)]
        assert len(values) == 1, f"@result name={name}: {len(values)} lines in {self.lines}"
        return values[0]

    @property
    def text(self):
        return "\n".join(self.lines)


class Machine:
    """One QEMU run. Lines are looked for from where the last one was found on."""

    def __init__(self, tmp, boot="pvh", machine="q35", cpu=None, memory="256M", smp=1, append="", devices=(),
                 image=(), qmp=False, qemu=None):
        self.log, self.lines, self.rest, self.seen = "", [], "", 0
        self.closed = False
        self.qmp_path = os.path.join(tmp, f"qmp{id(self):x}") if qmp else None
        command = [QEMU_RUN, f"--{boot}", "--machine", machine, "--memory", memory, "--smp", str(smp)]
        command += ["--disk", "none", "--net", "none"] + list(image)
        command += ["--qemu", qemu] if qemu else []
        command += ["--cpu", cpu] if cpu else []
        command += ["--append", append] if append else []
        extra = list(devices)
        extra += ["-qmp", f"unix:{self.qmp_path},server=on,wait=off"] if qmp else []
        self.command_line = command + ["--"] + extra
        self.child = pexpect.spawn(self.command_line[0], self.command_line[1:], encoding="utf-8",
                                   codec_errors="replace", echo=False, dimensions=(50, 400), cwd=ROOT)
        self.child.delaybeforesend = None
        self.child.ptyproc.delayafterclose = 0.01
        self._qmp = None

    # ---- reading -----------------------------------------------------------------------------------------------

    def _fill(self, deadline, what):
        """Takes what the console has to say; waits for it until the deadline."""
        assert not self.closed, f"the machine stopped before {what}\n{self.tail()}"
        try:
            data = self.child.read_nonblocking(65536, max(0.0, deadline - time.monotonic()))
        except pexpect.EOF:
            self.closed = True
            return
        except pexpect.TIMEOUT:
            raise AssertionError(f"no {what} in time\n{self.tail()}") from None
        self.log += data
        *lines, self.rest = (self.rest + data).split("\n")
        self.lines += [ESCAPES.sub("", line) for line in lines]

    def tail(self):
        return "--- end of console log:\n" + "\n".join(self.lines[-30:] + [ESCAPES.sub("", self.rest)])

    def _expect(self, accept, what, timeout):
        deadline = time.monotonic() + timeout
        while True:
            while self.seen < len(self.lines):
                found = accept(self.lines[self.seen])
                self.seen += 1
                if found:
                    return found
            self._fill(deadline, what)

    def expect_line(self, pattern, timeout=LINE_TIMEOUT):
        """The match of the next line in which the pattern is found."""
        compiled = re.compile(pattern)
        return self._expect(compiled.search, f"line with {pattern!r}", timeout)

    def expect_at(self, word, timeout=LINE_TIMEOUT, **wanted):
        """Fields of the next `@word` line that has the wanted ones."""
        def accept(line):
            parsed = parse_at(line)
            return parsed if parsed and parsed[0] == word and matches(parsed[1], wanted) else None
        return self._expect(accept, f"@{word} with {wanted}", timeout)[1]

    def expect_text(self, text, timeout=LINE_TIMEOUT):
        """Waits for text that no newline follows, such as the prompt."""
        deadline = time.monotonic() + timeout
        while text not in ESCAPES.sub("", self.rest):
            self._fill(deadline, repr(text))

    def at(self, word, **wanted):
        """Fields of all `@word` lines so far."""
        parsed = [parse_at(line) for line in self.lines if line.startswith(f"@{word}")]
        return [found[1] for found in parsed if found and found[0] == word and matches(found[1], wanted)]

    def await_at(self, word, timeout=LINE_TIMEOUT, **wanted):
        """As expect_at(), for a line that may have come already."""
        seen, self.seen = self.seen, 0
        fields = self.expect_at(word, timeout, **wanted)
        self.seen = max(seen, self.seen)
        return fields

    def await_line(self, pattern, timeout=LINE_TIMEOUT):
        """As expect_line(), for a line that may have come already."""
        seen, self.seen = self.seen, 0
        match = self.expect_line(pattern, timeout)
        self.seen = max(seen, self.seen)
        return match

    def words(self):
        """The words of all lines for scripts so far, in order."""
        return [line[1:].split(" ")[0] for line in self.lines if parse_at(line)]

    # ---- typing ------------------------------------------------------------------------------------------------

    def ready(self, timeout=LINE_TIMEOUT):
        self.expect_at("ready", timeout)
        self.expect_text(PROMPT)
        return self

    def send(self, text):
        self.child.send(text)

    def command(self, line, timeout=LINE_TIMEOUT):
        """Types a command and reads up to its @ok or @err."""
        self.seen = start = len(self.lines)
        self.send(line + "\r")
        self._expect(lambda text: re.match(r"@(ok|err) cmd=", text), f"end of {line!r}", timeout)
        lines = [line for line in self.lines[start:self.seen] if not line.startswith(PROMPT)]
        self.expect_text(PROMPT)
        return Answer(lines)

    def run(self, line, timeout=LINE_TIMEOUT):
        """As command(), for one that must succeed."""
        answer = self.command(line, timeout)
        assert answer.ok, f"{line!r}: {answer.fields}"
        return answer

    # ---- the machine -------------------------------------------------------------------------------------------

    @property
    def qmp(self):
        if self._qmp is None:
            self._qmp = Qmp(self.qmp_path)
        return self._qmp

    def wait_exit(self, timeout=LINE_TIMEOUT):
        """The exit status once the machine has stopped by itself."""
        deadline = time.monotonic() + timeout
        while not self.closed:
            self._fill(deadline, "end of the machine")
        self.child.wait()
        return self.child.exitstatus

    def exit(self, status=0):
        self.send(f"exit {status}\r")
        assert self.wait_exit() == status
        assert self.at("exit") == [{"code": str(status)}]

    def stop(self):
        if self._qmp:
            self._qmp.close()
        try:
            os.killpg(self.child.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.child.close(force=True)
