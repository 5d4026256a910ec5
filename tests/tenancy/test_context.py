"""Whose data the running code may touch, outside any framework."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import subprocess
import sys
import threading
from importlib import resources
from typing import TYPE_CHECKING

import pytest

from dbops.tenancy import OrgContextMissing, resolve_org_id, tenant_context
from dbops.tenancy.context import NO_TENANT, current

if TYPE_CHECKING:
    from collections.abc import Iterator


def test_without_a_context_asking_raises_and_says_what_to_do() -> None:
    with pytest.raises(OrgContextMissing) as caught:
        resolve_org_id()
    assert "tenant_context" in str(caught.value.hint)


def test_the_innermost_context_counts_and_ends_with_its_body() -> None:
    with tenant_context(1):
        assert resolve_org_id() == 1
        with contextlib.suppress(KeyError), tenant_context(2):
            assert resolve_org_id() == 2
            raise KeyError
        assert resolve_org_id() == 1
    assert current() == NO_TENANT


def test_a_context_may_say_that_there_is_nobody() -> None:
    with tenant_context(1), tenant_context(None), pytest.raises(OrgContextMissing):
        resolve_org_id()


@pytest.mark.parametrize("value", [True, 1.0, b"1", [1], object()])
def test_a_context_is_for_an_id_and_nothing_else(value: object) -> None:
    with pytest.raises(TypeError), tenant_context(value):  # type: ignore[arg-type]
        pass


@pytest.mark.parametrize("value", ["", " ", "a\0"])
def test_an_empty_text_is_no_tenant(value: str) -> None:
    with pytest.raises(ValueError), tenant_context(value):
        pass


def work_of(org_id: int) -> Iterator[object]:
    with tenant_context(org_id):
        while True:
            yield resolve_org_id()


def test_a_context_that_ended_out_of_turn_never_comes_back() -> None:
    generator = work_of(1)
    next(generator)
    with tenant_context(2):
        generator.close()  # type: ignore[attr-defined]
        assert resolve_org_id() == 2
    assert current() == NO_TENANT


def test_a_generator_that_is_forgotten_takes_its_tenant_with_it() -> None:
    generator = work_of(1)
    next(generator)
    del generator
    gc.collect()
    assert current() == NO_TENANT


def test_a_generator_that_ends_in_another_thread_ends_its_context_here_too() -> None:
    generator = work_of(1)
    next(generator)
    assert resolve_org_id() == 1
    thread = threading.Thread(target=generator.close)  # type: ignore[attr-defined]
    thread.start()
    thread.join()
    assert current() == NO_TENANT


def test_a_thread_begins_without_a_tenant() -> None:
    found: list[object] = []
    with tenant_context(1):
        thread = threading.Thread(target=lambda: found.append(current()))
        thread.start()
        thread.join()
    assert found == [NO_TENANT]


def test_tasks_keep_their_tenants_apart() -> None:
    async def work(org_id: int) -> list[object]:
        seen = []
        with tenant_context(org_id):
            for _ in range(20):
                await asyncio.sleep(0)
                seen.append(resolve_org_id())
        return seen

    async def all_of_them() -> list[list[object]]:
        return await asyncio.gather(*(work(org_id) for org_id in range(1, 9)))

    assert [[org_id] * 20 for org_id in range(1, 9)] == asyncio.run(all_of_them())


@pytest.mark.parametrize(("module", "package"), [("flask", "Flask"), ("sqlalchemy", "SQLAlchemy")])
def test_a_missing_extra_says_what_to_install(module: str, package: str) -> None:
    script = (
        "import sys\n"
        f"sys.modules[{module!r}] = None\n"
        "import dbops.tenancy, dbops.tenancy.postgres\n"
        f"try: import dbops.tenancy.{module}\n"
        "except ImportError as problem: print(problem, '/', problem.hint)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert f"{package}, which is not installed" in done.stdout
    assert f'pip install "dbops[{module}]"' in done.stdout


def test_an_applications_type_checker_sees_the_types() -> None:
    assert resources.files("dbops").joinpath("py.typed").is_file()


def test_the_core_imports_no_framework_and_no_driver() -> None:
    script = "import sys, dbops.tenancy; print([n for n in ('flask', 'sqlalchemy', 'psycopg') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
