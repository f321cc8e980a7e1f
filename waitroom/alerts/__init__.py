"""Alerts: what is worth telling somebody, and telling them. ``Alerts`` is the door for owners."""

from .alert import Alert as Alert
from .alert import Delivery as Delivery
from .alerts import Alerts as Alerts
from .channels import Channel as Channel
from .quiet import Quiet as Quiet
from .rules import KINDS as KINDS
from .rules import LIMITS as LIMITS
from .rules import ROOM_KINDS as ROOM_KINDS
from .rules import RoomRule as RoomRule
from .rules import Rule as Rule
from .rules import RuleShown as RuleShown
from .shown import AlertsNow as AlertsNow
from .shown import ChannelShown as ChannelShown
from .shown import ConditionShown as ConditionShown
from .watch import Watch as Watch
