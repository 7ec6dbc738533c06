"""What is wrong with a request or a picture, in the words that server and command line share.

Imports nothing but the decoder, so that the command line has the words without a server.
"""

from __future__ import annotations

from shards.decode import DecodeError

UNPROCESSABLE = {"too_large": 413, "empty": 400, "not_an_image": 415, "unsupported": 415}
"""HTTP status for a reason of shards/decode.py; every other one is 422: a picture, but damaged."""

WHAT_TO_DO = {
    "empty": "Send the bytes of a picture.",
    "too_large": "Send a smaller picture; 2000 pixels on the long side are plenty.",
    "not_an_image": "Send a photograph as JPEG, PNG or WebP.",
    "unsupported": "Save the picture as JPEG, PNG or WebP and send that.",
    "animated": "Send one still picture.",
    "too_small": "Send a larger picture of the leaf.",
}

DAMAGED = "Send it again, or take another picture."
"""For every reason that WHAT_TO_DO does not list: the file itself is damaged."""


class ApiError(Exception):
    """A refusal: HTTP status, a code for programs, a message and what to do for people."""

    def __init__(
        self, status: int, code: str, message: str, what_to_do: str, **headers: str
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.what_to_do = what_to_do
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}

    def to_json(self) -> dict[str, str]:
        """As `error` in a response and in a row of `leaflake classify`."""
        return {"code": self.code, "message": self.message, "what_to_do": self.what_to_do}


def refuse_picture(error: DecodeError) -> ApiError:
    """What the decoder found wrong, as an HTTP error with the decoder's reason and words."""
    status = UNPROCESSABLE.get(error.reason, 422)
    return ApiError(status, error.reason, str(error), WHAT_TO_DO.get(error.reason, DAMAGED))
