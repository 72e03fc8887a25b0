"""Write a GGUF file of full length without its weights, from a model's record.

The file has the metadata and the tensor infos that llama.cpp asks for, and a hole where the weights
would be: it takes some kilobytes on disk, and the engine loads it as it would the real one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import gguf
import numpy as np

from snippets.data.layers import Attention, Parallel
from snippets.hardware.architectures import gguf_architecture
from snippets.hardware.weights import tensor_bytes, tensor_types

if TYPE_CHECKING:
    from pathlib import Path

    from snippets.data.models import Model

    Value = int | float | str | bool | list[int] | list[bool]


def metadata(built: Model) -> dict[str, Value]:
    """Say of a model what llama.cpp reads from the header, without the architecture in front."""
    mixers = built.layer_mixers
    feeds = built.layer_feed_forwards
    parts = [built.mixer_of(index) for index in range(built.layers)]
    parts = [part.attention if isinstance(part, Parallel) else part for part in parts]
    found: dict[str, Value] = {
        "block_count": built.layers,
        "context_length": built.context_tokens,
        "embedding_length": built.hidden_size,
        "vocab_size": built.vocabulary,
        "attention.layer_norm_rms_epsilon": 1e-6,
        "attention.layer_norm_epsilon": 1e-5,
        "rope.freq_base": 10000.0,
        "logit_scale": 1.0,
    }
    attention = [part if isinstance(part, Attention) else None for part in parts]
    some = next((part for part in attention if part), None)
    if some:
        full = built.full_attention or some
        found |= {
            "attention.head_count": some.heads,
            # Hybrids with Mamba say by layer which of them has keys; those of Qwen do not.
            "attention.head_count_kv": [
                part.kv_heads if part else some.kv_heads if built.linear else 0 for part in attention
            ],
            "attention.key_length": full.key_head_dim,
            "attention.value_length": full.value_head_dim,
            "rope.dimension_count": full.key_head_dim,
            "rope.dimension_sections": [full.key_head_dim // 8] * 4,
        }
        if built.window_tokens:
            found |= {
                "attention.sliding_window": built.window_tokens,
                "attention.sliding_window_pattern": [mixer in {"sliding", "chunked"} for mixer in mixers],
                "attention.key_length_swa": some.key_head_dim,
                "attention.value_length_swa": some.value_head_dim,
                "rope.dimension_count_swa": some.key_head_dim,
            }
    if built.attention and (picks := built.attention.blocks):
        found |= {
            "attention.indexer.head_count": picks.heads,
            "attention.indexer.key_length": picks.head_dim,
            "attention.indexer.top_k": picks.selected_blocks,
            "attention.indexer.block_size": picks.block_tokens,
            "attention.indexer.local_blocks": 1,
        }
    if latent := built.latent:
        head = latent.nope_head_dim + latent.rope_head_dim
        found |= {
            "attention.head_count": latent.heads,
            "attention.head_count_kv": [int(mixer == "latent") for mixer in mixers],
            "attention.key_length": latent.key_value_rank + latent.rope_head_dim,
            "attention.value_length": latent.key_value_rank,
            "attention.key_length_mla": head,
            "attention.value_length_mla": latent.value_head_dim,
            "attention.kv_lora_rank": latent.key_value_rank,
            "rope.dimension_count": latent.rope_head_dim,
        }
        if latent.query_rank:
            found["attention.q_lora_rank"] = latent.query_rank
        if index := latent.indexer:
            found |= {
                "attention.indexer.head_count": index.heads,
                "attention.indexer.key_length": index.head_dim,
                "attention.indexer.top_k": index.selected_tokens,
                "attention.indexer.types": [who == "own" for who in built.layer_indexers],
            }
    found |= states(built)
    width = built.dense.size if built.dense else 0
    if experts := built.experts:
        beside = experts.shared_size if gguf_architecture(built) == "gemma4" else experts.size
        width = width or beside
        found |= {
            "expert_count": experts.experts,
            "expert_used_count": experts.active,
            "expert_feed_forward_length": experts.size,
            "expert_shared_count": experts.shared,
            "expert_shared_feed_forward_length": experts.shared * experts.shared_size,
            "leading_dense_block_count": feeds.index("experts"),
            "interleave_moe_layer_step": len(feeds) // feeds.count("experts"),
            "expert_gating_func": 2,
            "moe_latent_size": experts.latent_size,
        }
    found["feed_forward_length"] = [
        0 if feed == "none" else built.wide.size if built.wide and feed == "wide" else width for feed in feeds
    ]
    if part := built.per_layer:
        found |= {
            "embedding_length_per_layer_input": part.size,
            "altup.num_inputs": part.streams,
            "altup.active_idx": 0,
        }
    elif gguf_architecture(built) == "gemma4":
        found["embedding_length_per_layer_input"] = 0
    if built.kv_shared_layers:
        found["attention.shared_kv_layers"] = built.kv_shared_layers
    return found


def states(built: Model) -> dict[str, Value]:
    """Say of layers with a state what llama.cpp reads."""
    found: dict[str, Value] = {}
    if linear := built.linear:
        found |= {
            "ssm.conv_kernel": linear.conv_kernel,
            "ssm.inner_size": linear.value_heads * linear.value_head_dim,
            "ssm.state_size": linear.key_head_dim,
            "ssm.time_step_rank": linear.value_heads,
            "ssm.group_count": linear.key_heads,
            "attention.recurrent_layers": [mixer == "linear" for mixer in built.layer_mixers],
        }
    if delta := built.delta:
        found |= {"ssm.conv_kernel": delta.conv_kernel, "kda.head_dim": delta.head_dim}
    if conv := built.conv:
        found["shortconv.l_cache"] = conv.conv_kernel
    if mamba := built.mamba or (built.parallel and built.parallel.mamba):
        found |= {
            "ssm.conv_kernel": mamba.conv_kernel,
            "ssm.inner_size": mamba.heads * mamba.head_dim,
            "ssm.state_size": mamba.state_size,
            "ssm.time_step_rank": mamba.heads,
            "ssm.group_count": mamba.groups,
        }
    return found


def write(built: Model, path: Path, file_type: str) -> None:
    """Write the file, as long as it would be with its weights."""
    architecture = gguf_architecture(built)
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_file_type(1)
    writer.add_tokenizer_model("no_vocab")
    for key, value in metadata(built).items():
        name = f"{architecture}.{key}"
        if isinstance(value, bool):
            writer.add_bool(name, value)
        elif isinstance(value, int):
            writer.add_uint32(name, value)
        elif isinstance(value, float):
            writer.add_float32(name, value)
        elif isinstance(value, list):
            writer.add_array(name, value)
        else:
            writer.add_string(name, value)
    total = 0
    for tensor, kind in tensor_types(built, file_type):
        size = tensor_bytes(tensor, kind)
        writer.add_tensor_info(
            tensor.name,
            tuple(reversed(tensor.shape)),
            np.dtype(np.float32),  # what counts is the type after it
            size,
            gguf.GGMLQuantizationType[kind],
        )
        total += gguf.GGUFWriter.ggml_pad(size, writer.data_alignment)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    writer.close()
    header = path.stat().st_size
    with path.open("r+b") as file:
        file.truncate(gguf.GGUFWriter.ggml_pad(header, writer.data_alignment) + total)
