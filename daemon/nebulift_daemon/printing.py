"""Text from outside (file names, header values, error messages) made fit for a log, a terminal, a status line."""

from nebulift.errors import printable

LONGEST = 400


def one_line(text: object, longest: int = LONGEST) -> str:
    """``str(text)`` on one line, nothing unprintable in it, cut in the middle when it is too long.

    Escape sequences cannot colour or clear a terminal, a line end cannot forge a line of the log.
    """
    spelled = printable(text)
    if len(spelled) <= longest:
        return spelled
    half = (longest - 3) // 2
    return f"{spelled[:half]}...{spelled[-half:]}"
