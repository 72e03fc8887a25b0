"""Which tensors feed forward in a GGUF file?"""

# --8<-- [start:imports]
from snippets.data.layers import (
    Dense,
    Experts,
    PerLayer,
)
from snippets.hardware.mixer_tensors import Tensor

# --8<-- [end:imports]


# --8<-- [start:feed]
def dense_tensors(
    part: Dense, hidden: int, fused: bool
) -> list[Tensor]:
    """Name gate, up and down.

    fused: gate and up in one matrix (Phi)
    """
    up = (hidden, part.size * (1 + fused))
    names = ["ffn_up"]
    if part.gated and not fused:
        names = ["ffn_gate", "ffn_up"]
    return [
        *(
            Tensor(f"{name}.weight", up)
            for name in names
        ),
        Tensor(
            "ffn_down.weight", (part.size, hidden)
        ),
    ]


def expert_tensors(
    part: Experts, hidden: int, beside: bool
) -> list[Tensor]:
    """Name the router, the experts, the shared one.

    beside: a dense block stands beside the
    experts, in place of a shared one (Gemma 4)
    """
    width = part.latent_size or hidden
    count, size = part.experts, part.size
    names = ["gate", "up"] if part.gated else ["up"]
    found = [
        Tensor(
            "ffn_gate_inp.weight", (hidden, count)
        ),
        *(
            Tensor(
                f"ffn_{name}_exps.weight",
                (width, size, count),
            )
            for name in names
        ),
        Tensor(
            "ffn_down_exps.weight",
            (size, width, count),
        ),
    ]
    if part.bias:
        found += [
            Tensor("ffn_gate_inp.bias", (count,)),
            *(
                Tensor(
                    f"ffn_{name}_exps.bias",
                    (size, count),
                )
                for name in names
            ),
            Tensor(
                "ffn_down_exps.bias", (width, count)
            ),
        ]
    if part.selection_bias:
        found.append(
            Tensor("exp_probs_b.bias", (count,))
        )
    if part.latent_size:
        found += [
            Tensor(
                "ffn_latent_down.weight",
                (hidden, width),
            ),
            Tensor(
                "ffn_latent_up.weight",
                (width, hidden),
            ),
        ]
    shared = part.shared * part.shared_size
    if shared:
        tail = "" if beside else "_shexp"
        found += [
            Tensor(
                f"ffn_{name}{tail}.weight",
                (hidden, shared),
            )
            for name in names
        ]
        found.append(
            Tensor(
                f"ffn_down{tail}.weight",
                (shared, hidden),
            )
        )
    if part.shared_gate:
        found.append(
            Tensor(
                "ffn_gate_inp_shexp.weight",
                (hidden,),
            )
        )
    return found


# --8<-- [end:feed]


# --8<-- [start:beside]
def beside_tensors(
    part: PerLayer, hidden: int
) -> list[Tensor]:
    """Name what a layer needs for its embedding."""
    size, streams = part.size, part.streams
    rank = part.laurel_rank
    shapes: dict[str, tuple[int, ...]] = {
        "inp_gate": (hidden, size),
        "proj": (size, hidden),
        "post_norm": (hidden,),
    }
    if rank:
        shapes |= {
            "laurel_l": (hidden, rank),
            "laurel_r": (rank, hidden),
            "laurel_post_norm": (hidden,),
        }
    if streams:
        shapes |= {
            "altup_correct_coef": (
                streams,
                streams,
            ),
            "altup_correct_scale": (hidden,),
            "altup_predict_coef": (
                streams,
                streams**2,
            ),
            "altup_router": (hidden, streams),
            "altup_router_norm": (hidden,),
        }
    return [
        Tensor(f"{name}.weight", shape)
        for name, shape in shapes.items()
    ]


# --8<-- [end:beside]
