"""QEMU's control channel (QMP): as much of it as the tests use."""
import json
import socket


class Qmp:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(60)
        self.socket.connect(path)
        self.stream = self.socket.makefile("rw", encoding="utf-8")
        self.stream.readline()
        self.call("qmp_capabilities")

    def call(self, name, /, **arguments):
        """The command's return value; events that arrive meanwhile are dropped."""
        json.dump({"execute": name, "arguments": arguments}, self.stream)
        self.stream.write("\n")
        self.stream.flush()
        while True:
            answer = json.loads(self.stream.readline())
            if "event" not in answer:
                assert "return" in answer, f"{name}: {answer}"
                return answer["return"]

    def monitor(self, line):
        """What QEMU's human monitor prints for a command."""
        return self.call("human-monitor-command", **{"command-line": line})

    def close(self):
        self.stream.close()
        self.socket.close()
