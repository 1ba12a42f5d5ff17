"""Who asks, and how he proves it: keys, tokens, sessions, and the chain of what was read exactly. Knows no HTTP and no tables."""

from twin.identity.access import Access, AccessStore, Shown, is_loopback, must_refuse
from twin.identity.chain import GENESIS, Entry, Row, Verdict, verify
from twin.identity.keys import Key, Session, minted
from twin.identity.ledger import Ledger
from twin.identity.tokens import Claims, Tokens
from twin.identity.verifiers import Verifier, read_verifiers

__all__ = [
    "GENESIS", "Access", "AccessStore", "Claims", "Entry", "Key", "Ledger", "Row", "Session", "Shown", "Tokens", "Verdict",
    "Verifier", "is_loopback", "minted", "must_refuse", "read_verifiers", "verify",
]  # fmt: skip
