"""What a stored result depends on, in short."""

import hashlib
import json
from pathlib import Path
from typing import Any


def make_fingerprint(*parts: Any) -> str:
    """A short hash of texts, numbers and lists, and of the contents of files given as paths."""
    digest = hashlib.sha256()
    for part in parts:
        content = part.read_bytes() if isinstance(part, Path) else json.dumps(part).encode()
        digest.update(hashlib.sha256(content).digest())
    return digest.hexdigest()[:16]
