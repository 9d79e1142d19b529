"""The same workloads in other libraries, each a column of the table: those that are installed, or that `--peers` names.

None of them is required; ``pip install -e '.[peers]'`` installs all. VERSIONS are the workloads that a library has.
"""
