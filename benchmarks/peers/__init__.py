"""The same workloads in other libraries, for the optional columns of the table: `--peers
torch,mygrad,autograd`.

None of them is needed. A peer's module is imported when it is asked for, and says its workloads in HALVES.
"""
