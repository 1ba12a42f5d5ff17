"""The suite ``ogctests`` (OGC API Features Part 1, core) against the whole reference twin."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.clients.live import CLIENTS, Live, run

pytestmark = pytest.mark.client
N_TESTS = 29


@pytest.fixture(scope="module")
def report(live: Live, tmp_path_factory: pytest.TempPathFactory) -> list[ET.Element]:
    """What it reports of each of its tests. Its exit code says nothing, so its JUnit file is read."""
    folder = tmp_path_factory.mktemp("ogctests")
    (folder / "pytest.ini").write_text("[pytest]\n")
    told = f"-c '{folder}/pytest.ini' -p no:cacheprovider --junitxml='{folder}/report.xml'"
    environment = {"PYTEST_ADDOPTS": told, "HOME": str(folder)}
    run(CLIENTS / "python", "-m", "ogctests", "features/core", "-i", live.url, env=environment)
    return list(ET.parse(folder / "report.xml").iter("testcase"))


def test_all_29_of_its_tests_ran(report):
    assert len(report) == N_TESTS
    assert [case.get("name") for case in report if case.find("skipped") is not None] == []


def test_each_of_its_tests_passed(report):
    failed = {
        f"{Path(case.get('classname', '')).name}::{case.get('name')}": reason.get("message")
        for case in report
        for reason in (*case.findall("failure"), *case.findall("error"))
    }
    assert failed == {}
