"""Which processors gain by bfloat16; torch alone, for training scripts without spaCy too."""

import torch

# As torch.cpu.get_capabilities names them on x86 and on ARM.
_BFLOAT16_CAPABILITIES = ("avx512_bf16", "amx_bf16", "bf16", "sve_bf16")


def has_bfloat16() -> bool:
    """Whether this processor multiplies matrices in bfloat16, and this torch can tell."""
    if not hasattr(torch.cpu, "get_capabilities"):
        return False
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name) for name in _BFLOAT16_CAPABILITIES)
