"""Make the golden files: what each format's own library writes for rows of the small model.

Run once for each name, in an environment that has what it needs (Python 3.11), with this folder on its path:
`python -m tests.model_formats.golden mlx`, and so on.

    inputs        pydantic
    mlx           mlx[cpu], pydantic
    onnx          onnx, onnxruntime, pydantic
    bitsandbytes  torch, bitsandbytes, pydantic
    floats        torch, compressed-tensors, transformers, expecttest, pydantic
    int32, exl3   torch, pydantic, and in PACKERS the unpacked sources of auto-gptq, autoawq and
                  gptqmodel, separated by colons

Each file records the versions. The packers' packages are entered past their `__init__`, which want a GPU.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.metadata
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from snippets.data.small_model import read_small_model
from tests.model_formats.goldens import FOLDER, golden, integers

Arrays = dict[str, Any]


def save(name: str, packages: str, arrays: Arrays) -> None:
    """Write one golden file, with the versions it was made with."""
    versions = [f"{each} {importlib.metadata.version(each)}" for each in packages.split()]
    arrays = {key: np.ascontiguousarray(value) for key, value in arrays.items()}
    np.savez_compressed(FOLDER / f"{name}.npz", versions=np.array(versions), **arrays)


def inputs() -> None:
    """Take rows of the small model, and round them to nearest in groups of 32."""
    rows = read_small_model().weights["model.layers.0.mlp.gate_proj.weight"][:32, :128]
    out: Arrays = {"rows": rows}
    cut = rows.reshape(32, -1, 32)
    low, high = cut.min(2), cut.max(2)
    for bits in (2, 3, 4, 8):
        most = 2**bits - 1
        scales = ((high - low) / most).astype(np.float16)
        zeros = np.clip(np.rint(-low / scales), 1, most).astype(np.uint8)
        steps = np.rint(cut / scales[..., None]) + zeros[..., None]
        codes = np.clip(steps, 0, most).astype(np.uint8).reshape(rows.shape)
        out |= {f"codes_{bits}": codes, f"zeros_{bits}": zeros, f"scales_{bits}": scales}
    save("inputs", "numpy", out)


def mlx() -> None:
    """MLX quantizes and dequantizes."""
    mx: Any = importlib.import_module("mlx.core")
    out: Arrays = {}
    for bits in (2, 3, 4, 5, 6, 8):
        weight, scales, biases = mx.quantize(mx.array(golden("inputs")["rows"]), group_size=64, bits=bits)
        found = mx.dequantize(weight, scales, biases, group_size=64, bits=bits)
        for key, value in (("weight", weight), ("scales", scales), ("biases", biases), ("found", found[:8])):
            out[f"{key}_{bits}"] = np.array(value)
    for mode in ("mxfp4", "nvfp4"):
        weight, scales = mx.quantize(mx.array(golden("inputs")["rows"]), mode=mode)
        found = mx.dequantize(weight, scales, mode=mode, dtype=mx.float32)
        for key, value in (("weight", weight), ("scales", scales), ("found", found[:8])):
            out[f"{key}_{mode}"] = np.array(value)
    save("mlx", "mlx", out)


def onnx() -> None:
    """ONNX Runtime multiplies the identity by what our own layout should be; onnx packs INT4."""
    tool: Any = importlib.import_module("onnx")
    helper: Any = importlib.import_module("onnx.helper")
    runtime: Any = importlib.import_module("onnxruntime")
    of = tool.TensorProto
    out: Arrays = {}
    packing: Any = importlib.import_module("snippets.model_formats.onnx_layout")

    def run(node: Any, tensors: list[Any], shape: list[int], *more: Any) -> Any:
        result = helper.make_tensor_value_info("Y", of.FLOAT, shape)
        graph = helper.make_graph([node], "g", list(more), [result], tensors)
        opsets = [helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
        session = runtime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        given = {one.name: np.eye(shape[0], dtype=np.float32) for one in more}
        return session.run(None, given)[0]

    columns = 112  # the last block of 32 is filled up by half
    for bits in (2, 4, 8):
        codes, zeros, scales = integers(bits)
        wide = scales.astype(np.float32)
        parts = packing.matmul_tensors(codes[:, :columns], zeros, wide, bits, 32)
        tensors = [
            helper.make_tensor("B", of.UINT8, parts["B"].shape, parts["B"].tobytes(), raw=True),
            helper.make_tensor("scales", of.FLOAT, wide.shape, wide.tobytes(), raw=True),
            helper.make_tensor(
                "zeros", of.UINT8, parts["zero_points"].shape, parts["zero_points"].tobytes(), raw=True
            ),
        ]
        node = helper.make_node(
            "MatMulNBits",
            ["A", "B", "scales", "zeros"],
            ["Y"],
            domain="com.microsoft",
            K=columns,
            N=32,
            bits=bits,
            block_size=32,
        )
        given = helper.make_tensor_value_info("A", of.FLOAT, [columns, columns])
        out[f"found_{bits}"] = run(node, tensors, [columns, 32], given).T
        node.input.pop()
        out[f"middle_{bits}"] = run(node, tensors[:2], [columns, 32], given).T[:8]
    codes, zeros, scales = integers(4)
    signed, middle = codes.astype(np.int8) - 8, zeros.astype(np.int8) - 8
    wide = scales.astype(np.float32)
    tensors = [
        helper.make_tensor("x", of.INT4, signed.shape, signed.flatten().tolist()),
        helper.make_tensor("s", of.FLOAT, wide.shape, wide.flatten().tolist()),
        helper.make_tensor("z", of.INT4, middle.shape, middle.flatten().tolist()),
    ]
    node = helper.make_node("DequantizeLinear", ["x", "s", "z"], ["Y"], axis=1, block_size=32)
    out["found_int4"] = run(node, tensors, [32, 128])
    odd = helper.make_tensor("odd", of.INT4, [1, 5], [1, -8, 7, -1, 3])
    for key, tensor in (("bytes_int4", tensors[0]), ("bytes_odd", odd)):
        held = np.array(tensor.int32_data, dtype=np.uint8).tobytes()
        out[key] = np.frombuffer(tensor.raw_data or held, np.uint8)
    save("onnx", "onnx onnxruntime", out)


def stub(name: str, folder: Path | None = None, **members: Any) -> None:
    """Put a module in place of one whose `__init__` wants more than is needed."""
    module = ModuleType(name)
    module.__dict__.update(members)
    module.__path__ = [str(folder)] if folder else []
    sys.modules[name] = module


def bitsandbytes() -> None:
    """bitsandbytes quantizes and dequantizes."""
    pt: Any = importlib.import_module("torch")
    four: Any = importlib.import_module("bitsandbytes.functional")
    out: Arrays = {}
    rows = pt.tensor(golden("inputs")["rows"][:, :120])  # 60 blocks of 64
    for kind in ("nf4", "fp4"):
        for nested in (False, True):
            data, state = four.quantize_4bit(rows, blocksize=64, quant_type=kind, compress_statistics=nested)
            name = f"{kind}_{nested}"
            out[f"{name}/weight"] = data.numpy()
            out |= {f"{name}/{key}": one.numpy() for key, one in state.as_dict(packed=True).items()}
            out[f"{name}/found"] = four.dequantize_4bit(data, state).numpy()
    data, scb, _ = four.int8_vectorwise_quant(rows.half())
    found = four.int8_vectorwise_dequant(data, scb)
    out |= {"int8/weight": data.numpy(), "int8/scb": scb.numpy(), "int8/found": found.numpy()}
    save("bitsandbytes", "bitsandbytes torch", out)


def floats() -> None:
    """compressed-tensors packs; PyTorch has FP8 and the order of scales, transformers has gpt-oss."""
    pt: Any = importlib.import_module("torch")
    packing: Any = importlib.import_module("compressed_tensors.compressors.pack_quantized.helpers")
    fp4: Any = importlib.import_module("compressed_tensors.compressors.nvfp4.helpers")
    forward: Any = importlib.import_module("compressed_tensors.quantization.lifecycle.forward")
    quantization: Any = importlib.import_module("compressed_tensors.quantization")
    out: Arrays = {}
    for bits in (3, 4, 8):
        codes, zeros, scales = integers(bits)
        middle = 1 << (bits - 1)
        for key, value, along in (("codes", codes, 1), ("zeros", zeros, 0)):
            signed = pt.tensor(value.astype(np.int16) - middle).to(pt.int8)
            out[f"{key}_{bits}"] = packing.pack_to_int32(signed, bits, packed_dim=along).numpy()
    codes = np.random.default_rng(5).integers(0, 16, (32, 128), dtype=np.uint8)
    table = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6])
    values = np.where(codes > 7, -1.0, 1.0) * table[codes & 7]
    packed = fp4.pack_fp4_to_uint8(pt.tensor(values, dtype=pt.float32))
    out["fp4_codes"], out["fp4_packed"] = codes, packed.numpy()
    scales = pt.tensor(np.linspace(0.02, 300, 32 * 8, dtype=np.float32).reshape(32, 8)).to(pt.float8_e4m3fn)
    args = quantization.QuantizationArgs(num_bits=4, type="float", strategy="tensor_group", group_size=16)
    whole = pt.tensor([1024.0])
    unpacked = fp4.unpack_fp4_from_uint8(packed, 32, 128, pt.float32)
    found = forward.dequantize(unpacked, scales.float(), args=args, global_scale=whole)
    out |= {
        "nvfp4_scales": scales.view(pt.uint8).numpy(),
        "nvfp4_global": whole.numpy(),
        "nvfp4_found": found.numpy(),
    }

    every = pt.arange(256, dtype=pt.int32).to(pt.uint8)
    out["e4m3"] = every.view(pt.float8_e4m3fn).float().numpy()
    out["e8m0"] = every.view(pt.float8_e8m0fnu).float().numpy()
    codes8 = pt.tensor(np.random.default_rng(6).integers(0, 127, (192, 160), dtype=np.uint8))
    weight = codes8.view(pt.float8_e4m3fn)
    for key, strategy, shape, more in (
        ("tensor", "tensor", (1,), {}),
        ("channel", "channel", (192, 1), {}),
        ("block", "block", (2, 2), {"block_structure": [128, 128]}),
    ):
        scale = pt.linspace(0.001, 0.002, int(np.prod(shape))).reshape(shape)
        args = quantization.QuantizationArgs(num_bits=8, type="float", strategy=strategy, **more)
        found = forward.dequantize(weight.float(), scale, args=args)
        out |= {f"fp8_{key}_scale": scale.numpy(), f"fp8_{key}_found": found.numpy()[::24, ::8]}
    blocked: Any = importlib.import_module("torch.testing._internal.common_quantized").to_blocked
    order = pt.arange(160 * 6, dtype=pt.int32).reshape(160, 6)
    out["swizzled"] = blocked(order).numpy().astype(np.int16)

    oss: Any = importlib.import_module("transformers.integrations.mxfp4")
    blocks = np.random.default_rng(7).integers(0, 256, (2, 8, 4, 16), dtype=np.uint8)
    eights = np.random.default_rng(8).integers(110, 135, (2, 8, 4), dtype=np.uint8)
    found = oss.convert_moe_packed_tensors(pt.tensor(blocks), pt.tensor(eights), dtype=pt.float32)
    out["gpt_oss_found"] = found.numpy()
    save("floats", "compressed-tensors torch transformers", out)


def sources() -> list[Path]:
    """Where the packers' sources are, and with them their versions."""
    folders = os.environ["PACKERS"].split(":")
    sys.path += folders
    return [Path(each) for each in folders]


def int32() -> None:
    """auto-gptq and autoawq pack, and multiply on a CPU."""
    pt: Any = importlib.import_module("torch")
    gptq, awq, _ = sources()
    out: Arrays = {}
    stub("transformers", pytorch_utils=ModuleType("pytorch_utils"))
    sys.modules["transformers"].pytorch_utils.Conv1D = type("Conv1D", (), {})
    stub("accelerate")
    stub("auto_gptq", gptq / "auto_gptq")
    stub("auto_gptq.nn_modules", gptq / "auto_gptq/nn_modules")
    stub("auto_gptq.nn_modules.qlinear", gptq / "auto_gptq/nn_modules/qlinear")
    layer: Any = importlib.import_module("auto_gptq.nn_modules.qlinear.qlinear_cuda_old")
    for bits in (2, 3, 4, 8):
        codes, zeros, scales = (pt.tensor(each) for each in integers(bits))
        linear = pt.nn.Linear(128, 32, bias=False)
        wide, middle = scales.float(), zeros.float()
        linear.weight.data = (codes - middle.repeat_interleave(32, 1)) * wide.repeat_interleave(32, 1)
        packed = layer.QuantLinear(bits, 32, 128, 32, bias=False)
        packed.pack(linear, wide, middle, None)
        out |= {f"gptq_{key}_{bits}": getattr(packed, key).numpy() for key in ("qweight", "qzeros")}
        out[f"gptq_found_{bits}"] = packed(pt.eye(128)).detach().numpy().T[:8]
    out["gptq_g_idx"] = packed.g_idx.numpy()
    stub("awq", awq / "awq")
    stub("awq.modules", awq / "awq/modules")
    stub("awq.modules.linear", awq / "awq/modules/linear")
    gemm: Any = importlib.import_module("awq.modules.linear.gemm")
    utils: Any = importlib.import_module("awq.utils.packing_utils")
    codes, zeros, scales = (pt.tensor(each) for each in integers(4))
    linear.weight.data = (codes - zeros.float().repeat_interleave(32, 1)) * scales.float().repeat_interleave(
        32, 1
    )
    packed = gemm.WQLinear_GEMM.from_linear(linear, 4, 32, scales=scales.float().T, zeros=zeros.float().T)
    out["awq_qweight"], out["awq_qzeros"] = packed.qweight.numpy(), packed.qzeros.numpy()
    found = utils.dequantize_gemm(packed.qweight, packed.qzeros, scales.float().T, 4, 32)
    out["awq_found"] = found.numpy().T
    save("int32", "auto-gptq autoawq torch", out)


def exl3() -> None:
    """GPTQModel unpacks trellises on a CPU."""
    pt: Any = importlib.import_module("torch")
    _, _, model = sources()
    stub("gptqmodel", model / "gptqmodel")
    stub("gptqmodel.utils", model / "gptqmodel/utils")
    stub("gptqmodel.utils.logger", setup_logger=lambda: None)
    stub("gptqmodel.utils.torch", TORCH_HAS_COMPILE=False, torch_compile=None)
    stub("gptqmodel.nn_modules", model / "gptqmodel/nn_modules")
    trellis: Any = importlib.import_module("gptqmodel.nn_modules.exllamav3_torch")
    out: Arrays = {}
    for name in ("3inst", "mcg", "mul1"):
        values = trellis._codebook_lut(name, "cpu", None).half().numpy()
        out[f"first_{name}"] = values[:256]
        out[f"sha256_{name}"] = np.array([hashlib.sha256(values.astype("<f2").tobytes()).hexdigest()])
    rng = np.random.default_rng(9)
    for bits in range(1, 9):
        data = rng.integers(-(2**15), 2**15, (2, 2, 16 * bits), dtype=np.int16)
        tensors = {"trellis": pt.tensor(data)}
        linear = trellis.ExllamaV3TorchLinear.from_tensors(
            in_features=32, out_features=32, name="a", tensors=tensors
        )
        out[f"trellis_{bits}"], out[f"states_{bits}"] = (
            data,
            linear._unpack_indices().numpy().astype(np.uint16),
        )
        out[f"inner_{bits}"] = linear.get_inner_weight_tensor().half().numpy()
    data = rng.integers(-(2**15), 2**15, (8, 16, 32), dtype=np.int16)
    su, sv = rng.normal(size=128).astype(np.float16), rng.normal(size=256).astype(np.float16)
    tensors = {"trellis": pt.tensor(data), "suh": pt.tensor(su), "svh": pt.tensor(sv), "mcg": pt.tensor(0)}
    linear = trellis.ExllamaV3TorchLinear.from_tensors(
        in_features=128, out_features=256, name="a", tensors=tensors
    )
    inner = (
        linear.get_inner_weight_tensor().half().float()
    )  # which the kernels round to float16, and this does not
    inner = trellis._apply_hadamard_right(trellis._apply_hadamard_left(inner))
    found = (inner * tensors["suh"].float()[:, None] * tensors["svh"].float()).numpy()[::16]
    out |= {"trellis": data, "suh": su, "svh": sv, "found": found}
    save("exl3", "gptqmodel torch", out)


if __name__ == "__main__":
    globals()[sys.argv[1]]()
