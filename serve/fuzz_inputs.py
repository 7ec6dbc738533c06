"""What a fuzzer sends: requests and pictures as they should be, and then damaged.

In: a seed and whole pictures. Out: Attack after Attack, the same for the same seed.
"""

from __future__ import annotations

import io
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from PIL import Image

PREDICT, FEEDBACK = "/api/predict", "/api/feedback"
EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)

QUERIES = (
    *["top=0", "top=51", "top=-1", "top=1e3", "top=" + "9" * 400, "top=%00", "top=\u0663", "top"],
    *["reject=off", "reject=ON", "reject=%F0", "reject", "reject=on&reject=off", "species="],
    *["species=tomato", "species=" + "a," * 400, "species=..%2F..", "species=%27%3B--", "a=b&&&=&"],
    *["%", "%%%", "?", "#", "top=3#top=99", "%74op=3", "top%3D3", "species=%C3%28", "&" * 900],
)

PATHS = (
    *["/", "/api/", "/api/model", "/api/species", "/api/species/apple", "/health/live"],
    *["/health/ready", "/metrics", "/openapi.json", "/sw.js", "/site.json", "/bundle/model.json"],
    *["/static/../serve/app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py", "/static/"],
    *["/static//etc/passwd", "/bundle/../model.json", "/bundle/%2e%2e%2f%2e%2e%2fetc/passwd"],
    *["/bundle/golden/..%5c..%5cmodel.json", "/bundle/server.int8.onnx", "/vendor/..%00/x"],
    *["//", "/%00", "/%ff", "/\u00e4", "/" + "a" * 4000, "/" + "a/" * 900, "/api/species/%2e%2e"],
    *["/api/species/" + "%20" * 300, "http://elsewhere.example/api/model", "*", "api/model", ""],
)

METHODS = ("GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "POST", "BREW")

HEADERS = (
    *["Content-Type: multipart/form-data", "Content-Type: multipart/form-data; boundary="],
    *["Content-Type: multipart/form-data; boundary=" + "b" * 300, "Content-Type: text/html"],
    *["Content-Type: application/json", "Content-Type: " + ";" * 500, "Content-Type: \xff/\xfe"],
    *[
        "Content-Type: multipart/mixed; boundary=b",
        "Content-Encoding: gzip",
        "Expect: 100-continue",
    ],
    *["Content-Encoding: deflate", "Expect: nothing", "Transfer-Encoding: chunked"],
    *["Transfer-Encoding: gzip, chunked", "Content-Length: -1", "Content-Length: 99999999999999"],
    *["Content-Length: 5, 6", "Content-Length: 0x10", "Connection: upgrade\r\nUpgrade: websocket"],
    *["Connection: close", "Connection: keep-alive", "Host: ", "Host: [::1", "Host: a b", "Host"],
    *[
        "Origin: null",
        "Origin: \x00",
        "Origin: https://" + "a" * 2000,
        "Sec-Fetch-Site: cross-site",
    ],
    *["Range: bytes=0-0,1-1," * 200, "If-None-Match: " + '"x",' * 900, "If-Modified-Since: x"],
    *["Accept-Encoding: gzip;q=x", "Cookie: " + "a=b; " * 900, "X: " + "y" * 8000, ": x", "\t: x"],
    *["X-Forwarded-For: 127.0.0.1", "X-HTTP-Method-Override: DELETE", "Authorization: Basic ===="],
)

URLS = (
    *["http://127.0.0.1/", "http://localhost:22/", "http://[::1]/", "http://169.254.169.254/"],
    *["http://0/", "http://2130706433/", "http://[::ffff:7f00:1]/", "file:///etc/passwd", "x", ""],
    *["http://[64:ff9b::7f00:1]/", "http://a\u0000b/", "http://\ud800/", "http://" + "a" * 3000],
    *["http://10.0.0.1:80/", "http://user:pass@127.0.0.1/", "gopher://127.0.0.1/", "//127.0.0.1/"],
)


@dataclass(frozen=True)
class Attack:
    """One connection's worth of bytes."""

    kind: str
    """What was done, for the count."""

    data: bytes

    whole: bool
    """Whether it is an HTTP request that must be answered; else a closed connection is an answer
    too, and so is a server that still waits for the rest."""


def attacks(seed: int, pictures: Sequence[bytes]) -> Iterator[Attack]:
    """Endlessly many. `pictures` are whole ones that the server knows to answer."""
    rng = random.Random(seed)
    seeds = [*pictures, *drawn_pictures()]
    makers = {picture: 12, several: 2, form: 3, query: 2, path: 2, document: 4, head: 3, cut: 2}
    names, weights = list(makers), list(makers.values())
    while True:
        yield rng.choices(names, weights)[0](rng, seeds)


def drawn_pictures() -> list[bytes]:
    """Every kind of file that the decoder knows, and some that it only knows to refuse."""
    image = Image.radial_gradient("L").resize((96, 64))
    colour = Image.merge("RGB", [image, image.rotate(90), image.rotate(180)])
    alpha = Image.merge("RGBA", [*colour.split(), image])
    turned = Image.Exif()
    turned[0x0112] = 6
    kinds: list[tuple[Image.Image, str, dict[str, Any]]] = [
        (colour, "JPEG", {"progressive": True}),
        (colour, "JPEG", {"exif": turned}),
        (colour.convert("CMYK"), "JPEG", {}),
        (image, "JPEG", {}),
        (colour, "MPO", {"save_all": True, "append_images": [colour]}),
        (colour, "PNG", {}),
        (alpha, "PNG", {"exif": turned}),
        (colour.convert("P"), "PNG", {"transparency": 3}),
        (image.convert("I;16"), "PNG", {}),
        (image.convert("1"), "PNG", {}),
        (colour, "PNG", {"save_all": True, "append_images": [colour]}),
        (alpha, "WEBP", {"exif": turned}),
        (alpha, "WEBP", {"lossless": True}),
        (colour, "WEBP", {"save_all": True, "append_images": [colour]}),
        (colour, "GIF", {}),
        (colour, "TIFF", {}),
        (colour, "BMP", {}),
    ]
    found = []
    for one, format, options in kinds:
        out = io.BytesIO()
        one.save(out, format, **options)
        found.append(out.getvalue())
    return found


def largest_pictures() -> list[bytes]:
    """Whole ones at the decoder's limit, in a megabyte or less: all pixels, and the longest side.

    What a server keeps once for the largest picture that it ever saw, it keeps after these.
    """
    found = []
    for mode, size, format in [
        ("RGBA", (10_000, 9_990), "PNG"),
        ("RGB", (2_047, 2_048), "PNG"),
        ("RGB", (65_000, 64), "JPEG"),
        ("RGB", (1_500, 65_000), "JPEG"),
    ]:
        out = io.BytesIO()
        Image.new(mode, size, "green").save(out, format, compress_level=1)
        found.append(out.getvalue())
    return found


def damage(rng: random.Random, data: bytes, others: Sequence[bytes] = ()) -> bytes:
    """One to four changes: bits, bytes, numbers, pieces lost, doubled, swapped or of another."""
    found = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        # Half of the changes are in the head, where sizes and tables are.
        last = min(len(found), 700) if rng.random() < 0.5 else len(found)
        at = rng.randrange(max(1, last))
        end = at + min(len(found) - at, rng.choice((1, 4, 64, 4096)))
        match rng.randrange(8):
            case 0 if found:
                found[at % len(found)] ^= 1 << rng.randrange(8)
            case 1:
                found[at:end] = rng.randbytes(end - at)
            case 2:
                del found[at:end]
            case 3:
                found[at:at] = found[at:end] * rng.choice((1, 2, 50))
            case 4:
                size, order = rng.choice((1, 2, 4)), rng.choice(("big", "little"))
                number = rng.choice(EXTREMES) & (256**size - 1)
                found[at : at + size] = number.to_bytes(size, order)
            case 5:
                del found[at:]
            case 6 if others:
                other = rng.choice(others)
                found[at:] = other[rng.randrange(len(other)) :]
            case _:
                found[at:end] = bytes(end - at)
    return bytes(found)


def request(
    body: bytes, *lines: str, method: str = "POST", path: str = PREDICT, length: bool = True
) -> bytes:
    """The bytes of one request with these header lines."""
    head = [f"{method} {path} HTTP/1.1", "Host: leaflake.example", *lines]
    if length:
        head.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*head, "Connection: close", "", ""]).encode("utf-8", "replace") + body


def multipart(*parts: tuple[str, bytes], boundary: str = "b") -> bytes:
    """The body of a form."""
    found = b""
    for name, data in parts:
        found += f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; '.encode()
        found += b'filename="leaf.jpg"\r\nContent-Type: image/jpeg\r\n\r\n' + data + b"\r\n"
    return found + f"--{boundary}--\r\n".encode()


FORM = "Content-Type: multipart/form-data; boundary=b"
JSON = "Content-Type: application/json"


def picture(rng: random.Random, seeds: Sequence[bytes]) -> Attack:
    """A damaged picture, as the body or in a form."""
    data = damage(rng, rng.choice(seeds), seeds)
    if rng.random() < 0.5:
        return Attack("damaged picture", request(data), whole=True)
    return Attack(
        "damaged picture in a form", request(multipart(("image", data)), FORM), whole=True
    )


def several(rng: random.Random, seeds: Sequence[bytes]) -> Attack:
    """Some pictures of one plant, one of them perhaps damaged; or far too many of them."""
    count = rng.choice((2, 3, 8, 9, 40))
    parts = [("image", rng.choice(seeds[:4])) for _ in range(count)]
    if rng.random() < 0.5:
        parts[rng.randrange(count)] = ("image", damage(rng, rng.choice(seeds), seeds))
    return Attack("several pictures", request(multipart(*parts), FORM), whole=True)


def form(rng: random.Random, seeds: Sequence[bytes]) -> Attack:
    """A form whose own lines are damaged."""
    small = min(seeds, key=len)
    body = damage(rng, multipart(("image", small), ("note", b"x"), ("image", small)))
    path = rng.choice((PREDICT, FEEDBACK))
    return Attack("damaged form", request(body, FORM, path=path), whole=True)


def query(rng: random.Random, seeds: Sequence[bytes]) -> Attack:
    """Strange queries."""
    asked = "&".join(rng.choices(QUERIES, k=rng.randint(1, 3)))
    return Attack("strange query", request(seeds[0], path=f"{PREDICT}?{asked}"), whole=False)


def path(rng: random.Random, seeds: Sequence[bytes]) -> Attack:
    """Strange paths and methods."""
    method, where = rng.choice(METHODS), rng.choice(PATHS)
    return Attack("strange path", request(b"", method=method, path=where), whole=False)


def document(rng: random.Random, seeds: Sequence[bytes]) -> Attack:
    """JSON that is not what it should be: a correction, or an address."""
    correction: dict[str, Any] = {
        "request_id": "0123456789abcdef",
        "predicted": {"rank": "not_sure", "probability": 0.5},
        "model": {"name": "a", "version": "b", "sha256": "0" * 64},
        "source": "server",
        "correct": {"species_id": "no_plant", "condition_id": None},
        "consent": True,
        "note": "a note",
    }
    if rng.random() < 0.4:
        value: Any = {"url": rng.choice(URLS)}
        where = PREDICT
    else:
        value, where = correction, FEEDBACK
        for _ in range(rng.randint(0, 2)):
            strange: tuple[Any, ...] = (
                None,
                -1,
                1e308,
                "",
                "x" * 5000,
                [],
                {},
                True,
                "\u0000",
                "\ud800",
                [[[]]] * 9,
            )
            value[rng.choice(list(value))] = rng.choice(strange)
    data = json.dumps(value).encode()
    if rng.random() < 0.4:
        data = damage(rng, data)
    if where == FEEDBACK and rng.random() < 0.5:
        shown = damage(rng, rng.choice(seeds)) if rng.random() < 0.5 else rng.choice(seeds)
        body = multipart(("feedback", data), ("image", shown))
        return Attack("strange correction", request(body, FORM, path=where), whole=True)
    return Attack(f"strange JSON to {where}", request(data, JSON, path=where), whole=True)


def head(rng: random.Random, seeds: Sequence[bytes]) -> Attack:
    """Strange header lines."""
    lines = rng.choices(HEADERS, k=rng.randint(1, 3))
    body = rng.choice((b"", b"5\r\nhello\r\n0\r\n\r\n", b"ffffffff\r\n", seeds[0][:500]))
    data = request(body, *lines, path=rng.choice((PREDICT, FEEDBACK)), length=rng.random() < 0.6)
    return Attack("strange head", data, whole=False)


def cut(rng: random.Random, seeds: Sequence[bytes]) -> Attack:
    """A request with changed bytes, or one that ends too early."""
    data = request(multipart(("image", rng.choice(seeds))), FORM)
    data = damage(rng, data) if rng.random() < 0.5 else data[: rng.randrange(len(data))]
    return Attack("damaged request", data, whole=False)
