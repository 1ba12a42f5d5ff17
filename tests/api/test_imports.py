"""Imports over HTTP: what a file would do, and which files, forms and frames are refused."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import openpyxl
import orjson
import pytest
from affine import Affine
from rasterio.io import MemoryFile

from tests.api.importing import CSV, TWO, Served
from twin.api import upload
from twin.frames import FRAMES, from_wgs84
from twin.ingest import ImportReport
from twin.layers import LAYERS
from twin.store.memory import MemoryStore


def test_a_file_is_examined_and_nothing_is_written_before_it_is_applied(here):
    before = here.names()
    answer = here.send()
    assert answer.status_code == 201
    told = answer.json()
    assert (told["status"], told["request"]["file"]) == ("ready", CSV)
    assert told["report"]["difference"] == {"added": 1, "moved": 0, "changed": 1, "removed": 0, "unchanged": 0}
    assert here.client.get(answer.headers["location"]).json() == told
    assert here.names() == before
    applied = here.client.post(f"/imports/{told['id']}/apply", json={"by": "王工", "reason": "年度普查"})
    assert applied.status_code == 200
    transaction = applied.json()["transaction"]
    assert (transaction["author"], transaction["reason"], transaction["n_edits"]) == ("王工", "年度普查", 2)
    assert applied.json()["counts"]["added"] == 1
    assert here.names() == before | {"west": "改名", "new": "新站"}
    assert here.client.get(f"/imports/{told['id']}").json()["transaction"] == transaction


def test_the_same_file_again_changes_nothing_and_needs_no_transaction(here):
    here.client.post(f"/imports/{here.send().json()['id']}/apply")
    again = here.send().json()
    assert again["counts"] == {"added": 0, "moved": 0, "changed": 0, "removed": 0, "unchanged": 2}
    answer = here.client.post(f"/imports/{again['id']}/apply")
    assert (answer.status_code, answer.json()["transaction"], answer.json()["status"]) == (200, None, "applied")


def test_who_and_why_may_be_said_with_the_file(here):
    number = here.send(by="李工", reason="补录").json()["id"]
    transaction = here.client.post(f"/imports/{number}/apply").json()["transaction"]
    assert (transaction["author"], transaction["reason"]) == ("李工", "补录")


def test_faults_are_in_the_report_and_forbid_applying(here):
    answer = here.send("id,lon,lat,online\na,121.28,31.01,perhaps\na,x,31.01,1\n")
    told = answer.json()
    assert (answer.status_code, told["status"], told["report"]["difference"]) == (201, "faulty", None)
    assert {(f["where"], f["column"]) for f in told["report"]["faults"]} == {
        ("row 2", "online"), ("row 3", "id"), ("row 3", "lon"),
    }  # fmt: skip
    refused = here.client.post(f"/imports/{told['id']}/apply", headers={"accept-language": "zh"})
    assert (refused.status_code, refused.json()["type"]) == (400, "urn:twin:problem:layer-invalid")
    assert len(refused.json()["errors"]) == 3


def test_mapping_filters_and_labels_are_taken(here):
    text = "no,a,b,town,x\n1,121.28,31.01,east,9\n2,121.29,31.02,west,9\n"
    asked = {
        "map": ["key=no", "lng=a", "lat=b", "station_type==bus"],
        "where": "town=east",
        "source": "survey",
        "synthetic": "true",
    }
    told = here.send(text, **asked).json()
    assert told["report"]["n_rows"] == 1
    assert [a["key"] for a in told["report"]["changes"]["added"]] == ["1"]
    here.client.post(f"/imports/{told['id']}/apply")
    item = here.client.get("/collections/chargers/items/1").json()["properties"]
    assert (item["source"], item["station_type"]) == ("survey", "bus")


REFUSED: dict[str, tuple[str, dict[str, str], str, dict[str, set[str]]]] = {
    "no layer of that name": (TWO, {"layer": "boats"}, "bad-parameter", {"layer": {"cameras", "chargers"}}),
    "no frame": (TWO, {"frame": ""}, "frame-undeclared", {"frame": {"wgs84", "gcj02"}}),
    "an unknown frame": (TWO, {"frame": "mars"}, "frame-undeclared", {"frame": {"wgs84"}}),
    "two columns for one field": (
        "id,lon,longitude,lat\n1,121.28,121.28,31.01\n", {}, "mapping-ambiguous", {"lng": {"lon", "longitude"}},
    ),
    "no column for a field": ("id,east,lat\n1,121.28,31.01\n", {}, "mapping-ambiguous", {"lng": {"id", "east"}}),
    "a column that is not there": (TWO, {"map": "lng=nowhere"}, "bad-parameter", {}),
    "a frame that may not be undone": (TWO, {"frame": "gcj02"}, "datum-inverse-not-allowed", {}),
    "an empty file": ("", {}, "invalid-input", {}),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_that_cannot_be_examined_is_a_problem_with_the_choices_and_is_not_kept(here, name):
    text, asked, code, choices = REFUSED[name]
    answer = here.send(text, **asked)
    told = answer.json()
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
    assert told["type"] == f"urn:twin:problem:{code}"
    for field, some in choices.items():
        assert some <= set(told["choices"][field])
    assert here.folders() == []


def test_a_workbook_with_several_sheets_asks_which(here):
    book = openpyxl.Workbook()
    for name in ("东片", "西片"):
        sheet = book.create_sheet(name)
        sheet.append(["id", "lon", "lat"])
        sheet.append([f"{name}-1", 121.28, 31.01])
    out = io.BytesIO()
    book.save(out)
    answer = here.send(out.getvalue(), "two.xlsx")
    assert (answer.status_code, answer.json()["choices"]) == (400, {"table": ["东片", "西片"]})
    told = here.send(out.getvalue(), "two.xlsx", table="西片").json()
    assert [a["key"] for a in told["report"]["changes"]["added"]] == ["西片-1"]


BAD_FORMS: dict[str, tuple[dict[str, Any], int]] = {
    "no form": ({"json": {}}, 415),
    "no file": ({"files": {"layer": (None, "chargers")}}, 400),
    "the file as text": ({"files": {"file": (None, "x")}}, 400),
    "an unknown field": ({"files": {"file": ("a.csv", b"x"), "colour": (None, "red")}}, 400),
    "a field twice": ({"files": [("file", ("a.csv", b"x")), ("layer", (None, "a")), ("layer", (None, "b"))]}, 400),
    "no boolean": ({"files": {"file": ("a.csv", b"x"), "force": (None, "perhaps")}}, 400),
    "broken": ({"content": b"rubbish", "headers": {"content-type": "multipart/form-data; boundary=x"}}, 400),
    "no boundary": ({"content": b"rubbish", "headers": {"content-type": "multipart/form-data"}}, 400),
}


@pytest.mark.parametrize("name", BAD_FORMS)
def test_a_bad_form_is_refused_and_nothing_is_kept(here, name):
    sent, status = BAD_FORMS[name]
    answer = here.client.post("/imports", **sent)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert not (here.data / "imports").exists() or here.folders() == []


def test_another_sites_page_may_not_send_files(here):
    assert here.send(headers={"origin": "http://elsewhere.test"}).status_code == 403


# Files, names and frames ----------------------------------------------------------------------------------------------


def test_a_file_that_is_too_large_is_refused_by_what_it_says_and_by_what_it_is(here, monkeypatch):
    monkeypatch.setattr(upload, "MAX_UPLOAD", 2000)
    monkeypatch.setattr(upload, "BESIDE", 1000)
    large = here.send("x" * 4000)
    assert (large.status_code, large.json()["type"]) == (413, "urn:twin:problem:too-large")

    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
    headers = {"content-type": "multipart/form-data; boundary=b"}
    request = here.client.build_request(
        "POST", "/imports", content=head + b"x" * 9000 + b"\r\n--b--\r\n", headers=headers
    )
    del request.headers["content-length"]
    unsaid = here.client.send(request)
    assert unsaid.status_code == 413
    assert here.send("x" * 200 + "\n").status_code == 400


@pytest.mark.parametrize(
    ("said", "kept"),
    [("../../etc/a.csv", "a.csv"), ("C:\\Users\\x\\表.csv", "表.csv"), (".csv", "csv"), ("a\x00\nb.csv", "ab.csv"), ("", "upload"),
     ("x" * 400 + ".csv", "x" * 160 + ".csv"), ("..", "upload")],
)  # fmt: skip
def test_a_files_name_is_no_path(said, kept):
    assert upload.file_name(said) == kept


def test_nothing_is_written_outside_the_imports_own_folder(here):
    here.send(name="../../../escaped.csv")
    assert sorted(p.name for p in here.data.rglob("*") if p.is_file()) == sorted(
        ["content", "lock", "report.json", "request.json", "state.json"]
    )


@pytest.mark.parametrize("name", ["/etc/passwd", "../secret.toml", "..", "", "none.toml", "sub/grid.toml"])
def test_a_local_frame_names_no_file_outside_the_data_folders_frames(here, name):
    (here.data / "frames" / "sub").mkdir(parents=True)
    (here.data / "frames" / "sub" / "grid.toml").write_text("")
    (here.data / "secret.toml").write_text("a secret")
    answer = here.send(frame=f"local:{name}")
    assert (answer.status_code, answer.json()["type"]) == (400, "urn:twin:problem:frame-undeclared")
    assert str(here.data) not in answer.text
    assert "a secret" not in answer.text


def test_a_local_frame_of_the_data_folder_is_taken(here):
    (here.data / "frames").mkdir()
    definition = '[four_parameters]\nto = "epsg:4549"\ndx_m = 0\ndy_m = 0\nrotation_deg = 0\nscale = 1\n'
    (here.data / "frames" / "grid.toml").write_text(definition)
    east, north = from_wgs84([121.285], [31.015], FRAMES["epsg:4549"])
    told = here.send(f"id,x,y\nnew,{east[0]},{north[0]}\n", frame="local:grid.toml").json()
    assert told["report"]["frame"].startswith("local:grid.toml@")
    (added,) = told["report"]["changes"]["added"]
    assert (added["lng"], added["lat"]) == (pytest.approx(121.285, abs=1e-7), pytest.approx(31.015, abs=1e-7))
    assert str(here.data) not in orjson.dumps(told).decode()


def test_a_doubtful_frame_must_be_insisted_on(here, monkeypatch):
    monkeypatch.setattr(ImportReport, "is_doubtful", property(lambda report: not report.request.force))
    number = here.send().json()["id"]
    refused = here.client.post(f"/imports/{number}/apply")
    assert (refused.status_code, refused.json()["type"]) == (400, "urn:twin:problem:frame-doubtful")
    here.client.patch(f"/imports/{number}", json={"force": True})
    assert here.client.post(f"/imports/{number}/apply").status_code == 200


def test_what_may_be_chosen_is_listed(here):
    (here.data / "frames").mkdir()
    (here.data / "frames" / "sh2000.toml").write_text("")
    choices = here.client.get("/imports").json()["choices"]
    cameras = next(c for c in choices["layer"] if c["id"] == "cameras")
    assert (cameras["zh"], cameras["fields"]["azimuth_deg"]["zh"][:2]) == (LAYERS["cameras"].title.zh, "方位")
    assert {"wgs84", "local:sh2000.toml"} <= {f["id"] for f in choices["frame"]}
    assert ".xlsx" in choices["endings"]


# The annotated workbook -----------------------------------------------------------------------------------------------


def test_the_annotated_workbook_tells_every_row(here):
    number = here.send().json()["id"]
    answer = here.client.get(f"/imports/{number}/report.xlsx", headers={"accept-language": "zh"})
    assert answer.status_code == 200
    assert answer.headers["content-type"].endswith("spreadsheetml.sheet")
    assert "stations_%E9%A2%84%E6%A3%80.xlsx" in answer.headers["content-disposition"]
    rows = list(openpyxl.load_workbook(io.BytesIO(answer.content))["chargers"].values)
    assert rows[1][2].startswith("变更：名称")
    assert rows[2][2] == "新增"
    here.client.post(f"/imports/{number}/apply")
    assert here.client.get(f"/imports/{number}/report.xlsx", headers={"accept-language": "zh"}).status_code == 200
    assert here.client.get(f"/imports/{number}/report.xlsx", headers={"accept-language": "en"}).status_code == 409


# Rasters --------------------------------------------------------------------------------------------------------------


def people(value: float = 10.0) -> bytes:
    """Six pixels in a row, of which the middle ones lie in the district (121.27 to 121.31)."""
    profile = {"driver": "GTiff", "width": 6, "height": 1, "count": 1, "dtype": "float32", "crs": "EPSG:4326", "nodata": -1.0,
               "transform": Affine(0.01, 0, 121.26, 0, -0.01, 31.02)}  # fmt: skip
    with MemoryFile() as file:
        with file.open(**profile) as raster:
            raster.write(np.full((1, 1, 6), value, np.float32))
        return bytes(file.read())


def test_a_raster_is_examined_confirmed_and_a_denominator_from_then_on(here):
    told = here.send(people(), "people.tif", layer="", frame="").json()
    assert (told["status"], told["report"]["layer"], told["report"]["total"]) == ("ready", "population", 60.0)
    assert told["report"]["inside"] == {"310112": 40.0}
    assert told["report"]["difference"] == {"added": 1, "changed": 0, "unchanged": 0}
    asked = {"params": {"denominator": "population"}}
    assert here.client.get("/coverage/charger-service", **asked).status_code == 422
    assert here.client.get(f"/imports/{told['id']}/report.xlsx").status_code == 400
    assert here.client.post(f"/imports/{told['id']}/apply").status_code == 200
    assert here.client.get("/coverage/charger-service", **asked).json()["denominator"] == "population"
    again = here.send(people(), "people.tif", layer="", frame="").json()
    assert again["report"]["difference"] == {"added": 0, "changed": 0, "unchanged": 1}
    other = here.send(people(11.0), "people.tif", layer="", frame="").json()
    assert other["report"]["difference"] == {"added": 0, "changed": 1, "unchanged": 0}


def test_a_raster_that_is_none_or_has_a_layers_name_is_refused(here):
    assert here.send(b"no raster", "people.tif", layer="", frame="").status_code == 400
    assert here.send(people(), "people.tif", layer="cameras", frame="").status_code == 400


# A large file ---------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_server_goes_on_answering_while_a_large_file_is_examined(make, tmp_path):
    here = Served(make, tmp_path)
    here.store = MemoryStore()
    here.client = make(here.store, data=tmp_path)
    rows = "\n".join(f"cam-{i},{121.2 + i % 300 / 1000},{31 + i // 300 / 1000}" for i in range(70_000))
    number = here.send("id,lon,lat\n" + rows, layer="cameras", headers={"prefer": "respond-async"}).json()["id"]
    n_asked, told = 0, {}
    while told.get("status") in (None, "reading", "examining"):
        for path in ("/healthz", "/tiles/cameras/10/857/418.mvt"):
            assert here.client.get(path).status_code in (200, 204)
            n_asked += 1
        told = here.client.get(f"/imports/{number}").json()
    assert told["counts"]["added"] == 70_000
    assert n_asked > 20
