"""The owner API under ``/api``: everything an owner can do, for programs."""

from . import alerts as alerts
from . import docs as docs
from . import line as line
from . import people as people
from . import reports as reports
from . import rooms as rooms
from . import showing as showing
from . import watching as watching
from .blueprint import api as api
from .openapi import describe_app as describe_app
from .problems import is_owner_api as is_owner_api
from .problems import problem_response as problem_response
