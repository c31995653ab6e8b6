"""Packs PNG files of one icon into Windows' .ico and macOS' .icns containers.

Both containers hold plain PNG data since Windows Vista and macOS 10.7, so no
image library is needed: only the two small directories are written here.
"""

import struct
import sys
from pathlib import Path

ICO_SIZES = (16, 24, 32, 48, 64, 256)
# Apple's type codes by pixel size; the second of a size is its "@2x" slot.
ICNS_TYPES = (
    (b"icp4", 16),
    (b"icp5", 32),
    (b"ic11", 32),
    (b"ic12", 64),
    (b"ic07", 128),
    (b"ic13", 256),
    (b"ic08", 256),
    (b"ic14", 512),
    (b"ic09", 512),
    (b"ic10", 1024),
)


def ico(pngs: dict[int, bytes]) -> bytes:
    """Returns an .ico with one PNG entry per size; 256 is written as 0."""
    header = struct.pack("<HHH", 0, 1, len(ICO_SIZES))
    offset = len(header) + 16 * len(ICO_SIZES)
    directory, images = b"", b""
    for size in ICO_SIZES:
        png = pngs[size]
        directory += struct.pack("<BBBBHHII", size % 256, size % 256, 0, 0, 1, 32, len(png), offset + len(images))
        images += png
    return header + directory + images


def icns(pngs: dict[int, bytes]) -> bytes:
    """Returns an .icns with every slot that current macOS reads."""
    body = b"".join(struct.pack(">4sI", code, len(pngs[size]) + 8) + pngs[size] for code, size in ICNS_TYPES)
    return struct.pack(">4sI", b"icns", len(body) + 8) + body


def main() -> None:
    """Reads `<folder>/<size>.png` and writes the two containers."""
    folder, ico_path, icns_path = sys.argv[1:]
    pngs = {int(path.stem): path.read_bytes() for path in Path(folder).glob("*.png")}
    Path(ico_path).write_bytes(ico(pngs))
    Path(icns_path).write_bytes(icns(pngs))


if __name__ == "__main__":
    main()
