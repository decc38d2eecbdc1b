"""Write the next migration: `python migrations/new.py 0002 "what it adds"`.

Compares the models with a fresh database at the newest migration. Read what it writes; then take
the snapshot anew with `python migrations/snapshot.py`.
"""

import sys
import tempfile

from alembic import command

from monitor.store.engine import open_engine
from monitor.store.migrate import alembic_config

number, message = sys.argv[1:]
with tempfile.TemporaryDirectory() as folder:
    engine = open_engine(f"sqlite:///{folder}/new.db")
    with engine.begin() as connection:
        config = alembic_config(connection)
        command.upgrade(config, "head")
        command.revision(config, message, autogenerate=True, rev_id=number)
    engine.dispose()
