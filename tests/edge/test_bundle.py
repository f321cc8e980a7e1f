"""What an owner deploys: it builds without an account, and it is small."""

import gzip

from loadtest.bench.workerd import BUNDLE, bundle_files, npm

LIMIT = 20_000


def test_the_worker_deploys_dry_and_is_small() -> None:
    done = npm("run", "build")
    assert done.returncode == 0, done.stdout + done.stderr
    assert BUNDLE.exists()
    size = sum(len(gzip.compress(path.read_bytes(), 9)) for path in bundle_files())
    print(f"bundle: {size} bytes gzipped")
    assert size <= LIMIT
