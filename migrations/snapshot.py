"""Write `snapshot.sql`, a new SQLite database as all migrations leave it: after each new one.

`python migrations/snapshot.py`; the tests hold the file against the migrations.
"""

import tempfile
from pathlib import Path

from alembic import command

from monitor.store.engine import open_engine
from monitor.store.migrate import alembic_config, migrating
from monitor.store.snapshot import taken

with tempfile.TemporaryDirectory() as folder:
    engine = open_engine(f"sqlite:///{folder}/new.db")
    with migrating(engine) as connection:
        command.upgrade(alembic_config(connection), "head")
    with engine.connect() as connection:
        Path(__file__).with_suffix(".sql").write_text(taken(connection), encoding="utf-8")
    engine.dispose()
