"""The cluster: any number of identical `monitor run` share the work through PostgreSQL.

* Procrastinate carries the work as jobs; the steps, and what is due, are those of the embedded
  mode (`monitor.steps`). A job says *do what is due of this step*, never what that is: so a job
  that is lost, late or done twice does no harm, and what happens once is decided by claims and
  unique constraints in the data.
* Every replica ticks; that a step waits but once in the queue is a unique index (`queueing_lock`).
* A job signs its claims. When it is retaken from a replica that gave no sign of life, they are
  given back, and what that replica still finds out of them is dropped.
"""
