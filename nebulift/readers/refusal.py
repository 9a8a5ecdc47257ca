"""``Refusal``: why a file cannot be read, said where the path is not known; ``open_frame`` adds the path."""

LOOK_AT_IT = "look at the file and take the exposure again"
COPY_AGAIN = "copy the file again, or take the exposure again"


class Refusal(Exception):
    """What is wrong with the file and what a person can do; no path, no traceback."""

    def __init__(self, cause: str, remedy: str = LOOK_AT_IT) -> None:
        super().__init__(cause)
        self.cause = cause
        self.remedy = remedy


class CutShort(Refusal):
    """The file ends before what its own header announces: it is damaged, or still being written."""

    def __init__(self, cause: str, remedy: str = COPY_AGAIN) -> None:
        super().__init__(cause, remedy)


class NotSupported(Refusal):
    """The file may be in order, but it is nothing that Nebulift reads."""
