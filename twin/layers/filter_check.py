"""What a filter's parts hold: every name is a layer's, and only what is of one kind is compared. All faults at once."""

from __future__ import annotations

from twin.errors import BadParameter, Fault
from twin.layers.filter_columns import unknown_property
from twin.layers.filter_tree import (
    ARITHMETIC,
    COMPARISONS,
    SPATIAL,
    TEMPORAL,
    Call,
    Const,
    Kind,
    Node,
    Property,
    fault,
    span_of,
)

KIND_WORDS: dict[Kind, tuple[str, str]] = {
    "text": ("文本", "text"), "number": ("数字", "a number"), "bool": ("是否", "a boolean"), "time": ("时间", "a time"),
    "span": ("时间区间", "an interval"), "shape": ("几何", "a geometry"),
}  # fmt: skip
ORDERED: tuple[Kind, ...] = ("text", "number", "time")


class Checker:
    """Says of every node what it holds; None where a fault has been noted."""

    def __init__(self, known: dict[str, Kind]) -> None:
        self.known, self.faults = known, list[Fault]()

    def check(self, node: Node) -> tuple[Node, Kind | None]:
        match node:
            case Const(kind, _):
                return node, kind
            case Property(name):
                if name not in self.known:
                    self.faults.append(unknown_property(name, self.known))
                return node, self.known.get(name)
            case Call(op, args):
                return self._call(op, args)

    def _call(self, op: str, args: tuple[Node, ...]) -> tuple[Node, Kind | None]:
        found = [self.check(arg) for arg in args]
        if op in (*COMPARISONS, "between", "in") or op in TEMPORAL:
            found = self._times_for_texts(found)
        nodes, kinds = tuple(node for node, _ in found), [kind for _, kind in found]
        return Call(op, nodes), self._result(op, nodes, kinds)

    def _times_for_texts(self, found: list[tuple[Node, Kind | None]]) -> list[tuple[Node, Kind | None]]:
        """Where a time is asked for, a text that says one is one."""
        if not any(kind in ("time", "span") for _, kind in found):
            return found
        out: list[tuple[Node, Kind | None]] = []
        for node, kind in found:
            if isinstance(node, Const) and node.kind == "text":
                try:
                    out.append((Const("time", span_of(node.value)), "time"))
                except BadParameter as reason:
                    self.faults.append(fault(node.value, reason.words.zh, reason.words.en))
                    out.append((node, None))
            else:
                out.append((node, kind))
        return out

    def _result(self, op: str, nodes: tuple[Node, ...], kinds: list[Kind | None]) -> Kind | None:
        wanted, result = SIGNATURES.get(op, (ORDERED, "bool"))
        if op in ("casei", "accenti", *ARITHMETIC) and None in kinds:
            return None
        for node, kind in zip(nodes, kinds, strict=True):
            self.expect(wanted, kind, node, op, op)
        if op == "like" and not _is_pattern(nodes[1]):
            self.faults.append(fault("like", "LIKE 的模式应为文本", "the pattern of LIKE must be a text"))
        if op in (*COMPARISONS, "between", "in"):
            self._alike(op, nodes, kinds)
        return result

    def _alike(self, op: str, nodes: tuple[Node, ...], kinds: list[Kind | None]) -> None:
        """What is compared must be of one kind."""
        first = kinds[0]
        for node, kind in zip(nodes[1:], kinds[1:], strict=True):
            if None not in (first, kind) and kind != first:
                (zh, en), (zh2, en2) = KIND_WORDS[first], KIND_WORDS[kind]  # type: ignore[index]
                a, b = said(nodes[0]), said(node)
                words = f"{op}：{a} 是{zh}，{b} 是{zh2}，不能比较", f"{op}: {a} is {en}, {b} is {en2}"
                self.faults.append(fault(b, *words))

    def expect(self, wanted: tuple[Kind, ...], kind: Kind | None, node: Node, zh_op: str, en_op: str) -> None:
        if kind is None or kind in wanted:
            return
        zh, en = "、".join(KIND_WORDS[k][0] for k in wanted), " or ".join(KIND_WORDS[k][1] for k in wanted)
        is_zh, is_en = KIND_WORDS[kind]
        hint = ("，几何请用 S_EQUALS 等", ": use S_EQUALS and its kind") if kind == "shape" else ("", "")
        words = (
            f"{zh_op} 应为{zh}，而 {said(node)} 是{is_zh}{hint[0]}",
            f"{en_op} takes {en}, but {said(node)} is {is_en}{hint[1]}",
        )
        self.faults.append(fault(said(node), *words))


SIGNATURES: dict[str, tuple[tuple[Kind, ...], Kind]] = {
    **dict.fromkeys(("and", "or", "not"), (("bool",), "bool")),
    **dict.fromkeys(("=", "<>", "in"), ((*ORDERED, "bool"), "bool")),
    "like": (("text",), "bool"),
    "isnull": (("text", "number", "bool", "time", "span", "shape"), "bool"),
    "interval": (("time",), "span"),
    **dict.fromkeys(("casei", "accenti"), (("text",), "text")),
    **dict.fromkeys(ARITHMETIC, (("number",), "number")),
    **dict.fromkeys(SPATIAL, (("shape",), "bool")),
    **dict.fromkeys(TEMPORAL, (("time", "span"), "bool")),
}
"""What each operator takes, and what it gives."""


def _is_pattern(node: Node) -> bool:
    return isinstance(node, Const) or (
        isinstance(node, Call) and node.op in ("casei", "accenti") and _is_pattern(node.args[0])
    )


def said(node: Node) -> str:
    """A node in a sentence."""
    match node:
        case Property(name):
            return name[:60]
        case Const("text", value):
            return f"'{value[:60]}'"
        case Const("number" | "bool", value):
            return f"{value:g}" if isinstance(value, float) else str(value).lower()
        case Const(kind, _):
            return {"time": "DATE", "span": "INTERVAL"}.get(kind, "geometry")
        case Call(op, _):
            return f"{op}(…)"
