"""What administrators send and get about firmware."""

from typing import Annotated, Any

from pydantic import BaseModel, Field

from ringwall.core.operations import SECRET, Arguments

Word = Annotated[str, Field(max_length=64)]
Path = Annotated[str, Field(max_length=256)]
Groups = Annotated[list[Word], Field(max_length=1000)]
Sha256 = Annotated[str, Field(min_length=64, max_length=64)]


class Proposed(Arguments):
    """Signed metadata: role to the text of its file. Too long for a record, which says versions."""

    files: Annotated[dict[Word, str], Field(max_length=256, json_schema_extra=SECRET)]


class Piece(Arguments):
    """A piece of an image: base64, at `offset` of a file with this length and SHA-256."""

    sha256: Sha256
    length: Annotated[int, Field(gt=0, lt=2**63)]
    offset: Annotated[int, Field(ge=0, lt=2**63)] = 0
    data: Annotated[str, Field(json_schema_extra=SECRET)]


class Had(BaseModel):
    """How many bytes of an image are here, and whether these are all."""

    have: int
    complete: bool


class RolloutSet(Arguments):
    """What phones of a model are told; what is not given stays."""

    vendor: Word
    model: Word
    stable: Annotated[Path, Field(description="the image of the stable channel; empty: none")] = ""
    previous: Annotated[Path, Field(description="what phones are told that are not in the share yet")] = ""
    test: Annotated[Path, Field(description="the image of the test channel; empty: none")] = ""
    testers: Annotated[Groups, Field(description="user groups whose phones are on the test channel")] = Field(
        default_factory=list
    )
    first_groups: Annotated[Groups, Field(description="user groups that get a new stable image at once")] = (
        Field(default_factory=list)
    )
    percent: Annotated[int, Field(ge=0, le=100, description="the share of other phones that get it")] = 100
    hold: Annotated[bool, Field(description="nobody is told of a new image")] = False
    minimum: Annotated[Word, Field(description="phones below this version get the newest image at once")] = ""


class RolloutShown(BaseModel):
    """What phones of a model are told."""

    vendor: str
    model: str
    stable: str
    previous: str
    test: str
    testers: list[str]
    first_groups: list[str]
    percent: int
    hold: bool
    minimum: str


class Asked(Arguments):
    """A phone, of which one wants to know what it would be told."""

    vendor: Word
    model: Word
    device: Word
    group: Word | None = None
    version: Word | None = None


class Offer(BaseModel):
    """What a phone is told, and why: the image's path, where it is below /firmware/, and its hash."""

    image: str | None
    version: str | None
    sha256: str | None
    target_path: str | None
    image_path: str | None
    why: str


class Image(BaseModel):
    """An image that is signed."""

    image: str
    vendor: str
    model: str
    version: str
    length: int
    sha256: str
    signed_by: str
    description: str
    image_path: str


class RoleShown(BaseModel):
    """A role: what is published of it, and whose keys sign it."""

    role: str
    version: int
    expires: str
    threshold: int
    keys: list[str]
    signed_by: list[str]


class Overview(BaseModel):
    """All of it at a glance."""

    roles: list[RoleShown]
    images: list[Image]
    rollouts: list[RolloutShown]
    expiring: dict[str, str]
    trouble: str | None


class Fetched(BaseModel):
    """What a signing room needs: all versions of root, the newest of what people sign, the core's keys."""

    files: dict[str, str]
    online: dict[str, dict[str, Any]]


class Checked(BaseModel):
    """What is wrong; nothing where `ok`."""

    ok: bool
    problems: list[str]
