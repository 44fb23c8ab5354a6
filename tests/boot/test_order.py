"""The start-up lines for scripts come in their documented order on both boot paths."""
import pytest

from harness import nic


@pytest.mark.parametrize("path", ["pvh", "uefi"])
def test_order(boot, image, path):
    machine = boot(boot=path, devices=nic() + image().disk())
    machine.ready()
    words = machine.words()
    assert words[0] == "boot"
    assert machine.at("boot")[0]["path"] == path
    assert int(machine.at("ready")[0]["t_us"]) > 0
    start_up = [word for word in words[:words.index("ready") + 1] if word in ("boot", "pci", "device", "ready")]
    shape = [word for i, word in enumerate(start_up) if i == 0 or start_up[i - 1] != word]
    assert shape == ["boot", "pci", "device", "ready"]
    assert [fields["name"] for fields in machine.at("device")] == ["net0", "blk0"]


def test_pci_lines(boot, image):
    machine = boot(devices=nic() + image().disk())
    machine.ready()
    lines = machine.at("pci")
    addresses = [fields["addr"] for fields in lines]
    assert addresses == sorted(addresses) and len(set(addresses)) == len(addresses)
    for fields in lines:
        assert {"addr", "id", "class", "bars", "msix", "msi", "intx", "driver"} <= set(fields)
    assert machine.at("pci", id="1af4:1000", driver="virtio", msix="4")
    assert machine.at("pci", id="1af4:1001", driver="virtio", msix="2")
    assert machine.at("pci", id="8086:29c0", driver="none")
    by_name = {fields["name"]: fields["addr"] for fields in machine.at("device")}
    assert by_name["net0"] == machine.at("pci", id="1af4:1000")[0]["addr"]
    assert by_name["blk0"] == machine.at("pci", id="1af4:1001")[0]["addr"]
