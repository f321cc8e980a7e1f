"""Work beside the visitors: sweeping, sampling, and the health of both. Runs on RQ."""

from .health import JobHealth as JobHealth
from .health import job_health as job_health
