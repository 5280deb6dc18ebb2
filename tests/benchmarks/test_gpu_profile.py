"""Kernels are counted as what they are."""

from __future__ import annotations

import pytest

from benchmarks.gpu_profile import REST, kind_of


@pytest.mark.parametrize(
    ("kernel", "kind"),
    [
        ("nvjet_sm90_tst_64x32_64x16_2x4_h_bz_bias_TNT", "matrix products"),
        (
            "void cutlass::Kernel2<cutlass_80_wmma_tensorop_bf16_s161616gemm_bf16>",
            "matrix products",
        ),
        ("void pytorch_flash::flash_bwd_kernel<Flash_bwd<cutlass::bfloat16_t>>", "attention"),
        ("fmha_cutlassB_bf16_aligned_64x64_k32_sm80", "attention"),
        ("triton_poi_fused_mul_silu_0", "compiled layers"),
        ("void at::native::vectorized_layer_norm_kernel", "norms and sums"),
        ("Memcpy DtoD (Device -> Device)", "copies and gathers"),
        ("void at::native::vectorized_elementwise_kernel<8>", REST),
    ],
)
def test_kind(kernel: str, kind: str) -> None:
    assert kind_of(kernel) == kind
