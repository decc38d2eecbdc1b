"""Merge the search index later: SQLite puts its parts together sixteen at a time, not four.

* It is a setting of the index itself. An older program that writes to it meanwhile heeds it.
"""

from alembic import op

revision = '0023'
down_revision = '0022'
branch_labels = None
depends_on = None

# https://www.sqlite.org/fts5.html, 6.1 and 6.3: from how many parts of a size on they are merged,
# page by page with what is written, and at how many at once.
LATER = {'automerge': 16, 'crisismerge': 32}
BEFORE = {'automerge': 4, 'crisismerge': 16}


def configure(settings: dict[str, int]) -> None:
    if op.get_bind().dialect.name == 'sqlite':
        for name, value in settings.items():
            op.execute(f"INSERT INTO article_words (article_words, rank) VALUES ('{name}', {value})")


def upgrade() -> None:
    configure(LATER)


def downgrade() -> None:
    configure(BEFORE)
