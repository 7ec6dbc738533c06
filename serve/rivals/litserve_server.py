"""LitServe as a rival of `just bench-serve`: https://lightning.ai/docs/litserve

    python -P -m serve.rivals.litserve_server PORT CORES

A worker a core, each with a model of one thread, and one process for HTTP: with one a worker, its
default, it answered fewer requests on two cores, and no more with `fast_queue`. Its documented ways
to send a picture, base64 in JSON and a form, cost more than a plain body, which FastAPI gives it
here; likewise the answer is encoded by the worker. No batches: the graph takes one picture.
"""

# Without `from __future__ import annotations`: LitServe reads the annotations as they are.

import sys
from typing import Annotated

import litserve
from fastapi import Depends, Request, Response

from serve.rivals.answering import answer, load_model

PATH = "/predict"


async def read_body(request: Request) -> bytes:
    """The picture, as it was sent."""
    return await request.body()


class Answers(litserve.LitAPI):
    """One worker."""

    def setup(self, device: str) -> None:
        """In the worker's own process."""
        self.model = load_model()

    def decode_request(self, request: Annotated[bytes, Depends(read_body)]) -> bytes:
        """Nothing to do here: the decoder is a part of the answer's timings."""
        return request

    def predict(self, x: bytes) -> bytes:
        """The answer's JSON."""
        return answer(self.model, x)

    def encode_response(self, output: bytes) -> Response:
        """As it is; FastAPI's own encoder would take longer."""
        return Response(output, media_type="application/json")


def main() -> None:
    """Serve until a signal."""
    port, cores = map(int, sys.argv[1:])
    api = Answers(api_path=PATH)
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=cores)
    server.run(
        "127.0.0.1", port, num_api_servers=1, log_level="warning", access_log=False,
        generate_client_file=False,
    )  # fmt: skip


if __name__ == "__main__":
    main()
