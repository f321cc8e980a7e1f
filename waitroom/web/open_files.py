"""How many connections this process may have: each is an open file.

Systems often start a process with 1,024 and let it have many more for the asking; service managers
and container runtimes differ in whether they ask. So we do.
"""

import resource
from contextlib import suppress


def allow_many() -> int:
    """Raise this process's limit of open files to what the system lets it have.

    Returns:
        The limit from now on.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    # macOS names a limit that it does not grant.
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
