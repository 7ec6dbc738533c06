import platform
import subprocess
import sys

import pytest

PAGES = """
import resource
import sys

from train.kept_memory import keep_freed_memory

if sys.argv[1] == "kept":
    assert keep_freed_memory()
size = 2**25
for _ in range(3):  # the first ones grow the heap
    b"x" * int(size)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(8):
    b"x" * int(size)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
"""Prints how many pages of memory were handed out for eight times 32 MiB, one after another."""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="a way of glibc")
def test_memory_that_was_freed_is_taken_again_without_asking_the_system(environment):
    pages = {
        name: int(
            subprocess.run(
                [sys.executable, "-c", PAGES, name],
                env=environment,
                capture_output=True,
                check=True,
            ).stdout
        )
        for name in ("kept", "returned")
    }
    assert pages["kept"] < 800 < 8 * 2**25 // 4096 <= pages["returned"]


def test_another_c_library_is_left_as_it_is(monkeypatch):
    from train import kept_memory

    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    assert not kept_memory.keep_freed_memory()
