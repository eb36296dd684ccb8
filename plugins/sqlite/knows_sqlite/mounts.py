"""Which file system a file lies on: over a network, neither locks nor the write-ahead log can be relied on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

_NETWORK: Final = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "fuse.sshfs", "afs", "ceph", "glusterfs", "lustre", "9p"}


def network_system(path: Path, mounts: Path) -> str | None:
    """The network file system that holds the path, by the system's table of mounts; None where there is none."""
    try:
        lines = [line.split() for line in mounts.read_text("utf-8", "surrogateescape").splitlines()]
    except OSError:  # not a Linux, or not shown here
        return None
    found, longest = "", -1
    for _, point, system, *_ in lines:
        folder = point.replace("\\040", " ")
        if path.is_relative_to(folder) and len(folder) >= longest:  # of two on one folder the later one is seen
            found, longest = system, len(folder)
    return found if found in _NETWORK else None
