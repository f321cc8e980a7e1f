"""What runs when: the configuration that RQ's cron reads (`rq cron waitroom.jobs.schedule`).

A job that is not begun in time expires unseen, so a worker that comes back after an hour finds
a few jobs, not an hour of them; and of those only one has an effect (see `tasks.sweep`).
"""

from collections.abc import Callable
from typing import Any

from rq import cron

from waitroom.jobs.alerts import check_alerts
from waitroom.jobs.names import QUEUE, REPORTS_QUEUE
from waitroom.jobs.reports import reports
from waitroom.jobs.tasks import sample, sweep

SWEEP_EVERY_S = 5
CHECK_ALERTS_EVERY_S = 10
REPORTS_EVERY_S = 5
#: Failures are kept for a day, for `waitroom status` and the operator.
FAILURE_TTL_S = 86_400


def _register(
    job: Callable[..., Any], queue: str, *, ttl: int, job_timeout: int, **when: Any
) -> None:
    cron.register(
        job,
        queue_name=queue,
        ttl=ttl,
        job_timeout=job_timeout,
        result_ttl=10,
        failure_ttl=FAILURE_TTL_S,
        name=job.__name__,
        **when,
    )


_register(sweep, QUEUE, interval=SWEEP_EVERY_S, ttl=2 * SWEEP_EVERY_S, job_timeout=30)
_register(sample, QUEUE, cron="* * * * *", ttl=55, job_timeout=30)
_register(
    check_alerts, QUEUE, interval=CHECK_ALERTS_EVERY_S, ttl=2 * CHECK_ALERTS_EVERY_S, job_timeout=30
)
# Mails may hang for half a minute each.
_register(
    reports, REPORTS_QUEUE, interval=REPORTS_EVERY_S, ttl=2 * REPORTS_EVERY_S, job_timeout=120
)
