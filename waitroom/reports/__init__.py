"""Reports of rooms: a CSV of all visits and a summary, made when a room is closed or on demand."""

from .folder import Kind as Kind
from .reports import Reports as Reports
from .states import Mailing as Mailing
from .states import Plan as Plan
from .states import Progress as Progress
from .states import Report as Report
from .summary import headers as headers
