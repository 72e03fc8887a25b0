"""The guide's units: systemd reads and scores them, and what they start, the engine's own parser accepts."""

from __future__ import annotations

import re
import tomllib

import pytest

from snippets.operate.unit_policy import parse_service
from tests.operate.test_unit_policy import UNITS
from tests.pages.collect import ROOT
from tests.pages.language_systemd import THRESHOLD, analyze, check_systemd, score, words
from tests.pages.tools import need

SCORES = tomllib.loads((ROOT / "snippets/operate/systemd/scores.toml").read_text())
PLAIN = "[Service]\nExecStart=/bin/true\n"


@pytest.fixture(autouse=True)
def _systemd() -> None:
    need("systemd-analyze")


@pytest.mark.parametrize("name", UNITS)
def test_units_are_verified_scored_and_pass(name: str) -> None:
    assert check_systemd(UNITS[name], "") == []


@pytest.mark.parametrize("name", UNITS)
def test_their_score_is_the_page_s(name: str) -> None:
    """Another version of systemd weighs differently; the page names its own."""
    printed = analyze("security", "--offline=true", f"snippets/operate/systemd/{name}.service").stdout
    found = score(printed)
    assert float(found) <= THRESHOLD / 10
    if f"systemd {SCORES['systemd']} " in analyze("--version").stdout:
        assert float(found) == SCORES["exposure"][name]


def test_a_plain_unit_is_refused_with_its_score() -> None:
    (said,) = [one for one in check_systemd(PLAIN, "") if "exposure" in one]
    shown = re.fullmatch(r"systemd: exposure (\S+), at most (\S+) is allowed", said)
    assert shown
    assert float(shown[2]) == SCORES["allowed"]
    assert float(shown[1]) > 9
    if f"systemd {SCORES['systemd']} " in analyze("--version").stdout:
        assert float(shown[1]) == SCORES["exposure"]["a_plain_unit"]


def test_a_misspelled_directive_is_refused() -> None:
    text = UNITS["llama-server"].replace("ProtectClock=yes", "ProtectClock=yes\nProtectClok=yes")
    assert any("ProtectClok" in one for one in check_systemd(text, ""))


def test_the_gpu_is_the_only_device() -> None:
    for text in UNITS.values():
        devices = re.findall(r"^DeviceAllow=(\S+)", text, re.M)
        assert devices == ["char-nvidia", "char-nvidia-uvm", "char-nvidiactl"]


VENDORS = ["char-nvidia-caps", "char-nvidia-frontend", "char-drm", "char-kfd"]


def test_the_gpu_of_another_vendor_is_a_comment_away() -> None:
    """Under DevicePolicy=closed, a GPU that no line names is not there; the lines pass systemd and policy."""
    for text in UNITS.values():
        assert re.findall(r"^#DeviceAllow=(\S+) rw$", text, re.M) == VENDORS
        assert check_systemd(text.replace("#DeviceAllow", "DeviceAllow"), "") == []


def test_answers_under_way_are_finished_before_systemd_loses_patience() -> None:
    given = words(UNITS["vllm"])
    drained = int(given[given.index("--shutdown-timeout") + 1])
    [patience] = parse_service(UNITS["vllm"])["TimeoutStopSec"]
    assert 60 <= drained <= int(patience) - 30


def test_several_gpus_of_one_machine_find_each_other_on_loopback() -> None:
    """NCCL and Gloo list the interfaces by netlink, and would take the LAN's, which IPAddressDeny refuses."""
    unit = parse_service(UNITS["vllm"])
    assert "AF_NETLINK" in " ".join(unit["RestrictAddressFamilies"]).split()
    told = {"NCCL_SOCKET_IFNAME=lo", "GLOO_SOCKET_IFNAME=lo", "VLLM_HOST_IP=127.0.0.1"}
    assert told <= set(" ".join(unit["Environment"]).split())
    assert {parse_service(text)["TasksMax"][0] for text in UNITS.values()} == {"4096"}


def test_llama_cpp_tells_prometheus_what_it_does() -> None:
    assert "--metrics" in words(UNITS["llama-server"])


def test_the_key_comes_as_a_credential_and_is_no_word() -> None:
    given = words(UNITS["llama-server"])
    assert given[given.index("--api-key-file") + 1].startswith("/run/credentials/")
    assert "LoadCredential=key:/etc/llm/engine.key" in UNITS["llama-server"]
    assert "--config" in words(UNITS["vllm"])
