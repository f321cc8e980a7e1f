"""Load on a running installation, and benchmarks against floors. Never imported by waitroom."""
