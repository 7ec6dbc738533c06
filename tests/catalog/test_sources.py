"""Sources: what file names, folders and clocks tell of who took a picture."""

from __future__ import annotations

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.sources import name_sources

ID = "6e0d10c8-1d7d-4916-aa1c-f73eb16c8048___"


@pytest.fixture(scope="module")
def connection() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()


def source(
    connection: duckdb.DuckDBPyConnection,
    path: str,
    captured: str | None = None,
    known: str | None = None,
) -> str:
    """Of the file at `path` in the class folder Rust of the dataset set."""
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE one AS SELECT 'set' AS dataset, 'Rust' AS folder, "
        "$path AS source_path, $captured::TIMESTAMP AS captured, $known::VARCHAR AS source",
        {"path": f"/pictures/set/Rust/{path}", "captured": captured, "known": known},
    )
    name_sources(connection, "one")
    row = connection.execute("SELECT source FROM one").fetchone()
    assert row is not None
    return str(row[0])


@pytest.mark.parametrize(
    ("name", "photographer"),
    [
        (f"{ID}RS_HL 2273.JPG", "RS"),
        (f"{ID}R.S_HL 0636 copy 2.jpg", "RS"),
        (f"{ID}RS_NLB  3527 copy.jpg", "RS"),
        ("RS_Rust 1659.JPG", "RS"),
        (f"{ID}JR_FrgE.S 2791.JPG", "JR"),
        (f"{ID}FREC_C.Rust 0079.JPG", "FREC"),
        (f"{ID}FAM_B.Msls 4151.JPG", "FAM"),
        (f"{ID}Mt.N.V_HL 6179.JPG", "Mt.N.V"),
        (f"{ID}GCREC_Bact.Sp 2946.JPG", "GCREC"),
        (f"{ID}UF.GRC_BS_Lab Leaf 0326.JPG", "GCREC"),
        (f"{ID}UF.GRC_YLCV_Lab 01665.JPG", "GCREC"),
        (f"{ID}YLCV_GCREC 2297.JPG", "GCREC"),
        (f"{ID}YLCV_NREC 2064.JPG", "NREC"),
        (f"{ID}CREC_HLB 4307.JPG", "CREC"),
        (f"{ID}UF.Citrus_HLB_Lab 9724.JPG", "CREC"),
        (f"{ID}GH_HL Leaf 477.1.JPG", "GH"),
        (f"{ID}GHLB2 Leaf 8704.JPG", "GH"),
        (f"{ID}GHLB2ES Leaf 18.jpg", "GH"),
        (f"{ID}GHLB_PS Leaf 26.1 Day 16.jpg", "GH"),
        (f"{ID}Rutg._HL 2475.JPG", "Rutgers"),
        (f"{ID}Rut._Bact.S 1018.JPG", "Rutgers"),
        (f"{ID}MD_Powd.M 9879.JPG", "UMD"),
        (f"{ID}UMD_Powd.M 0445.JPG", "UMD"),
        (f"{ID}Com.G_TgS_FL 0792.JPG", "Com.G"),
        (f"{ID}Crnl_L.Mold 6569.JPG", "Crnl"),
        (f"{ID}Keller.St_CG 1943.JPG", "Keller.St"),
        (f"{ID}Matt.S_CG 0741.JPG", "Matt.S"),
        (f"{ID}PSU_CG 2168.JPG", "PSU"),
        (f"{ID}Mary_HL 9136.JPG", "Mary"),
    ],
)
def test_plantvillage_names_its_photographer_whatever_the_dataset(
    connection, name, photographer
) -> None:
    assert source(connection, name) == f"photographer:{photographer}"


@pytest.mark.parametrize(
    "name",
    [
        f"{ID}bell-pepper-plant-61726",
        f"{ID}Screen Shot 2015-05-06 at 4.01.13 PM",
        f"{ID}2700323949_95aa2eaa01_o",
        f"{ID}CG1",
        "PlantsDisease_SIXU_A00018",
        "images (12)",
        "download",
        "OIP (3)",
        "Screenshot_20200101-120000",
        "gettyimages-1158291223-612x612",
        "5368751-SMPT",
        "2700323949_95aa2eaa01_o",
    ],
)
def test_a_download_is_a_source_of_its_own_in_its_class_folder(connection, name) -> None:
    stem = name.removeprefix(ID)
    assert source(connection, f"{name}.jpg") == f"picture:set/Rust/{stem}"


@pytest.mark.parametrize(
    ("name", "web"),
    [
        ("www.planetnatural.com_apple-rust-2.jpg", "www.planetnatural.com"),
        ("extension.umn.edu-cedar.jpg", "extension.umn.edu"),
        ("Cedar+apple+rust-12.jpg", "cedar+apple+rust"),
        ("cedar%20apple%20rust(3).jpg", "cedar%20apple%20rust"),
        (
            "cedar%20apple%20rust_jpg.rf.0123456789abcdef0123456789abcdef.jpg",
            "cedar%20apple%20rust",
        ),
    ],
)
def test_downloads_of_one_site_or_title_are_one_source(connection, name, web) -> None:
    assert source(connection, name) == f"web:{web}"


@pytest.mark.parametrize(
    "name",
    [
        "IMG_20211011_140324 (Custom)",
        "20211011_162433(0) (Custom) (Custom)",
        "20211011140324",
        "PXL_20211011_140324123",
        "IMG-20211011-WA0001",
        "WhatsApp Image 2021-10-11 at 5.12.33 PM",
        "photo_2021-10-11_12-33-44",
        "Foto 2021.10.11",
        "1633960800000",  # 14:00 UTC
        "IMG_20211012_013059",  # past midnight, the day before goes on
        "IMG_20211011_140324_jpg.rf.0123456789abcdef0123456789abcdef",
    ],
)
def test_pictures_of_one_day_are_one_source_by_their_names(connection, name) -> None:
    assert source(connection, f"{name}.jpg", "2001-02-03 12:00:00") == "day:set/2021-10-11"


@pytest.mark.parametrize("name", ["dis_leaf (3)", "IMG_4104", "20211399_120000", "120211011"])
def test_where_the_name_has_no_day_the_cameras_clock_tells(connection, name) -> None:
    found = {
        source(connection, f"{name}.jpg", f"2015-01-{day}") for day in ("21 14:00", "22 03:59")
    }
    assert found == {"day:set/2015-01-21"}


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("IMG_4104.JPG", "IMG"),
        ("img_4082_4.jpg", "IMG"),
        ("DSC01234.JPG", "DSC"),
        ("_DSC1234.JPG", "DSC"),
        ("DSCN0042.JPG", "DSCN"),
        ("P1010042.JPG", "P"),
    ],
)
def test_without_a_day_the_counter_of_a_camera_tells(connection, name, make) -> None:
    assert source(connection, name) == f"camera:set/{make}"


@pytest.mark.parametrize(
    "name", ["image (1084).JPG", "rust_train_268.jpg", "0042.jpg", "187_0892_0087.jpg", "no ending"]
)
def test_a_dataset_that_somebody_renumbered_is_one_source(connection, name) -> None:
    assert source(connection, name) == "dataset:set"


def test_folders_below_the_class_folder_part_a_dataset(connection) -> None:
    assert source(connection, "anna/3.jpg") == "dataset:set/anna"
    assert source(connection, "farm 2/train/IMG_0001.jpg") == "camera:set/farm 2/IMG"


@pytest.mark.parametrize("folder", ["train", "Test", "images", "valid/images"])
def test_folders_that_tell_nothing_do_not(connection, folder) -> None:
    assert source(connection, f"{folder}/3.jpg") == "dataset:set"


def test_what_somebody_wrote_stays(connection) -> None:
    assert source(connection, f"{ID}RS_HL 2273.JPG", known="photographer:anna") == (
        "photographer:anna"
    )


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), min_size=1))
def test_every_name_has_a_source(connection, name) -> None:
    kind, _, rest = source(connection, name).partition(":")
    assert kind in {"photographer", "picture", "web", "day", "camera", "dataset"}
    assert rest != ""
