import fake_run
import pytest

from linumpy.report import page


@pytest.fixture(scope="session")
def small_run(tmp_path_factory):
    "A finished run of 6 slices; read only."
    return fake_run.make(tmp_path_factory.mktemp("small") / "run", 6)


@pytest.fixture(scope="session")
def small_page(small_run):
    return page.build(small_run)


@pytest.fixture(scope="session")
def small_html(small_page):
    return page.to_html(small_page)
