"""The same workloads in other libraries, for the optional columns of the table: `--peers torch,mygrad,autograd`.

None of them is required. A module is imported only if `--peers` names it; its VERSIONS are the workloads that it has.
"""
