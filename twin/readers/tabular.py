"""What sheets of rows share, CSV or Excel: the rules for column names, and rows that do not match them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from twin.errors import Fault, InvalidInput, Words


def header_names(cells: Sequence[str], row: int, name: str) -> list[str]:
    """The column names of a header, without blank cells at its end.

    Raises:
        InvalidInput: there are none, or some are blank or twice (all of them in ``faults``).
    """
    header = [cell.strip() for cell in cells]
    while header and not header[-1]:
        header.pop()
    if not header:
        where = "第一行" if row == 1 else f"第 {row} 行"
        raise InvalidInput(f"{name} {where}没有列名", f"{name} has no column names in row {row}")
    faults = [
        Fault(f"row {row}", f"#{i}", column, Words("列名为空", "the column has no name"))
        if not column
        else Fault(f"row {row}", f"#{i}", column, Words("列名重复", "this column name is there twice"))
        for i, column in enumerate(header, 1)
        if not column or column in header[: i - 1]
    ]
    if faults:
        zh = f"{name} 的列名有误：{faults[0].words.zh}（{faults[0].value!r}）"
        raise InvalidInput(zh, f"{name}: bad column names, first: {faults[0]}", faults)
    return header


def misfit(row: int, first: str, n_cells: int, width: int) -> Fault:
    """The fault of a row whose number of cells is not the header's."""
    reason = Words(f"有 {n_cells} 格，列名有 {width} 个", f"{n_cells} cells, but {width} column names")
    return Fault(f"row {row}", "", first, reason)


def refuse_misfits(faults: Sequence[Fault], name: str) -> None:
    """Raises InvalidInput with all of them, if there are any."""
    if faults:
        raise InvalidInput(
            f"{name}：{len(faults)} 行的格数与列名不符，首先是第 {faults[0].where[4:]} 行",
            f"{name}: {len(faults)} rows do not match the header, first {faults[0].where}: {faults[0].words.en}",
            faults,
        )


def refuse_no_rows(numbers: Iterable[int], name: str) -> None:
    """Raises InvalidInput where a header has no rows under it."""
    if not any(True for _ in numbers):
        raise InvalidInput(f"{name} 只有列名，没有数据", f"{name} has a header but no rows")
