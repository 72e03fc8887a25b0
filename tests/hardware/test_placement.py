import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snippets.data.machines import machine
from snippets.data.models import model
from snippets.hardware.kv_cache import Context, kv_cache_bytes
from snippets.hardware.placement import (
    GIB,
    HOST,
    Device,
    Offload,
    Part,
    device,
    device_of_layer,
    place,
)
from snippets.hardware.state import state_bytes
from snippets.hardware.weights import Weights, weights

MIB = 2**20
LLAMA = model("llama-3.1-8b")
FILE = weights(LLAMA, "Q4_K_M")


def cards(count: int, gib: float = 24.0) -> tuple[Device, ...]:
    return tuple(Device(name=f"card {at}", visible_gib=gib) for at in range(count))


def mib(size: int) -> float:
    return round(size / MIB, 2)


def test_one_card_holds_what_a_published_log_says() -> None:
    # GPU-Benchmarks-on-LLM-Inference, Llama 3 8B Q4_K_M on an RTX 4090, context 8192
    found = place(LLAMA, FILE, Context(context_tokens=8_192), cards(1))
    assert mib(found[HOST].weights) == 281.81
    assert mib(found[0].weights) == 4403.49
    assert mib(found[0].kv_cache) == 1024
    assert found[HOST].kv_cache == 0


def test_eight_cards_hold_what_a_published_log_says() -> None:
    # The same on eight. That file of 2024 spread its larger value matrices in the order of names, not of
    # layers, so one of them is on the neighbor: cards 2 and 3 are held against each other's sum.
    found = place(LLAMA, FILE, Context(context_tokens=8_192), cards(8))
    weight = [mib(found[at].weights) for at in range(8)]
    assert weight[:2] + weight[4:] == [647.03, 483.59, 483.59, 499.06, 499.06, 808.49]
    assert weight[2] + weight[3] == pytest.approx(483.59 + 499.06)
    assert [mib(found[at].kv_cache) for at in range(8)] == [160, 128, 128, 128, 128, 128, 128, 96]


def test_layers_are_dealt_by_memory() -> None:
    devices = (Device(name="large", visible_gib=30), Device(name="small", visible_gib=10))
    homes = device_of_layer(LLAMA, devices, Offload())
    assert homes == [0] * 25 + [1] * 8  # 33 with the output, three quarters of them


def test_shares_go_before_memory() -> None:
    assert device_of_layer(LLAMA, cards(2), Offload(shares=(1, 0))) == [0] * 33
    assert device_of_layer(LLAMA, cards(2), Offload(shares=(0, 1))) == [1] * 33


def test_what_is_not_offloaded_are_the_first_layers() -> None:
    homes = device_of_layer(LLAMA, cards(1), Offload(gpu_layers=10))
    assert homes == [HOST] * 23 + [0] * 10


def test_without_a_device_all_is_with_the_processor() -> None:
    context = Context(context_tokens=4_096)
    assert place(LLAMA, FILE, context) == {HOST: Part(FILE.bytes, kv_cache_bytes(LLAMA, context), 0)}


def test_a_tied_embedding_is_copied_to_the_output_unless_memory_is_unified() -> None:
    tied = model("llama-3.2-1b")
    file = weights(tied, "Q8_0")
    table = file.by_group()["embedding"]
    context = Context(context_tokens=512)
    apart = place(tied, file, context, cards(1))
    assert (apart[HOST].weights, apart[0].weights) == (table, file.bytes)
    one = Device(name="chip", visible_gib=16, unified=True)
    together = place(tied, file, context, (one,))
    assert together[HOST].weights + together[0].weights == file.bytes
    all_host = place(tied, file, context, cards(1), Offload(gpu_layers=0))
    assert all_host[HOST].weights == file.bytes


def test_experts_of_the_first_layers_stay_with_the_processor() -> None:
    built = model("qwen3-30b-a3b")
    file = weights(built, "Q4_K_M")
    context = Context(context_tokens=4_096)
    all_on, some = (
        place(built, file, context, cards(1), Offload(cpu_expert_layers=count)) for count in (0, 10)
    )
    moved = sum(
        Weights([pair]).bytes
        for pair in file.types
        if "_exps." in pair[0].name and int(pair[0].name.split(".")[1]) < 10
    )
    assert some[HOST].weights - all_on[HOST].weights == all_on[0].weights - some[0].weights == moved > 0
    assert some[0].kv_cache == all_on[0].kv_cache  # attention stays


@settings(deadline=None)
@given(
    name=st.sampled_from(["llama-3.1-8b", "gemma-3-27b", "deepseek-v2-lite", "nemotron-3-nano-30b-a3b"]),
    count=st.integers(1, 6),
    layers=st.one_of(st.none(), st.integers(0, 80)),
    experts=st.integers(0, 80),
)
def test_nothing_is_lost(name: str, count: int, layers: int | None, experts: int) -> None:
    built = model(name)
    file = weights(built, "IQ4_XS")
    context = Context(context_tokens=8_192, sequences=2)
    offload = Offload(gpu_layers=layers, cpu_expert_layers=experts)
    found = place(built, file, context, cards(count), offload)
    held = sum(part.weights for part in found.values())
    copied = held - file.bytes
    assert copied in {0, file.by_group()["embedding"] if built.tied_embeddings else 0}
    assert sum(part.kv_cache for part in found.values()) == kv_cache_bytes(built, context)
    assert sum(part.state for part in found.values()) == state_bytes(built, context)


def test_a_card_is_what_software_sees_of_it() -> None:
    card = device(machine("rtx-4090"))
    assert (card.visible_gib, card.runtime_gib, card.unified) == (23.64, 0.55, False)
    assert device(machine("v100"), 16).visible_gib == pytest.approx(16e9 / GIB)
    chip = device(machine("m3-ultra"), 256)
    assert (chip.visible_gib, chip.runtime_gib, chip.unified) == (192, 0, True)
    assert device(machine("m3-ultra")).visible_gib == 384


def test_reading_a_label_as_decimal_promises_no_more_than_was_ever_seen() -> None:
    for name in ("rtx-3090", "rtx-4090", "rtx-5090", "a10", "l4", "l40s", "t4", "h100-sxm", "h100-nvl"):
        known = machine(name)
        assert known.memory_gb[-1] * 1e9 / GIB <= known.visible_memory_gib[-1], name


def test_bad_input_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"labeled_gb is 20; RTX 4090 is sold with \(24.0,\)"):
        device(machine("rtx-4090"), 20)
    with pytest.raises(ValueError, match=r"no memory of its own; make a Device"):
        device(machine("epyc-9004"))
    with pytest.raises(ValueError, match=r"2 shares for 3 devices"):
        device_of_layer(LLAMA, cards(3), Offload(shares=(1, 1)))
    with pytest.raises(ValueError, match=r"all shares are 0"):
        Offload(shares=(0, 0))
    with pytest.raises(ValueError, match=r"a share is below 0"):
        Offload(shares=(1, -1))
    with pytest.raises(ValueError, match=r"visible_gib"):
        Device(name="none", visible_gib=0)


@pytest.mark.parametrize(("field", "most"), [("gpu_layers", 1_000), ("cpu_expert_layers", 1_000)])
def test_bounds_of_what_stays(field: str, most: int) -> None:
    Offload(**{field: most})
    Offload(**{field: 0})
    for value in (-1, most + 1):
        with pytest.raises(ValueError, match=field):
            Offload(**{field: value})


def test_without_a_word_all_layers_and_experts_are_offloaded_and_nothing_is_held() -> None:
    assert Offload().model_dump() == {"gpu_layers": None, "cpu_expert_layers": 0, "shares": ()}
    assert Part() == (0, 0, 0)
    assert HOST == -1  # as the docstrings say


def test_bounds_of_a_device() -> None:
    assert Device(name="a", visible_gib=20_000, runtime_gib=10).runtime_gib == 10
    assert Device(name="a", visible_gib=1).runtime_gib == 0.55
    for field, value in (("visible_gib", 20_001), ("runtime_gib", 10.1), ("runtime_gib", -0.1)):
        with pytest.raises(ValueError, match=field):
            Device.model_validate({"name": "a", "visible_gib": 1, field: value})
