"""The load test's command line: ``python -m loadtest --shape smoke``. See loadtest/README.md."""

# ruff: noqa: I001 - locust patches the standard library, before anything else is imported
import locust  # noqa: F401

from loadtest.command import main

if __name__ == "__main__":
    main()
