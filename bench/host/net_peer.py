"""The host's end of a raw network cable to a guest in QEMU: ARP, ICMP echo, and the UDP protocol of `bench net`.

A payload of that protocol is at least 18 bytes, little endian: u8 op, 3 bytes, u32 seq, u32 a, u32 b, 2 bytes. The
guest answers on UDP port 7: E sends the payload back; D counts it; Q answers with a = frames and b = bytes counted
since the last Q; F sends a frames of b bytes with op S and then one with op T; M runs marker instruction a and sends
the payload back; X ends.
"""
import os
import select
import socket
import struct
import time

MAC, IP, PORT = bytes.fromhex("020000000001"), "10.9.0.1", 40007
GUEST_IP, GUEST_PORT = "10.9.0.2", 7
BROADCAST = b"\xff" * 6
HEADERS = 14 + 20 + 8
PAYLOAD_MIN = 18
HEAD = struct.Struct("<B3xIII")


def checksum(data):
    """Internet checksum (RFC 1071)."""
    data = bytes(data) + b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


# ---- cables ----------------------------------------------------------------------------------------------------------


class Datagram:
    """One frame a datagram on a unix socket."""

    def __init__(self, path):
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)

    def backend(self):
        return f"dgram,local.type=unix,local.path={self.path}.q,remote.type=unix,remote.path={self.path}"

    def send(self, frames):
        """Blocks while QEMU is behind; a machine that is not there (yet) gets nothing."""
        for frame in frames:
            try:
                self.socket.sendto(frame, self.path + ".q")
            except (FileNotFoundError, ConnectionRefusedError):
                time.sleep(0.01)

    def receive(self, timeout):
        """The frames that wait; none after the timeout."""
        if not select.select([self.socket], [], [], timeout)[0]:
            return []
        frames = [self.socket.recv(65536)]
        while len(frames) < 256 and select.select([self.socket], [], [], 0)[0]:
            frames.append(self.socket.recv(65536))
        return frames

    def close(self):
        self.socket.close()
        os.unlink(self.path)


class Stream:
    """Frames with a 32-bit length in front on a unix socket; QEMU connects to it."""

    def __init__(self, path):
        self.path, self.peer, self.rest = path, None, b""
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(1)

    def backend(self):
        return f"stream,server=off,addr.type=unix,addr.path={self.path}"

    def connect(self, timeout):
        if self.peer is None:
            self.listener.settimeout(timeout)
            self.peer = self.listener.accept()[0]

    def send(self, frames):
        self.connect(60)
        self.peer.sendall(b"".join(struct.pack(">I", len(frame)) + frame for frame in frames))

    def receive(self, timeout):
        self.connect(60)
        if not select.select([self.peer], [], [], timeout)[0]:
            return []
        data = self.peer.recv(1 << 18)
        if not data:
            raise ConnectionError("the machine hung up")
        data, frames, at = self.rest + data, [], 0
        while len(data) - at >= 4:
            end = at + 4 + int.from_bytes(data[at:at + 4], "big")
            if end > len(data):
                break
            frames.append(data[at + 4:end])
            at = end
        self.rest = data[at:]
        return frames

    def close(self):
        self.listener.close()
        if self.peer:
            self.peer.close()
        os.unlink(self.path)


# ---- the host on that cable ------------------------------------------------------------------------------------------


class Peer:
    def __init__(self, wire, guest_ip=GUEST_IP):
        self.wire, self.guest_ip, self.guest_mac = wire, guest_ip, BROADCAST
        self.sequence = 0

    # ---- making frames

    def ethernet(self, ethertype, body, to=None):
        return (to or self.guest_mac) + MAC + struct.pack(">H", ethertype) + body

    def ip(self, protocol, body):
        self.sequence += 1
        head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(body), self.sequence & 0xffff, 0, 64, protocol, 0,
                           socket.inet_aton(IP), socket.inet_aton(self.guest_ip))
        head = head[:10] + struct.pack(">H", checksum(head)) + head[12:]
        return self.ethernet(0x0800, head + body)

    def arp(self, operation, mac, ip):
        return self.ethernet(0x0806, struct.pack(">HHBBH6s4s6s4s", 1, 0x0800, 6, 4, operation, MAC,
                                                 socket.inet_aton(IP), mac, socket.inet_aton(ip)),
                             mac if operation == 2 else BROADCAST)

    def ping(self, length, sequence, data):
        """An ICMP echo request that makes a frame of `length` bytes (42 or more), filled from `data`."""
        body = struct.pack(">BBHHH", 8, 0, 0, 0x7672, sequence & 0xffff) + data[:length - HEADERS]
        return self.ip(1, body[:2] + struct.pack(">H", checksum(body)) + body[4:])

    def udp(self, op, sequence, a=0, b=0, data=b""):
        payload = HEAD.pack(ord(op), sequence, a, b) + data.ljust(2, b"\0")
        return self.ip(17, struct.pack(">HHHH", PORT, GUEST_PORT, 8 + len(payload), 0) + payload)

    # ---- taking frames

    def answer(self, frame):
        """What the host itself says to a frame, or None."""
        ethertype = frame[12:14]
        if ethertype == b"\x08\x06" and frame[20:22] == b"\0\1" and frame[38:42] == socket.inet_aton(IP):
            return self.arp(2, frame[22:28], socket.inet_ntoa(frame[28:32]))
        if ethertype == b"\x08\x00" and frame[23] == 1 and frame[34] == 8 and frame[30:34] == socket.inet_aton(IP):
            end = 14 + int.from_bytes(frame[16:18], "big")
            body = b"\0\0\0\0" + frame[38:end]
            return self.ip(1, body[:2] + struct.pack(">H", checksum(body)) + body[4:])
        return None

    def receive(self, timeout):
        """Frames that want no answer of the host; the others are answered."""
        frames = self.wire.receive(timeout)
        answers = [(frame, self.answer(frame)) for frame in frames]
        self.wire.send([reply for _, reply in answers if reply])
        return [frame for frame, reply in answers if not reply]

    def find_guest(self, timeout=60):
        """Asks for the guest's MAC until it answers."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            self.wire.send([self.arp(1, b"\0" * 6, self.guest_ip)])
            for frame in self.receive(0.2):
                if frame[12:14] == b"\x08\x06" and frame[28:32] == socket.inet_aton(self.guest_ip):
                    self.guest_mac = frame[22:28]
                    return
        raise TimeoutError(f"{self.guest_ip} does not answer")

    def find_server(self, timeout=60):
        """Finds the guest, then sends E until one is answered: the server may not listen yet."""
        self.find_guest(timeout)
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            self.wire.send([self.udp("E", 0)])
            try:
                self.receive_udp(0.5)
            except TimeoutError:
                continue
            while self.receive(0.2):
                continue
            return
        raise TimeoutError(f"{self.guest_ip} port {GUEST_PORT} does not answer")

    def parse_udp(self, frame):
        """(op, sequence, a, b, payload) of a frame of the protocol, its checksums verified; None for others."""
        if frame[12:14] != b"\x08\x00" or frame[23] != 17 or frame[14] != 0x45:
            return None
        end = 14 + int.from_bytes(frame[16:18], "big")
        if frame[34:38] != struct.pack(">HH", GUEST_PORT, PORT) or end > len(frame):
            return None
        if checksum(frame[14:34]):
            raise ValueError("wrong IP header checksum")
        length = frame[38:40]
        if frame[40:42] != b"\0\0" and checksum(frame[26:34] + b"\0\x11" + length + frame[34:end]):
            raise ValueError("wrong UDP checksum")
        payload = frame[HEADERS:end]
        op, sequence, a, b = HEAD.unpack_from(payload)
        return chr(op), sequence, a, b, payload

    def receive_udp(self, timeout=10):
        """The next batch of the protocol's messages; TimeoutError when none comes."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            found = [message for message in map(self.parse_udp, self.receive(0.5)) if message]
            if found:
                return found
        raise TimeoutError("no answer")

    def call(self, op, a=0, b=0, timeout=10, answer=None):
        """Sends one message and returns its answer."""
        self.sequence += 1
        sequence = self.sequence
        self.wire.send([self.udp(op, sequence, a, b)])
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            for message in self.receive_udp(timeout):
                if message[0] == (answer or op) and message[1] == sequence:
                    return message
        raise TimeoutError(f"no answer to {op}")

    def echo(self, count, window=32, length=60, timeout=30):
        """`count` echoes of frames of `length` bytes, at most `window` in flight; contents checked."""
        data = bytes(i * 7 & 0xff for i in range(length - HEADERS - HEAD.size))
        sent = done = 0
        while done < count:
            burst = min(window - (sent - done), count - sent)
            self.wire.send([self.udp("E", sent + i, data=data) for i in range(burst)])
            sent += burst
            for op, _, _, _, payload in self.receive_udp(timeout):
                if op == "E":
                    if payload[HEAD.size:] != data:
                        raise ValueError("echo with other contents")
                    done += 1
