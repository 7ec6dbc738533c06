"""Pictures that we do not decode, known by their first bytes so that a refusal can name them.

In: encoded bytes. Out: the format's name. Nothing is parsed: readers of rare formats are where
hostile files do most harm, so that Pillow is never asked about any of them.
"""

from __future__ import annotations

SIGNATURES = (
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"II*\0", "TIFF"),  # and most raw formats of cameras
    (b"MM\0*", "TIFF"),
    (b"8BPS", "Photoshop"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
    (b"\xff\x0a", "JPEG XL"),
)

BRANDS = {
    **dict.fromkeys((b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"), "HEIC"),
    **dict.fromkeys((b"avif", b"avis"), "AVIF"),
}
"""Of ISO base media files (ISO/IEC 14496-12, `ftyp`). HEIC is what iPhones store."""


def name_other(data: bytes) -> str | None:
    """The name of a picture format other than ours, or None."""
    if data[4:8] == b"ftyp":
        return BRANDS.get(data[8:12])
    if data[:2] == b"BM" and data[6:10] == bytes(4):  # two letters alone also begin texts
        return "BMP"
    return next((name for start, name in SIGNATURES if data.startswith(start)), None)
