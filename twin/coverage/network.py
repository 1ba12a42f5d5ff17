"""Distance along streets: a graph of centre lines, places beside it, and the nearest station along it. Arrays in and out.

Every street may be used both ways and by everyone: one-way streets, classes and turn restrictions are not told apart.
Lines join where their vertices coincide, and where a line's end stands on another line (a T junction), both to
``JOIN_M``. Lines that merely cross do not join: a bridge has no vertex in common with what passes beneath it.

The way from a place to the nearest street counts as a straight line, so a network distance is
``off(p) + along(p', s') + off(s)``. It is never below the geodesic distance of the two (to 1 mm), even where both stand
in one block and a straight way would be open. A new street shortens ways along streets; a place off the streets is drawn
to the nearest one, a new one too, whether or not that leads anywhere.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import cKDTree

from twin.frames import MetricFrame, geodesic_distance_m
from twin.model import Geometries, LngLat

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Pairs = NDArray[np.int64]
"""(n, 2) indices."""

JOIN_M = 0.05
MAX_SNAP_M = 300.0
MAX_SEGMENT_DEG = 0.01
"""Longer edges are split: on a kilometre, straight in degrees and straight in the plane are 1 cm apart."""
PLANE_SLACK = 1.001
"""How much further to look in the plane than is meant on the ellipsoid."""
NONE = -1


@dataclass(frozen=True, eq=False)
class Places:
    """Where (n,) points reach the streets.

    ``segment`` is the nearest one (-1: none in reach), ``fraction`` of it lies between its first node and the nearest
    place on it, ``off_m`` is the straight way from the point to that place (inf: none in reach).
    """

    segment: Ints
    fraction: Floats
    off_m: Floats


@dataclass(frozen=True, slots=True)
class Route:
    """The shortest way along streets to the station of that index."""

    station: int
    network_m: float
    straight_m: float

    @property
    def detour(self) -> float | None:
        """Network over straight distance; None where the station stands at the very place."""
        return self.network_m / self.straight_m if self.straight_m > 0 else None


@dataclass(frozen=True, eq=False)
class StreetNetwork:
    """Streets as a graph.

    Attributes:
        frame: the plane in which the nearest street is looked for; lengths are geodesic.
        lnglat: (n, 2) nodes, EPSG:4326.
        segments: (m, 2) nodes; streets are straight between them.
        links: (k, 2) nodes of different lines that stand within ``JOIN_M`` of each other, and their distance counts.
    """

    frame: MetricFrame
    lnglat: LngLat
    segments: Pairs
    links: Pairs

    @classmethod
    def from_lines(cls, lines: Geometries, frame: MetricFrame) -> StreetNetwork:
        """The graph of centre lines.

        Args:
            lines: (n,) LineString or MultiLineString in EPSG:4326; missing and empty ones are passed over.
            frame: a plane around them.
        """
        parts = shapely.get_parts(shapely.segmentize(lines[~shapely.is_missing(lines)], MAX_SEGMENT_DEG))
        corners, line = shapely.get_coordinates(parts, return_index=True)
        first, node = _distinct(corners)
        lnglat = corners[first]
        segments = np.column_stack([node[:-1], node[1:]])[line[1:] == line[:-1]]
        segments = segments[segments[:, 0] != segments[:, 1]]
        ends = np.unique(node[(np.diff(line, prepend=NONE) != 0) | (np.diff(line, append=NONE) != 0)])
        xy = frame.forward(lnglat)
        close = cKDTree(xy).query_pairs(JOIN_M, output_type="ndarray") if len(xy) else np.empty((0, 2), np.int64)
        end, segment, fraction = _t_junctions(xy, segments, ends)
        feet = _along(lnglat, segments[segment], fraction)
        foot = len(xy) + np.arange(len(feet))
        stops = Stops.of(segments, segment, fraction, foot)
        lnglat = np.concatenate([lnglat, feet])
        links = np.concatenate([close, np.column_stack([end, foot])]).astype(np.int64)
        return cls(frame, lnglat, stops.node[stops.steps], links)

    @cached_property
    def length_m(self) -> Floats:
        """(m,) geodesic length of each segment."""
        return geodesic_distance_m(*self.lnglat[self.segments.T])

    @cached_property
    def _xy(self) -> Floats:
        return self.frame.forward(self.lnglat)

    @cached_property
    def _tree(self) -> shapely.STRtree:
        return shapely.STRtree(_lines(self._xy, self.segments))

    def snap(self, lnglat: LngLat, max_snap_m: float = MAX_SNAP_M) -> Places:
        """The nearest place on any segment, for (n, 2) points; exactly ``max_snap_m`` away is in reach, NaN is not.

        Of segments equally near, the first counts.
        """
        segment = np.full(len(lnglat), NONE, np.int64)
        fraction, off_m = np.zeros(len(lnglat)), np.full(len(lnglat), np.inf)
        known = np.flatnonzero(np.isfinite(lnglat).all(axis=1))
        if len(known) == 0 or len(self.segments) == 0:
            return Places(segment, fraction, off_m)
        xy = self.frame.forward(lnglat[known])
        point, near = self._tree.query_nearest(shapely.points(xy), max_distance=max_snap_m * PLANE_SLACK)
        order = np.lexsort((near, point))
        first = order[np.unique(point[order], return_index=True)[1]]
        point, near = point[first], near[first]
        part = _fraction(xy[point], self._xy[self.segments[near]])
        away_m = geodesic_distance_m(lnglat[known[point]], _along(self.lnglat, self.segments[near], part))
        kept = away_m <= max_snap_m
        found = known[point[kept]]
        segment[found], fraction[found], off_m[found] = near[kept], part[kept], away_m[kept]
        return Places(segment, fraction, off_m)


@dataclass(frozen=True, eq=False)
class Stops:
    """The nodes along each segment, in order: its first one, those between, its last one."""

    segment: Ints
    fraction: Floats
    node: Ints

    @classmethod
    def of(cls, segments: Pairs, segment: Ints, fraction: Floats, node: Ints) -> Stops:
        """``segments`` with further nodes at a fraction of some of them."""
        own = np.arange(len(segments))
        on = np.concatenate([own, segment, own])
        at = np.concatenate([np.zeros(len(own)), fraction, np.ones(len(own))])
        order = np.lexsort((at, on))
        return cls(on[order], at[order], np.concatenate([segments[:, 0], node, segments[:, 1]])[order])

    @cached_property
    def steps(self) -> Pairs:
        """(s, 2) stops that follow one another on a segment."""
        before = np.flatnonzero(self.segment[1:] == self.segment[:-1])
        return np.column_stack([before, before + 1])

    @cached_property
    def _keys(self) -> Floats:
        return 2.0 * self.segment + self.fraction

    def around(self, segment: Ints, fraction: Floats) -> Pairs:
        """(n, 2) the stops before and after places on segments."""
        before = np.searchsorted(self._keys, 2.0 * segment + fraction, side="right") - 1
        last = np.searchsorted(self.segment, segment, side="right") - 1
        before = np.minimum(before, last - 1)
        return np.column_stack([before, before + 1])


class StationNetwork:
    """A street network with stations beside it.

    Args:
        network: the streets.
        stations: (s, 2) degrees, EPSG:4326; s may be 0. Those beyond ``max_snap_m`` of a street reach nothing.
        max_snap_m: metres.
    """

    def __init__(self, network: StreetNetwork, stations: LngLat, max_snap_m: float = MAX_SNAP_M) -> None:
        self.network, self.stations, self.max_snap_m = network, stations, max_snap_m
        places = network.snap(stations, max_snap_m)
        self._on_street = np.flatnonzero(places.segment != NONE)
        self._off_m = places.off_m[self._on_street]
        first, place = _distinct(stations)
        self._first_there = first[place]
        n_nodes = len(network.lnglat)
        self._feet = n_nodes + np.arange(len(self._on_street))
        self._source = n_nodes + len(self._feet)
        on, at = places.segment[self._on_street], places.fraction[self._on_street]
        self._stops = Stops.of(network.segments, on, at, self._feet)
        self._graph = self._make_graph()

    def _make_graph(self) -> csr_array:
        """Streets, links, and a source from which a one-way edge leads to each station's place on the streets."""
        network, stops = self.network, self._stops
        step = np.diff(stops.fraction[stops.steps], axis=1)[:, 0] * network.length_m[stops.segment[stops.steps[:, 0]]]
        link_m = geodesic_distance_m(*network.lnglat[network.links.T])
        both = np.concatenate([stops.node[stops.steps], network.links])
        out = np.column_stack([np.full(len(self._feet), self._source), self._feet])
        edges = np.concatenate([both, both[:, ::-1], out])
        return _shortest_edges(edges, np.concatenate([step, link_m, step, link_m, self._off_m]), self._source + 1)

    def nearest(self, places: Places, limit_m: float = math.inf) -> tuple[Floats, Ints]:
        """The network distance from places to the nearest station, and its index, by one search from all stations.

        Of stations at one place the first is named. Exactly ``limit_m`` is within. Beyond it, out of reach of a street, or without a way: inf and -1.

        Returns:
            (n,) metres and (n,) indices of stations.
        """
        node_m, previous = dijkstra(self._graph, indices=self._source, limit=limit_m, return_predecessors=True)
        origin = self._origins(previous)
        distance_m, station = np.full(len(places.off_m), np.inf), np.full(len(places.off_m), NONE, np.int64)
        found = np.flatnonzero(places.segment != NONE)
        stops, along_m = self._ways(places, found)
        ways_m = node_m[stops] + along_m
        better = np.argmin(ways_m, axis=1)[:, None]
        total_m = places.off_m[found] + np.take_along_axis(ways_m, better, axis=1)[:, 0]
        within = np.isfinite(total_m) & (total_m <= limit_m)
        distance_m[found[within]] = total_m[within]
        reached = origin[np.take_along_axis(stops, better, axis=1)[within, 0]]
        if len(reached):
            station[found[within]] = self._first_there[self._on_street[reached - self._feet[0]]]
        return distance_m, station

    def routes(self, lnglat: tuple[float, float], n: int) -> list[Route]:
        """The ``n`` stations nearest along streets, nearest first; fewer where no more can be reached."""
        point = np.array([lnglat], np.float64)
        places = self.network.snap(point, self.max_snap_m)
        if places.segment[0] == NONE or len(self._feet) == 0:
            return []
        stops, along_m = self._ways(places, np.array([0]))
        node_m = dijkstra(self._graph, indices=stops[0])[:, self._feet] + along_m[0][:, None]
        network_m = places.off_m[0] + node_m.min(axis=0) + self._off_m
        order = np.argsort(network_m, kind="stable")[:n]
        chosen = order[np.isfinite(network_m[order])]
        straight_m = geodesic_distance_m(point, self.stations[self._on_street[chosen]])
        found = zip(self._on_street[chosen].tolist(), network_m[chosen].tolist(), straight_m.tolist(), strict=True)
        return [Route(*each) for each in found]

    def _ways(self, places: Places, found: Ints) -> tuple[Pairs, Floats]:
        """The two nodes next to each place on its segment, and the metres to them."""
        segment, fraction = places.segment[found], places.fraction[found]
        around = self._stops.around(segment, fraction)
        along_m = np.abs(self._stops.fraction[around] - fraction[:, None]) * self.network.length_m[segment][:, None]
        return self._stops.node[around], along_m

    def _origins(self, previous: Ints) -> Ints:
        """The first node after the source on the way to each node."""
        own = np.arange(len(previous))
        origin = np.where((previous < 0) | (previous == self._source), own, previous)
        while (origin[origin] != origin).any():
            origin = origin[origin]
        return origin


def distance_to_nearest_m(
    network: StreetNetwork,
    points: LngLat,
    stations: LngLat,
    limit_m: float = math.inf,
    max_snap_m: float = MAX_SNAP_M,
) -> tuple[Floats, Ints]:
    """The network distance from each of (n, 2) points to the nearest of (s, 2) stations, and its index.

    See :meth:`StationNetwork.nearest`, which saves looking for the same streets again.
    """
    return StationNetwork(network, stations, max_snap_m).nearest(network.snap(points, max_snap_m), limit_m)


def _distinct(lnglat: LngLat) -> tuple[Ints, Ints]:
    """The index of the first of equal places, and for each place which of those it is."""
    _, first, inverse = np.unique(lnglat[:, 0] + 1j * lnglat[:, 1], return_index=True, return_inverse=True)
    return first, inverse


def _t_junctions(xy: Floats, segments: Pairs, ends: Ints) -> tuple[Ints, Ints, Floats]:
    """Lines' ends that stand on a segment but at neither of its nodes: the end's node, the segment, the fraction."""
    tree = shapely.STRtree(_lines(xy, segments))
    end, segment = tree.query(shapely.points(xy[ends]), predicate="dwithin", distance=JOIN_M)
    order = np.lexsort((end, segment))
    node, segment = ends[end[order]], segment[order]
    to_nodes_m = np.linalg.norm(xy[segments[segment]] - xy[node][:, None, :], axis=2)
    between = (to_nodes_m > JOIN_M).all(axis=1)
    node, segment = node[between], segment[between]
    return node, segment, _fraction(xy[node], xy[segments[segment]])


def _fraction(xy: Floats, segments_xy: Floats) -> Floats:
    """Where on (n, 2, 2) segments the place nearest to each of (n, 2) points is: 0 the first node, 1 the second."""
    start, across = segments_xy[:, 0], segments_xy[:, 1] - segments_xy[:, 0]
    part = ((xy - start) * across).sum(axis=1) / (across**2).sum(axis=1)
    return np.asarray(np.clip(part, 0.0, 1.0), np.float64)


def _lines(xy: Floats, segments: Pairs) -> Geometries:
    return np.asarray(shapely.linestrings(xy[segments]), dtype=object)


def _along(lnglat: LngLat, segments: Pairs, fraction: Floats) -> LngLat:
    """Places on segments: they are short enough to be straight in degrees."""
    start, end = lnglat[segments[:, 0]], lnglat[segments[:, 1]]
    return np.asarray(start + (end - start) * fraction[:, None], np.float64)


def _shortest_edges(edges: Pairs, length_m: Floats, n: int) -> csr_array:
    """A directed graph in which the shortest of parallel edges stands (a sparse matrix would add them up).

    Edges of no length are stored as zeros, which csgraph takes for edges in a sparse matrix (in a dense one it would not).
    """
    order = np.lexsort((length_m, edges[:, 1], edges[:, 0]))
    edges, length_m = edges[order], length_m[order]
    shortest = np.append(True, (edges[1:] != edges[:-1]).any(axis=1))[: len(edges)]
    return csr_array((length_m[shortest], tuple(edges[shortest].T)), shape=(n, n))
