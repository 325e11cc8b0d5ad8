# SPDX-License-Identifier: GPL-2.0-or-later
"""extract-vmlinux.py BZIMAGE OUT: writes the ELF kernel that a bzImage carries compressed.

Where the payload lies is in the boot protocol's header (Documentation/arch/x86/boot.rst, 2.08).
"""
import lzma
import struct
import subprocess
import sys
import zlib


def payload(image):
    if image[0x202:0x206] != b"HdrS":
        raise ValueError("no bzImage")
    setup_sectors = image[0x1F1] or 4
    offset, length = struct.unpack_from("<II", image, 0x248)
    start = (setup_sectors + 1) * 512 + offset
    return image[start:start + length]


def decompress(data):
    # The last four bytes are the uncompressed size, which is no part of the compressed stream.
    if data.startswith(b"\xfd7zXZ\x00"):
        return lzma.LZMADecompressor().decompress(data)
    if data.startswith(b"\x1f\x8b"):
        return zlib.decompressobj(31).decompress(data)
    for magic, tool in (b"\x02\x21\x4c\x18", "lz4"), (b"\x28\xb5\x2f\xfd", "zstd"):
        if data.startswith(magic):
            return subprocess.run([tool, "-dcq"], input=data[:-4], stdout=subprocess.PIPE, check=True).stdout
    raise ValueError("compressed with a method this script does not know")


def main():
    try:
        with open(sys.argv[1], "rb") as f:
            kernel = decompress(payload(f.read()))
        if not kernel.startswith(b"\x7fELF"):
            raise ValueError("payload is no ELF file")
    except (ValueError, OSError, lzma.LZMAError, zlib.error, subprocess.SubprocessError) as e:
        sys.exit(f"extract-vmlinux: {sys.argv[1]}: {e}")
    with open(sys.argv[2], "wb") as f:
        f.write(kernel)


main()
