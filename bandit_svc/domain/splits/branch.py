"""Which branch of a policy split made a decision.

Owns the fact that a decision logs, and its bytes. Pure.
"""

import msgspec


class Branch(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The branch of a policy split.

    Attributes:
        split: the number of the split: the revision of the definition that began it.
        name: of the branch.
        share: the chance with which a unit was in this branch then.
    """

    split: int
    name: str
    share: float


encode_branch = msgspec.msgpack.Encoder().encode
decode_branch = msgspec.msgpack.Decoder(Branch).decode
