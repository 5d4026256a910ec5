"""The store over SQLAlchemy: `bind_tenants` once, and every transaction of the engine is the current tenant's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import create_engine, make_url, select, text
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from store import ORDERS, ORGANIZATIONS, PASSKEY, PASSKEY_USED, Passkey

from dbops.tenancy import tenant_context
from dbops.tenancy.sqlalchemy import bind_tenants

if TYPE_CHECKING:
    from collections.abc import Iterator


class Base(DeclarativeBase):
    """Tables of the ERP."""


class Customer(Base):
    """A customer; its queries name no tenant."""

    __tablename__ = "customers"
    org_id: Mapped[int] = mapped_column(primary_key=True)
    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str]
    name: Mapped[str]


class SqlAlchemyStore:
    """The database over an engine that holds `size` connections."""

    def __init__(self, url: str, *, size: int) -> None:
        address = make_url(url).set(drivername="postgresql+psycopg")
        self._engine = create_engine(address, pool_size=size, max_overflow=0)
        bind_tenants(self._engine)

    def passkey(self, credential_id: bytes) -> Passkey | None:
        """Return the passkey of that name, of whatever tenant."""
        with Session(self._engine) as session:
            question = text(PASSKEY.format(credential_id=":credential_id"))
            row = session.execute(question, {"credential_id": credential_id}).first()
        return row and Passkey(*row)

    def organizations(self, user_id: int) -> list[int]:
        """Return the tenants that a user may act for."""
        with Session(self._engine) as session:
            return list(session.scalars(text(ORGANIZATIONS.format(user_id=":user_id")), {"user_id": user_id}))

    def passkey_used(self, passkey: Passkey, sign_count: int) -> None:
        """Write down the new counter, as the passkey's tenant."""
        with tenant_context(passkey.org_id), Session(self._engine) as session:
            change = text(PASSKEY_USED.format(sign_count=":sign_count", id=":id"))
            session.execute(change, {"sign_count": sign_count, "id": passkey.id})
            session.commit()

    def customers(self, limit: int) -> list[dict[str, object]]:
        """Return customers of the current tenant."""
        with Session(self._engine) as session:
            found = session.scalars(select(Customer).order_by(Customer.id).limit(limit))
            return [{"org_id": it.org_id, "id": it.id, "code": it.code, "name": it.name} for it in found]

    def orders(self) -> Iterator[dict[str, object]]:
        """Yield the orders of the current tenant, as they come from the server."""
        with self._engine.connect() as connection:
            rows = connection.execution_options(yield_per=100).execute(text(ORDERS))
            for row in rows.mappings():
                yield dict(row)

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()
