"""A service that answers what a test scripts.

Owns `ScriptedService`.
"""

import threading

from tests.harness.fakes.json_server import Answer, Asked
from tests.harness.waiting import GENEROUS_S


class ScriptedService:
    """Answers from a script, in order; then repeats the last answer."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.released = threading.Event()
        """Ends the silence of silent answers."""
        self.url = ""
        self._script: list[Answer] = []

    def answer(self, *answers: Answer) -> None:
        """Set the script."""
        self._script = list(answers)

    def respond(self, asked: Asked) -> Answer | None:
        """Return the next answer; None after a silence."""
        self.asked.append(asked)
        script = self._script
        answer = script.pop(0) if len(script) > 1 else script[0]
        if not answer.silent:
            return answer
        self.released.wait(GENEROUS_S)
        return None
