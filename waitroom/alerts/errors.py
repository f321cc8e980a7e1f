"""Why an alert, or a way to tell it, was refused."""

from collections.abc import Sequence

from waitroom.errors import WaitroomError


class DeliveryError(WaitroomError):
    """A channel did not take an alert, or nobody knows whether it did."""

    code = "alert_not_delivered"
    status = 502

    def __init__(self, detail: str, *, permanent: bool = False, left: Sequence[str] = ()) -> None:
        super().__init__(detail)
        #: Whether trying again is of no use.
        self.permanent = permanent
        #: Of a mail: who does not have it while others do; empty when nobody was told apart.
        self.left = list(left)


class ChannelNotFoundError(WaitroomError):
    """No such channel of alerts."""

    code = "channel_not_found"
    status = 404

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no channel {name[:64]!r}.")
        #: The name asked for.
        self.name = name


class ChannelOffError(WaitroomError):
    """A channel is switched off; nothing was sent."""

    code = "channel_off"
    status = 409

    def __init__(self, name: str) -> None:
        super().__init__(f"The channel {name!r} is off: switch it on first.")
        #: The channel's name.
        self.name = name


class AlertChangedError(WaitroomError):
    """Others keep changing a channel or a rule; nothing was changed."""

    code = "changed_meanwhile"
    status = 409

    def __init__(self, about: str) -> None:
        super().__init__(f"Somebody else is changing the {about[:120]}; try again.")


class AlertNotFoundError(WaitroomError):
    """No such alert among those that were given up."""

    code = "alert_not_found"
    status = 404

    def __init__(self, delivery: str) -> None:
        super().__init__(f"There is no alert {delivery[:120]!r} that was given up.")
        #: The delivery asked for.
        self.delivery = delivery


class TestTooSoonError(WaitroomError):
    """A test alert went to this channel a moment ago; nothing was sent."""

    code = "too_soon"
    status = 429

    #: pytest takes classes called Test... for tests.
    __test__ = False

    def __init__(self) -> None:
        super().__init__("A test went to this channel a moment ago; wait three seconds.")
