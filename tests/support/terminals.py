"""What programs take for a terminal."""

import io


class Terminal(io.StringIO):
    """A terminal, so that paragraphs are wrapped and progress is redrawn."""

    def isatty(self):
        return True
