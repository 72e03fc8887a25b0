from snippets.data.machines import machine
from snippets.data.models import model
from snippets.hardware.changes import changes
from snippets.hardware.file_types import BASES
from snippets.hardware.kv_cache import Context
from snippets.hardware.memory import Plan, fits
from snippets.hardware.placement import Device, device
from snippets.hardware.weights import weights

CARD = device(machine("rtx-4090"))


def plan(name: str, file_type: str, tokens: int, gib: float = 23.64) -> Plan:
    built = model(name)
    card = Device(name="card", visible_gib=gib)
    return Plan(built, weights(built, file_type), Context(context_tokens=tokens), (card,))


def test_what_fits_needs_no_change() -> None:
    assert changes(plan("llama-3.1-8b", "Q4_K_M", 8_192)) == ()


def test_every_change_makes_it_fit() -> None:
    for asked in (
        plan("llama-3.1-8b", "Q8_0", 131_072),
        plan("llama-3.3-70b", "Q4_K_M", 32_768),
        plan("gpt-oss-120b", "MXFP4_MOE", 32_768),
        plan("qwen3-30b-a3b", "Q8_0", 40_960),
    ):
        found = changes(asked)
        assert found
        assert all(fits(change.plan) for change in found)


def test_they_come_from_what_costs_least() -> None:
    says = [change.says for change in changes(plan("qwen3-32b", "Q4_K_M", 32_768))]
    assert says[0] == "a cache in q8_0"
    assert says[1].startswith("a context of ")
    assert says[2].startswith("a file in ")
    assert says[3].endswith("layers with the processor")
    assert len(says) == 4


def test_a_smaller_file_is_the_largest_that_fits() -> None:
    asked = plan("llama-3.1-8b", "Q8_0", 8_192, gib=7.5)
    (other,) = (change.plan for change in changes(asked) if change.says.startswith("a file in"))
    assert other.file.bytes < asked.file.bytes
    for name in BASES:
        larger = weights(asked.built, name)
        if larger.bytes > other.file.bytes:
            assert not fits(asked._replace(file=larger)), name


def test_experts_go_before_layers_and_no_more_than_needed() -> None:
    asked = plan("qwen3-30b-a3b", "Q8_0", 32_768)
    experts, layers = changes(asked)[-2:]
    kept = experts.plan.offload.cpu_expert_layers
    assert experts.says == f"experts of {kept} layers with the processor"
    fewer = experts.plan.offload.model_copy(update={"cpu_expert_layers": kept - 1})
    assert not fits(experts.plan._replace(offload=fewer))
    on_gpu = layers.plan.offload.gpu_layers
    assert on_gpu is not None
    assert layers.says == f"{asked.built.layers + 1 - on_gpu} layers with the processor"
    more = layers.plan.offload.model_copy(update={"gpu_layers": on_gpu + 1})
    assert not fits(layers.plan._replace(offload=more))


def test_weights_that_are_too_large_leave_no_context() -> None:
    says = [change.says for change in changes(plan("llama-3.3-70b", "Q8_0", 4_096))]
    assert not any(word.startswith(("a context", "a cache")) for word in says)
