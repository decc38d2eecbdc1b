"""The line: poll, group, compose, deliver. One step a file, each of one shape.

Each step claims its work in one short transaction, does the slow part with none open, and records
the outcome in a second. So a crash anywhere leaves work due, never half done, and any step may
run at any time, twice, or on two machines. Transactions and logging live here; decisions do not.
"""
