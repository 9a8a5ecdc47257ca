"""A folder tree is a dict: ``{"M31": {"001.fits": frame(b"CLEAN")}}``. Tests read before -> act -> after."""

import hashlib
import os
from collections import Counter
from pathlib import Path

CARD = 80
BLOCK = 2880
OURS = {".nebulift-root", ".nebulift", "status.json", "lock"}


def frame(words=b"CLEAN", size_px=32):
    """A small valid FITS file whose last bytes are ``words``, which tests/fake_judge.py goes by."""
    cards = ["SIMPLE  = T", "BITPIX  = 8", "NAXIS   = 2", f"NAXIS1  = {size_px}", f"NAXIS2  = {size_px}", "END"]
    fixed = [f"{card[:10]}{card[10:]:>20}" if "=" in card else card for card in cards]
    header = "".join(f"{card:<{CARD}}" for card in fixed).encode("ascii")
    data = bytes(size_px * size_px - len(words)) + words
    return header.ljust(BLOCK) + data.ljust(-(-len(data) // BLOCK) * BLOCK, b"\0")


def make_files(root, tree):
    """Make the tree below ``root``: bytes and text are files, dicts folders, a Path is a symbolic link to it."""
    root = Path(root)
    root.mkdir(parents=True, exist_ok=True)
    for name, content in tree.items():
        place = root / name
        if isinstance(content, dict):
            make_files(place, content)
        elif isinstance(content, Path):
            place.symlink_to(content)
        else:
            place.write_bytes(content if isinstance(content, bytes) else content.encode())


def read_files(root, *, hidden=False):
    """The tree below ``root`` in the same form; what Nebulift keeps for itself is left out."""
    tree = {}
    for entry in sorted(os.scandir(root), key=lambda entry: entry.name):
        if not hidden and (entry.name in OURS or entry.name.startswith(".nebulift-")):
            continue
        if entry.is_symlink():
            tree[entry.name] = Path(entry.path).readlink()
        elif entry.is_dir():
            tree[entry.name] = read_files(entry.path, hidden=hidden)
        else:
            tree[entry.name] = Path(entry.path).read_bytes()
    return tree


def names(root):
    """The relative paths of all files below ``root``, sorted, less what Nebulift keeps for itself."""
    return sorted(_paths(read_files(root)))


def _paths(tree, prefix=""):
    for name, content in tree.items():
        if isinstance(content, dict):
            yield from _paths(content, f"{prefix}{name}/")
        else:
            yield prefix + name


def census(*roots):
    """How often each byte sequence is found below ``roots``, by SHA-256; names of one inode count once."""
    seen = {}
    for root in roots:
        for folder, folders, files in os.walk(root):
            folders[:] = [name for name in folders if name not in OURS]
            for name in files:
                path = Path(folder, name)
                if name in OURS or name.startswith("ledger.") or path.is_symlink() or not path.is_file():
                    continue
                status = path.stat()
                seen[status.st_dev, status.st_ino] = hashlib.sha256(path.read_bytes()).hexdigest()
    return Counter(seen.values())
