"""Who or what took a picture, as far as names and clocks tell. Out: SQL for `samples.source`.

A source is written KIND:NAME. The kinds, in the order in which they are looked for:

    photographer  a code that PlantVillage puts into its file names, in all editions of it
    picture       a download whose name tells of no origin: each is a source of its own
    web           downloads that share the site or the title in their names
    day           pictures of one dataset of one day, by the time in their names or by EXIF
    camera        pictures of one dataset that one make of camera counted
    dataset       all others: a dataset that somebody renumbered tells no more
    sender        who sent corrections to the server; named by ingestion and never here

Days and cameras of one dataset may still be one person's. Who knows better says so, and has the
pictures placed anew: UPDATE samples SET source = 'photographer:anna', source_split = NULL WHERE ...
All expressions here are RE2, as DuckDB reads them.
"""

from __future__ import annotations

import duckdb

PHOTOGRAPHERS = (
    (r"R\.?S", "RS"),  # half of the collection, over ten species
    (r"JR", "JR"),
    (r"FREC", "FREC"),
    (r"FAM", "FAM"),
    (r"Mt\.N\.V", "Mt.N.V"),
    # Three spellings of one station, the Gulf Coast Research and Education Center in Florida.
    (r"(?:YLCV_)?GCREC|UF\.GRC", "GCREC"),
    (r"(?:YLCV_)?NREC", "NREC"),
    (r"CREC|UF\.Citrus", "CREC"),
    (r"GH(?:LB[0-9]?(?:ES|_PS)?)?", "GH"),  # a greenhouse: healthy, and late blight day by day
    (r"Rutg?\.?", "Rutgers"),
    (r"U?MD", "UMD"),
    (r"Com\.G", "Com.G"),
    (r"Crnl", "Crnl"),
    (r"Keller\.St", "Keller.St"),
    (r"Matt\.S", "Matt.S"),
    (r"PSU", "PSU"),
    (r"Mary", "Mary"),
)
"""PlantVillage's codes, and the photographers or stations that they stand for: `RS_HL 1234` is
shot 1,234 of the camera of RS, of a healthy leaf."""

SINGLE_DOWNLOADS = (
    r"^PlantsDisease_SIXU_",  # PlantDoc, renumbered: its pictures come from all over the web
    r"^(?i:images|download|downloaded|unnamed|th|OIP|OIF)(?: ?\([0-9]+\))?$",
    r"^(?:OIP|OIF|th)[.-]",
    r"^(?i:screen ?shot)",
    r"(?i:getty ?images|istock|shutterstock|depositphotos|dreamstime|alamy|123rf|adobe ?stock)",
    r"(?i:stock-photo|pixabay|unsplash|pexels|wikimedia|bugwood|inaturalist|pinterest)",
    r"^[0-9]{7}-[A-Z]{3,5}$",  # Bugwood: number and size, as in 5368751-SMPT
    r"^[0-9]{8,11}_[0-9a-f]{10}(?:_[a-z0-9])?$",  # Flickr: number, secret, size
)
"""Names that sites and browsers give to one picture."""

CAMERAS = "IMG|IMGP|IMAG|MG|DSC|DSCN|DSCF|SDSC|SDC|SAM|PICT|CIMG|HPIM|KIC|GOPR|DJI|MVIMG|PXL|P"
"""What makes of camera put before their counter; an underscore before it names a colour space."""

NIGHT_H = 4
"""A day ends at four in the morning: one session of the dataset mango_bd goes on beyond midnight by
its camera's clock."""

_IDENTITY = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}_{2,3}"
"""PlantVillage puts it before the photographer's own file name."""

_EXPORTED = "_(?:jpe?g|png|webp)[.]rf[.][0-9a-f]{16,}$"
"""Roboflow appends it, and each augmentation of a picture has another one."""

_SITE = "^((?:[A-Za-z0-9-]+[.])+(?:com|org|net|edu|gov|info|co[.][a-z]{2}|ac[.][a-z]{2}))[_-]"
_ESCAPED = "%[0-9A-F]{2}|[A-Za-z][+][A-Za-z]"
"""A title with its spaces as addresses write them."""

_COUNT = "[-_+ ]*[(]?[0-9]*[)]?$"

_DATE = "((?:19|20)[0-9]{2})[-_.]?(0[1-9]|1[0-2])[-_.]?(0[1-9]|[12][0-9]|3[01])"
_HOUR = "(?:[-_ T]| at )?([01][0-9]|2[0-3])[-_.:h]?[0-5][0-9][-_.:m]?[0-5][0-9]"
_TIMED = f"^(?:|.*?[^0-9]){_DATE}{_HOUR}(?:[0-9]{{3}})?(?:|[^0-9].*)$"
_DATED = f"^(?:|.*?[^0-9]){_DATE}(?:|[^0-9].*)$"
_AT_HOUR, _AT_NOON = r"\1-\2-\3 \4:00:00", r"\1-\2-\3 12:00:00"
_MILLISECONDS = "^(?:|.*?[^0-9])(1[0-9]{12})(?:|[^0-9].*)$"
"""Since 1970: some phones and messengers name pictures so."""

_MAY_TELL_A_DAY = "(?:19|20)[0-9]{2}[-_.]?[01][0-9]|1[0-9]{12}"
"""Looked for first, since RE2 takes five times as long where it has to capture."""

_PLAIN_FOLDERS = (
    "(?i)/(?:train|training|val|valid|validation|test|testing|images?|imgs?|pictures?|photos?)\\b"
)
"""Folders below a class folder that tell nothing of who took the pictures."""


def name_sources(connection: duckdb.DuckDBPyConnection, table: str) -> None:
    """Fill `source` where it is NULL in `table`: samples, or one with its columns."""
    connection.execute(f"UPDATE {table} SET source = {source_sql()} WHERE source IS NULL")


def source_sql() -> str:
    """An expression over dataset, folder, source_path and captured of one row."""
    name = "coalesce(parse_filename(source_path, true), '')"
    stem = _replaced(_replaced(name, _IDENTITY, ""), _EXPORTED, "")
    codes = "|".join(code for code, _ in PHOTOGRAPHERS)
    singles = "|".join(SINGLE_DOWNLOADS)
    picture = f"concat('picture:', dataset, '/', folder, '/', {stem})"
    title = f"concat('web:', lower({_replaced(stem, _COUNT, '')}))"
    return (
        f"CASE WHEN {_matches(name, _IDENTITY)} THEN coalesce({_photographer(stem)}, {picture}) "
        # One edition lost its identities: RS_Rust 1659.
        f"WHEN {_matches(stem, f'^(?:{codes})_[A-Z][A-Za-z.]* [0-9]{{4,5}}')} "
        f"THEN {_photographer(stem)} "
        f"WHEN {_matches(stem, singles)} THEN {picture} "
        f"WHEN {_matches(stem, _SITE)} THEN concat('web:', lower({_found(stem, _SITE)})) "
        f"WHEN {_matches(stem, _ESCAPED)} THEN {title} "
        f"ELSE coalesce({_day(stem)}, {_camera(stem)}, concat('dataset:', {_place()})) END"
    )


def _photographer(stem: str) -> str:
    """NULL where the code is in no table."""
    cases = " ".join(
        f"WHEN {_matches(stem, f'^(?:{code})[_ ]')} THEN {_text(f'photographer:{name}')}"
        for code, name in PHOTOGRAPHERS
    )
    return f"CASE {cases} END"


def _day(stem: str) -> str:
    timed = f"try_cast({_replaced(stem, _TIMED, _AT_HOUR)} AS TIMESTAMP)"
    dated = f"try_cast({_replaced(stem, _DATED, _AT_NOON)} AS TIMESTAMP)"
    since = f"epoch_ms(try_cast(nullif({_found(stem, _MILLISECONDS)}, '') AS BIGINT))"
    may_tell = _matches(stem, _MAY_TELL_A_DAY)
    named = f"CASE WHEN {may_tell} THEN coalesce({timed}, {dated}, {since}) END"
    time = f"coalesce({named}, captured) - INTERVAL {NIGHT_H} HOUR"
    return f"'day:' || dataset || '/' || strftime({time}, '%Y-%m-%d')"


def _camera(stem: str) -> str:
    make = f"upper(nullif({_found(stem, f'(?i)^_?({CAMERAS})[ _-]?[0-9]{{3,}}')}, ''))"
    return f"'camera:' || {_place()} || '/' || {make}"


def _place() -> str:
    """The dataset, with the folders below the class folder that may tell something."""
    below = "split_part(source_path, concat('/', dataset, '/', folder, '/'), 2)"
    folders = f"concat('/', {_found(below, '^(.*)/')})"
    return f"concat(dataset, rtrim({_replaced(folders, _PLAIN_FOLDERS, '', 'g')}, '/'))"


def _matches(text: str, pattern: str) -> str:
    return f"regexp_matches({text}, {_text(pattern)})"


def _found(text: str, pattern: str) -> str:
    """What the first group captures; empty where nothing matches."""
    return f"regexp_extract({text}, {_text(pattern)}, 1)"


def _replaced(text: str, pattern: str, by: str, options: str = "") -> str:
    return f"regexp_replace({text}, {_text(pattern)}, {_text(by)}, {_text(options)})"


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
