"""How many messages one socket may send: a bucket that refills with time."""

from dataclasses import dataclass

#: Messages a socket may send at once, and how many more each second.
BURST, REFILL_PER_S = 20.0, 2.0


@dataclass(slots=True)
class Budget:
    """The messages that one socket has left.

    Attributes:
        left: Messages that may be sent now.
        at_s: When that was true, monotonic seconds.
    """

    at_s: float
    left: float = BURST

    def spend(self, now_s: float) -> bool:
        """Take one message; False when there was none left.

        Args:
            now_s: Monotonic seconds.
        """
        self.left = min(BURST, self.left + (now_s - self.at_s) * REFILL_PER_S)
        self.at_s = now_s
        if self.left < 1:
            return False
        self.left -= 1
        return True
