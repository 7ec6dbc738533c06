"""Which pictures are one picture, scaled, recompressed, turned or mirrored. In: hashes, colours.

Every new picture is compared with all of its species, pair by pair: 0.62 ns a pair and turn on two
free cores, so 60,000 against each other take 9 seconds and 200,000 take 100.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

NEAR_COPY_BITS = 10
"""Of 63. Scaled, recompressed or turned copies differ in 0 to 8."""

NEAR_COPY_DISTANCE = 12.0
"""Differing bits plus the mean difference of the colours (grey levels, each picture's own mean
taken off). Bits alone are no proof: of 639 pairs of 15 datasets within 10 bits most are two leaves
of like shape on one grey board, and among 60,000 of a species these would chain all into one. Under
12 of both together (39 pairs) nearly every one is one picture or two shots of one leaf; between
12 and 14 it is every other (looked at by eye)."""

LAYOUT_BYTES = 48
"""Mean RGB of 4 by 4 cells, as ingest.appearance makes them."""

_ROWS, _COLUMNS = 64, 4_096
"""Pairs compared at a time: 2 MiB of uint64, which stay in a core's cache; 8 by 2,048 took 1.6
times as long (30,000 hashes, 2 cores)."""


@dataclass(frozen=True)
class NearCopies:
    """Pairs of positions, the smaller first, in order."""

    first: np.ndarray
    """int64 (P,)"""

    second: np.ndarray
    """int64 (P,)"""

    distance: np.ndarray
    """float64 (P,), 0 to NEAR_COPY_DISTANCE."""


def near_copies(phash: np.ndarray, layout: np.ndarray, touched: np.ndarray) -> NearCopies:
    """The pairs of which at least one picture looks like a touched one.

    In: uint64 (N,), uint8 (N, 48), bool (N,), of pictures of different bytes of one species.
    Pictures of exactly the same looks form a chain, and the first of them stands for all, so that
    a thousand black pictures are a thousand pairs, not half a million.
    """
    looks = np.ascontiguousarray(
        np.concatenate([phash.astype("<u8")[:, None].view(np.uint8), layout], axis=1)
    )
    _, first, which = np.unique(
        looks.view(f"V{looks.shape[1]}").ravel(), return_index=True, return_inverse=True
    )
    is_touched = np.zeros(len(first), dtype=bool)
    is_touched[which[touched]] = True
    chain = np.argsort(which, kind="stable")
    links = (which[chain[:-1]] == which[chain[1:]]) & is_touched[which[chain[1:]]]
    one, other = chain[:-1][links], chain[1:][links]

    order = np.argsort(~is_touched, kind="stable")
    at = first[order]  # touched looks first
    row, column = _alike(phash[at], int(is_touched.sum()))
    pairs = _distances(phash[at[row]], phash[at[column]], layout[at[row]], layout[at[column]])
    near = pairs <= NEAR_COPY_DISTANCE
    one, other = np.r_[one, at[row[near]]], np.r_[other, at[column[near]]]
    distance = np.r_[np.zeros(len(one) - int(near.sum())), pairs[near]]
    smaller, larger = np.minimum(one, other), np.maximum(one, other)
    order = np.lexsort((larger, smaller))
    return NearCopies(smaller[order], larger[order], distance[order])


def turned_hashes(phash: np.ndarray) -> np.ndarray:
    """The hashes (8, N) of the pictures turned by 90 degrees and mirrored, from uint64 (N,).

    Mirroring a picture negates the DCT coefficients of odd frequency, transposing it transposes
    them, so no picture has to be read again.
    """
    bits = np.unpackbits(
        phash.astype("<u8").view(np.uint8).reshape(-1, 8), axis=1, bitorder="little"
    )
    block = bits.reshape(-1, 8, 8).astype(bool)  # (N, v, u)
    odd = np.arange(8) % 2 == 1
    variants = []
    for transposed, flip_rows, flip_columns in _TURNS:
        negated = (odd[:, None] & flip_rows) ^ (odd[None, :] & flip_columns)
        variants.append(_pack((block.transpose(0, 2, 1) if transposed else block) ^ negated))
    return np.stack(variants)


_TURNS = list(itertools.product((False, True), repeat=3))
"""(transposed, then rows reversed, then columns reversed)."""


def _turned_layouts(layout: np.ndarray) -> Iterator[np.ndarray]:
    """(N, 4, 4, 3) in the order of turned_hashes."""
    for transposed, flip_rows, flip_columns in _TURNS:
        turned = layout.transpose(0, 2, 1, 3) if transposed else layout
        turned = turned[:, ::-1] if flip_rows else turned
        yield turned[:, :, ::-1] if flip_columns else turned


def _pack(block: np.ndarray) -> np.ndarray:
    packed = np.packbits(block.reshape(-1, 64), axis=1, bitorder="little")
    return packed.view("<u8").ravel() & ~np.uint64(1)  # the constant coefficient says nothing


def _alike(phash: np.ndarray, num_touched: int) -> tuple[np.ndarray, np.ndarray]:
    """Pairs (row < num_touched, column > row) within NEAR_COPY_BITS in any turn."""
    variants = turned_hashes(phash[:num_touched])
    starts = range(0, num_touched, _ROWS)

    def compare(start: int) -> tuple[np.ndarray, np.ndarray]:
        rows, columns = _alike_block(variants[:, start : start + _ROWS], phash[start:])
        return rows + start, columns + start

    with ThreadPoolExecutor(os.cpu_count()) as threads:  # numpy lets go of the interpreter lock
        found = list(threads.map(compare, starts))
    nothing = np.zeros(0, dtype=np.int64)
    return (
        np.concatenate([rows for rows, _ in found] or [nothing]),
        np.concatenate([columns for _, columns in found] or [nothing]),
    )


def _alike_block(variants: np.ndarray, phash: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(8, R) against (N,), whose first R are the same pictures: positions of the pairs above the
    diagonal."""
    found = []
    for start in range(0, len(phash), _COLUMNS):
        part = phash[start : start + _COLUMNS]
        shape = (variants.shape[1], len(part))
        differing, least = np.empty(shape, np.uint64), np.full(shape, 64, np.uint8)
        count = np.empty(shape, np.uint8)
        for variant in variants:
            np.bitwise_xor(variant[:, None], part, out=differing)
            np.minimum(least, np.bitwise_count(differing, out=count), out=least)
        rows, columns = np.nonzero(least <= NEAR_COPY_BITS)
        above = columns + start > rows
        found.append((rows[above], columns[above] + start))
    rows_found, columns_found = zip(*found, strict=True)
    return np.concatenate(rows_found), np.concatenate(columns_found)


def _distances(
    one_hash: np.ndarray, other_hash: np.ndarray, one: np.ndarray, other: np.ndarray
) -> np.ndarray:
    """float64 (P,): bits plus colours in the turn where both together are least; inf where no turn
    is within NEAR_COPY_BITS. The same whichever of the two is turned, to the last bit."""
    least = np.full(len(one), np.inf)
    target = _centred(other)
    turns = zip(turned_hashes(one_hash), _turned_layouts(_centred(one)), strict=True)
    for turned_hash, turned in turns:
        bits = np.bitwise_count(turned_hash ^ other_hash)
        colours = np.abs(turned - target).sum(axis=(1, 2, 3)) / (16 * LAYOUT_BYTES)
        np.minimum(least, np.where(bits <= NEAR_COPY_BITS, bits + colours, np.inf), out=least)
    return least


def _centred(layout: np.ndarray) -> np.ndarray:
    """uint8 (P, 48) -> int32 (P, 4, 4, 3): 16 times what a cell is above the picture's mean of its
    colour; whole numbers, so that sums do not depend on their order."""
    cells = layout.reshape(-1, 4, 4, 3).astype(np.int32)
    return 16 * cells - cells.sum(axis=(1, 2), keepdims=True)
