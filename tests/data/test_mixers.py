"""Parameters of what mixes tokens: attention, latents and states."""

from __future__ import annotations

from hypothesis import given

from snippets.data.layers import Attention, Delta, Latent, Linear, Mamba, ShortConv
from snippets.data.mixers import (
    attention_parameters,
    conv_parameters,
    delta_parameters,
    indexer_parameters,
    latent_parameters,
    linear_parameters,
    mamba_parameters,
    mixer_parameters,
)
from snippets.data.models import model
from tests.data.samples import attentions, deltas, latents, linears, mambas, sizes


@given(attentions, sizes)
def test_layers_that_share_keys_and_values_are_smaller(part: Attention, hidden: int) -> None:
    assert attention_parameters(part, hidden, shares_kv=True) < attention_parameters(part, hidden)


@given(attentions, latents, linears, sizes)
def test_wider_models_have_more_parameters(
    attention: Attention, latent: Latent, linear: Linear, hidden: int
) -> None:
    assert attention_parameters(attention, hidden + 1) > attention_parameters(attention, hidden) > 0
    assert latent_parameters(latent, hidden + 1) > latent_parameters(latent, hidden) > 0
    assert linear_parameters(linear, hidden + 1) > linear_parameters(linear, hidden) > 0


@given(mambas, sizes)
def test_wider_states_have_more_parameters(part: Mamba, hidden: int) -> None:
    wider = part.model_copy(update={"state_size": part.state_size + 1})
    assert mamba_parameters(wider, hidden) > mamba_parameters(part, hidden)


@given(mambas, sizes)
def test_a_norm_before_the_output_is_as_wide_as_the_heads(part: Mamba, hidden: int) -> None:
    with_it, without = (
        mamba_parameters(part.model_copy(update={"norm": norm}), hidden) for norm in (True, False)
    )
    assert with_it - without == part.heads * part.head_dim


@given(deltas, sizes)
def test_one_more_head_of_kimi_delta_attention_brings_its_rows_and_two_numbers(
    part: Delta, hidden: int
) -> None:
    more = part.model_copy(update={"heads": part.heads + 1})
    added = delta_parameters(more, hidden) - delta_parameters(part, hidden)
    size = part.head_dim
    assert added == size * (4 * hidden + 2 * size + 3 * part.conv_kernel + 1) + hidden + 1


def test_a_short_convolution_is_four_square_matrices_and_a_kernel() -> None:
    lfm = model("lfm2-1.2b")
    assert mixer_parameters(lfm, 0) == 4 * 2048**2 + 3 * 2048
    assert conv_parameters(ShortConv(conv_kernel=4), 2048) - mixer_parameters(lfm, 0) == 2048


def test_a_parallel_layer_has_both_mixers_whole() -> None:
    falcon = model("falcon-h1-7b")
    both = falcon.parallel
    assert both
    assert mixer_parameters(falcon, 0) == (
        attention_parameters(both.attention, falcon.hidden_size)
        + mamba_parameters(both.mamba, falcon.hidden_size)
    )


def test_grouped_queries_cost_a_quarter_of_the_keys_and_values() -> None:
    every = Attention(heads=32, kv_heads=32, key_head_dim=128, value_head_dim=128)
    grouped = every.model_copy(update={"kv_heads": 8})
    saved = attention_parameters(every, 4096) - attention_parameters(grouped, 4096)
    assert saved == 2 * 24 * 128 * 4096


def test_layers_that_pick_blocks_have_queries_and_one_key_for_it() -> None:
    minimax = model("minimax-m3")
    full, sparse = (mixer_parameters(minimax, index) for index in (2, 3))
    assert sparse - full == (4 * 128 + 128) * 6144 + 2 * 128


def test_without_an_indexer_there_is_nothing_to_count() -> None:
    deepseek = model("deepseek-v3")
    assert deepseek.latent
    assert indexer_parameters(deepseek.latent, deepseek.hidden_size) == 0


def test_only_layers_with_an_indexer_of_their_own_count_it() -> None:
    glm = model("glm-5.3")
    assert glm.latent
    index = indexer_parameters(glm.latent, glm.hidden_size)
    shared, own = mixer_parameters(glm, 5), mixer_parameters(glm, 6)
    assert own - shared == index > 0


def test_layers_that_mix_nothing_have_nothing_to_count() -> None:
    nemotron = model("nemotron-3-nano-30b-a3b")
    index = nemotron.layer_mixers.index("none")
    assert mixer_parameters(nemotron, index) == 0 < mixer_parameters(nemotron, 0)


def test_the_last_layers_of_gemma_3n_use_the_keys_and_values_of_others() -> None:
    gemma = model("gemma-3n-e4b")
    own, shared = (mixer_parameters(gemma, index) for index in (19, 20))
    assert gemma.attention
    assert own - shared == 2 * gemma.attention.kv_heads * 256 * gemma.hidden_size + 256
