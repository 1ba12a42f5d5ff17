// Plane and spherical geometry of the map: rings, dashes, hatching, label points, bearings. Pure.

const EARTH_M = 6371008.8;
const RAD = Math.PI / 180;

/** Every ring of a (multi)polygon, outer ones and holes. */
export function rings(geometry) {
  if (!geometry) return [];
  return geometry.type === 'MultiPolygon' ? geometry.coordinates.flat() : geometry.coordinates;
}

/** [west, south, east, north] of a geometry. */
export function bounds(geometry) {
  const box = [Infinity, Infinity, -Infinity, -Infinity];
  for (const [x, y] of rings(geometry).flat()) {
    box[0] = Math.min(box[0], x); box[1] = Math.min(box[1], y);
    box[2] = Math.max(box[2], x); box[3] = Math.max(box[3], y);
  }
  return box;
}

/** Whether a point lies in a (multi)polygon, by the even-odd rule over all its rings. */
export function contains(geometry, [x, y]) {
  let inside = false;
  for (const ring of rings(geometry)) {
    for (let i = 0, j = ring.length - 1; i < ring.length; j = i++) {
      const [x1, y1] = ring[i], [x2, y2] = ring[j];
      if (y1 > y !== y2 > y && x < ((x2 - x1) * (y - y1)) / (y2 - y1) + x1) inside = !inside;
    }
  }
  return inside;
}

/** The point of a polygon furthest from its outline, to about a fortieth of its size: where its name goes. */
export function middle(geometry, steps = 20) {
  const [west, south, east, north] = bounds(geometry);
  const stretch = Math.cos(((south + north) / 2) * RAD);
  let best = null, furthest = -1;
  for (let i = 1; i < steps; i++) {
    for (let j = 1; j < steps; j++) {
      const point = [west + ((east - west) * i) / steps, south + ((north - south) * j) / steps];
      if (!contains(geometry, point)) continue;
      const d = distanceToOutline(geometry, point, stretch);
      if (d > furthest) [best, furthest] = [point, d];
    }
  }
  return best ?? [(west + east) / 2, (south + north) / 2];
}

function distanceToOutline(geometry, [px, py], stretch) {
  let least = Infinity;
  for (const ring of rings(geometry)) {
    for (let i = 1; i < ring.length; i++) {
      const ax = (ring[i - 1][0] - px) * stretch, ay = ring[i - 1][1] - py;
      const dx = (ring[i][0] - px) * stretch - ax, dy = ring[i][1] - py - ay;
      const t = Math.max(0, Math.min(1, -(ax * dx + ay * dy) / (dx * dx + dy * dy || 1)));
      least = Math.min(least, Math.hypot(ax + t * dx, ay + t * dy));
    }
  }
  return least;
}

/** Metres between two points, on a sphere: for drawing only, figures come from the server. */
export function roughMetres([lng1, lat1], [lng2, lat2]) {
  return EARTH_M * RAD * Math.hypot((lng2 - lng1) * Math.cos(((lat1 + lat2) / 2) * RAD), lat2 - lat1);
}

/** A path cut into strokes: `on` metres drawn, `off` metres left out. */
export function dashes(path, on, off) {
  const out = [];
  let stroke = [path[0]], left = on, drawing = true;
  for (let i = 1; i < path.length; i++) {
    let from = path[i - 1], length = roughMetres(from, path[i]);
    while (length > left) {
      const t = left / length;
      from = [from[0] + (path[i][0] - from[0]) * t, from[1] + (path[i][1] - from[1]) * t];
      if (drawing) out.push([...stroke, from]);
      length -= left;
      drawing = !drawing;
      left = drawing ? on : off;
      stroke = [from];
    }
    left -= length;
    if (drawing) stroke.push(path[i]);
  }
  if (drawing && stroke.length > 1) out.push(stroke);
  return out;
}

/** Parallel strokes from south-west to north-east across a convex ring, `n` of them. */
export function hatching(ring, n = 3) {
  const along = ring.map(([x, y]) => x - y);
  const low = Math.min(...along), high = Math.max(...along), out = [];
  for (let k = 1; k <= n; k++) {
    const at = low + ((high - low) * k) / (n + 1), ends = [];
    for (let i = 1; i < ring.length; i++) {
      const a = along[i - 1], b = along[i];
      if (a > at === b > at) continue;
      const t = (at - a) / (b - a);
      ends.push([ring[i - 1][0] + t * (ring[i][0] - ring[i - 1][0]), ring[i - 1][1] + t * (ring[i][1] - ring[i - 1][1])]);
    }
    if (ends.length === 2) out.push(ends);
  }
  return out;
}

/** Parallel strokes over the part of one polygon that lies outside another. */
export function hatchingOutside(geometry, other, n = 70) {
  const [west, south, east, north] = bounds(geometry), lines = [...rings(geometry), ...rings(other)], out = [];
  for (let k = 1; k < n; k++) {
    const at = west - north + ((east - south - west + north) * k) / n;
    const ys = lines.flatMap(ring => crossings(ring, at)).sort((a, b) => a - b);
    for (let i = 1; i < ys.length; i++) {
      const middleY = (ys[i - 1] + ys[i]) / 2, here = [at + middleY, middleY];
      if (contains(geometry, here) && !contains(other, here)) out.push([[at + ys[i - 1], ys[i - 1]], [at + ys[i], ys[i]]]);
    }
  }
  return out;
}

/** Where a ring meets the line x - y = at, as y. */
function crossings(ring, at) {
  const out = [];
  for (let i = 1; i < ring.length; i++) {
    const a = ring[i - 1][0] - ring[i - 1][1] - at, b = ring[i][0] - ring[i][1] - at;
    if (a > 0 !== b > 0) out.push(ring[i - 1][1] + (a / (a - b)) * (ring[i][1] - ring[i - 1][1]));
  }
  return out;
}

/** A circle on the ground as a closed path. */
export function circle([lng, lat], radius, corners = 96) {
  const out = [];
  for (let i = 0; i <= corners; i++) {
    const angle = (2 * Math.PI * i) / corners, d = radius / EARTH_M / RAD;
    out.push([lng + (d * Math.sin(angle)) / Math.cos(lat * RAD), lat + d * Math.cos(angle)]);
  }
  return out;
}

/** The whole map sheet with a polygon cut out of it. */
export function around(geometry) {
  const sheet = [[110, 20], [130, 20], [130, 45], [110, 45], [110, 20]];
  const outer = geometry.type === 'MultiPolygon' ? geometry.coordinates.map(p => p[0]) : [geometry.coordinates[0]];
  return [sheet, ...outer];
}

/** 0 to 7 for north, north-east … north-west. */
export function octant(bearing) {
  return Math.round((((bearing % 360) + 360) % 360) / 45) % 8;
}
