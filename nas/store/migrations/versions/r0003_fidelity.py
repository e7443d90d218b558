"""Fidelity reports: one for each search, the newest."""

from alembic import op
from sqlalchemy import Column, ForeignKey, String

from nas.store.types import JsonText, UtcTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    search = ForeignKey("searches.id", name="fk_fidelity_reports_search_id", ondelete="CASCADE")
    op.create_table(
        "fidelity_reports",
        Column("search_id", String(12), search, primary_key=True),
        Column("document", JsonText(), nullable=False),
        Column("created_at", UtcTime(), nullable=False),
        Column("updated_at", UtcTime(), nullable=False),
    )


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("fidelity_reports")
