"""What runs when: the configuration that RQ's cron reads (`rq cron waitroom.jobs.schedule`).

A job that is not begun in time expires unseen, so a worker that comes back after an hour finds
a few jobs, not an hour of them; and of those only one has an effect (see `tasks.sweep`).
"""

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

cron.register(
    sweep,
    queue_name=QUEUE,
    interval=SWEEP_EVERY_S,
    ttl=2 * SWEEP_EVERY_S,
    job_timeout=30,
    result_ttl=10,
    failure_ttl=FAILURE_TTL_S,
    name="sweep",
)
cron.register(
    sample,
    queue_name=QUEUE,
    cron="* * * * *",
    ttl=55,
    job_timeout=30,
    result_ttl=10,
    failure_ttl=FAILURE_TTL_S,
    name="sample",
)
cron.register(
    check_alerts,
    queue_name=QUEUE,
    interval=CHECK_ALERTS_EVERY_S,
    ttl=2 * CHECK_ALERTS_EVERY_S,
    job_timeout=30,
    result_ttl=10,
    failure_ttl=FAILURE_TTL_S,
    name="check_alerts",
)
cron.register(
    reports,
    queue_name=REPORTS_QUEUE,
    interval=REPORTS_EVERY_S,
    ttl=2 * REPORTS_EVERY_S,
    # Mails may hang for half a minute each.
    job_timeout=120,
    result_ttl=10,
    failure_ttl=FAILURE_TTL_S,
    name="reports",
)
