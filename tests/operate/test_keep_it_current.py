"""Chance is counted exactly, sample sizes hold what they promise when drawn, and waits add up."""

from __future__ import annotations

import math
import re
import subprocess
from datetime import date
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from snippets.data.facts import fact
from snippets.operate.keep_it_current import (
    Pairs,
    canary_h,
    prompts_needed,
    requests_to_see,
    sign_test,
    worst_loss,
)
from snippets.operate.minimum_versions import read_flaws
from tests.pages.collect import DOCS, ROOT, read_page

COUNTS = st.integers(0, 60)


@pytest.mark.parametrize(("old", "new"), [(0, 0), (1, 0), (3, 1), (5, 5), (2, 8), (0, 9)])
def test_the_sign_test_is_the_share_of_coin_throws_that_are_as_one_sided(old: int, new: int) -> None:
    throws = [sum(throw) for throw in product((0, 1), repeat=old + new)]
    one_sided = [heads for heads in throws if abs(2 * heads - old - new) >= abs(old - new)]
    assert sign_test(Pairs(only_old=old, only_new=new, same=7)) == pytest.approx(len(one_sided) / len(throws))


@given(COUNTS, COUNTS, COUNTS)
def test_the_sign_test_knows_no_side_and_takes_no_notice_of_what_is_the_same(
    old: int, new: int, same: int
) -> None:
    one = sign_test(Pairs(only_old=old, only_new=new, same=same))
    assert one == sign_test(Pairs(only_old=new, only_new=old, same=0))
    assert 0 < one <= 1


def test_large_counts_need_no_float_that_overflows() -> None:
    assert sign_test(Pairs(only_old=3_000, only_new=3_000, same=0)) == 1
    assert sign_test(Pairs(only_old=0, only_new=3_000, same=0)) == 0


@given(st.integers(1, 60), COUNTS, st.integers(0, 1_000))
def test_the_worst_loss_is_above_the_loss_and_shrinks_with_more_of_the_same_kind(
    old: int, new: int, same: int
) -> None:
    pairs = Pairs(only_old=old, only_new=new, same=same)
    loss = (old - new) / pairs.prompts
    worst = worst_loss(pairs)
    assert worst >= loss
    assert worst_loss(pairs, 0.99) >= worst
    more = worst_loss(Pairs(only_old=4 * old, only_new=4 * new, same=4 * same))
    assert more - loss == pytest.approx((worst - loss) / 2)


def test_the_worst_loss_covers_the_truth_as_often_as_it_says() -> None:
    draw = np.random.default_rng(7)
    held = 0
    for only_old, only_new, same in draw.multinomial(400, (0.08, 0.05, 0.87), size=2_000):
        pairs = Pairs(only_old=int(only_old), only_new=int(only_new), same=int(same))
        held += worst_loss(pairs) >= 0.03
    assert 0.93 < held / 2_000 < 0.965


def test_as_many_prompts_as_needed_show_it_as_often_as_asked() -> None:
    count = prompts_needed(0.03, 0.1, power=0.8)
    draw = np.random.default_rng(7)
    shown = 0
    for only_old, only_new, same in draw.multinomial(count, (0.05, 0.05, 0.9), size=2_000):
        pairs = Pairs(only_old=int(only_old), only_new=int(only_new), same=int(same))
        shown += worst_loss(pairs) < 0.03
    assert 0.77 < shown / 2_000 < 0.83


def test_prompts_needed_by_hand_and_by_defaults() -> None:
    # (1.6449 + 0.8416)² = 6.1826
    assert prompts_needed(0.01, 0.1) == math.ceil(6.18256 * 1_000)
    assert prompts_needed(0.02, 0.1) == math.ceil(6.18256 * 250)
    assert prompts_needed(0.01, 0.1, confidence=0.99, power=0.9) > 13_000
    assert prompts_needed(1, 1) == 7


@pytest.mark.parametrize(("margin", "differing"), [(0, 0.1), (0.2, 0.1), (0.1, 1.1)])
def test_a_margin_lies_within_what_differs(margin: float, differing: float) -> None:
    with pytest.raises(ValueError, match=re.escape(f"margin {margin:g}, differing_ratio {differing:g}")):
        prompts_needed(margin, differing)


def test_what_cannot_be_judged_is_refused() -> None:
    with pytest.raises(ValueError, match="only_old \\+ only_new is 0"):
        worst_loss(Pairs(only_old=0, only_new=0, same=9))
    for confidence in (0.5, 1.0):
        with pytest.raises(ValueError, match=r"above 0\.5 and below 1"):
            worst_loss(Pairs(only_old=1, only_new=0, same=9), confidence)
    for name in ("only_old", "only_new", "same"):
        counts = {"only_old": 1, "only_new": 1, "same": 1}
        for wrong in (-1, 10**6 + 1):
            with pytest.raises(ValidationError, match=name):
                Pairs.model_validate(counts | {name: wrong})
        Pairs.model_validate(counts | {name: 10**6})


@given(st.floats(0.001, 0.5), st.floats(0.5, 0.999))
def test_so_many_requests_show_a_fault_and_one_fewer_does_not(bad: float, confidence: float) -> None:
    count = requests_to_see(bad, confidence)
    assert 1 - (1 - bad) ** count >= confidence - 1e-9
    assert 1 - (1 - bad) ** (count - 1) < confidence + 1e-9


def test_the_rule_of_three() -> None:
    assert requests_to_see(0.01) == 299  # about 3 / 0.01
    for values in ((0, 0.9), (1, 0.9)):
        with pytest.raises(ValueError, match="bad_ratio is"):
            requests_to_see(*values)
    with pytest.raises(ValueError, match="confidence is 1; it has to be above 0 and below 1"):
        requests_to_see(0.5, 1)


def test_a_canary_waits_for_its_share() -> None:
    assert canary_h(299, 750, 0.05) == pytest.approx(7.9733, abs=1e-3)
    assert canary_h(750, 750, 1) == 1
    for values in ((0, 1.0, 1.0), (1, 0.0, 1.0), (1, 1.0, 0.0), (1, 1.0, 1.01)):
        with pytest.raises(ValueError, match="above 0 each, and the last at most 1"):
            canary_h(*values)


SWITCH = ROOT / "snippets" / "operate" / "keep_it_current" / "switch.sh"


def switched(folder: Path, healthy: str, configuration: str) -> tuple[int, str, list[str]]:
    """Run it with stand-ins for what it calls: its status, where traffic goes, and what was called."""
    (folder / "llm").mkdir()
    (folder / "llm" / "upstream.conf").symlink_to("blue.conf")
    ends = {"systemctl": "true", "curl": healthy, "nginx": configuration}
    for name, end in ends.items():
        (folder / name).write_text(f'#!/bin/sh\necho {name} "$@" >> {folder}/calls\n{end}\n')
        (folder / name).chmod(0o755)
    text = SWITCH.read_text(encoding="utf-8").replace("/etc/nginx/llm", str(folder / "llm"))
    environment = {"PATH": f"{folder}:/usr/bin:/bin"}
    status = subprocess.run(
        ["bash", "-c", text], env=environment, check=False, capture_output=True
    ).returncode
    return (
        status,
        str((folder / "llm" / "upstream.conf").readlink()),
        (folder / "calls").read_text().splitlines(),
    )


def test_traffic_moves_once_the_new_engine_is_healthy(tmp_path: Path) -> None:
    status, target, calls = switched(tmp_path, "true", "true")
    assert (status, target) == (0, "green.conf")
    assert [" ".join(call.split()[:2]) for call in calls] == [
        "systemctl start",
        "curl --fail",
        "nginx -t",
        "systemctl reload",
    ]
    assert all(word in calls[1] for word in ("--retry 120", "--retry-delay 5", "--retry-all-errors"))


def test_an_engine_that_does_not_come_up_gets_no_traffic(tmp_path: Path) -> None:
    status, target, calls = switched(tmp_path, "exit 22", "true")
    assert (status, target) == (22, "blue.conf")
    assert "systemctl reload nginx" not in calls


def test_a_configuration_that_nginx_refuses_is_taken_back(tmp_path: Path) -> None:
    status, target, calls = switched(tmp_path, "true", "exit 1")
    assert (status, target) == (1, "blue.conf")
    assert "systemctl reload nginx" not in calls


def test_the_page_s_one_time_steps_make_nginx_read_the_link(tmp_path: Path) -> None:
    [block] = [b for b in read_page(DOCS / "operate" / "keep-it-current.md").blocks if "sed -i" in b.code]
    (tmp_path / "llm").mkdir()
    served = ROOT / "snippets" / "operate" / "serve_a_team" / "nginx.conf"
    (tmp_path / "nginx.conf").write_text(served.read_text(encoding="utf-8"))
    code = block.code.replace("/etc/nginx", str(tmp_path))
    subprocess.run(["bash", "-euc", code], check=True)
    text = (tmp_path / "nginx.conf").read_text(encoding="utf-8")
    assert "upstream engine {\n    include llm/upstream.conf;\n" in text
    assert (tmp_path / "llm" / "upstream.conf").read_text() == "server 127.0.0.1:8080;\n"
    assert (tmp_path / "llm" / "green.conf").read_text() == "server 127.0.0.1:8081;\n"


# --- the page ---------------------------------------------------------------------------------


def test_each_flaw_of_an_engine_that_the_guide_checks_for_is_counted_on_the_page() -> None:
    """What has no topic is a flaw, too."""
    table = (ROOT / "snippets" / "data" / "exposure" / "flaws.csv").read_text("utf-8")
    checked = {
        one.fact
        for one in read_flaws(table.splitlines())
        if one.engine in {"vllm", "ollama", "llama.cpp", "sglang"}
    }
    page = (ROOT / "docs" / "operate" / "keep-it-current.md").read_text("utf-8")
    since = re.search(r"since (\d{4}-\d\d-\d\d): (\d+) flaws\n", page)
    assert since
    recent = {name for name in checked if fact(name).as_of >= date.fromisoformat(since[1])}
    shown = re.findall(r"(?m)^\d{4}-\d\d-\d\d (CVE-\S+)$", page)
    assert len(recent) >= 10
    assert recent <= {name.lower() for name in shown}
    assert len(shown) == int(since[2])
