"""The application as gunicorn starts it: `gunicorn wsgi:app`.

DATABASE_URL names the database, as a role that obeys policies. DESK_STORE is psycopg or sqlalchemy, DESK_SECRET_KEY
signs the sessions, DESK_ORIGIN is where browsers see the application, DESK_CONNECTIONS is how many connections it has.
"""

from __future__ import annotations

import os

from app import create_app


def _store() -> object:
    url, size = os.environ["DATABASE_URL"], int(os.environ.get("DESK_CONNECTIONS", "1"))
    if os.environ.get("DESK_STORE", "psycopg") == "sqlalchemy":
        from store_sqlalchemy import SqlAlchemyStore

        return SqlAlchemyStore(url, size=size)
    from store_psycopg import PsycopgStore

    return PsycopgStore(url, size=size)


app = create_app(_store(), secret_key=os.environ["DESK_SECRET_KEY"], origin=os.environ["DESK_ORIGIN"])
