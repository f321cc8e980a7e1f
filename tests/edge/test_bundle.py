"""What an owner deploys: it builds without an account, and it is small."""

import gzip

from loadtest.bench.workerd import build, bundle_files

LIMIT = 20_000


def test_the_worker_deploys_dry_and_is_small() -> None:
    files = bundle_files(build())
    size = sum(len(gzip.compress(path.read_bytes(), 9)) for path in files)
    print(f"bundle: {size} bytes gzipped")
    assert size <= LIMIT
