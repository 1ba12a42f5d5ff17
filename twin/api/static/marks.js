// The symbols of things on the map, drawn once into one canvas that every icon layer shares.
// Shape says what (charger disc, 5G triangle, camera square, sensor diamond), style says in which state.

const CELL = 64;
const SHAPES = {chargers: 'disc', radio_sites: 'triangle', cameras: 'square', sensors: 'diamond'};
export const STATES = ['operating', 'managed', 'building', 'planned', 'retired'];
const ONLINE = ['online', 'offline', 'unknown'];

/** The name of an asset's mark; `online` is true, false or null for unknown. */
export function markOf(layer, lifecycle, online) {
  return `${layer}/${lifecycle}/${online === false ? 'offline' : online === true ? 'online' : 'unknown'}`;
}

/** {canvas, places}: the atlas, and where each mark lies in it as IconLayer wants it. */
export function makeAtlas(palette) {
  const names = Object.keys(SHAPES).flatMap(l => STATES.flatMap(s => ONLINE.map(o => `${l}/${s}/${o}`)));
  names.push('tried', 'place', 'ring', 'gap', 'end', 'end-not');
  const canvas = document.createElement('canvas'), columns = 8;
  canvas.width = columns * CELL;
  canvas.height = Math.ceil(names.length / columns) * CELL;
  const places = {}, ink = canvas.getContext('2d');
  names.forEach((name, i) => {
    const x = (i % columns) * CELL, y = Math.floor(i / columns) * CELL;
    places[name] = {x, y, width: CELL, height: CELL, anchorY: name === 'tried' ? CELL - 4 : CELL / 2};
    ink.save();
    ink.translate(x + CELL / 2, y + CELL / 2);
    draw(ink, name, palette);
    ink.restore();
  });
  return {canvas, places};
}

/** One mark as a small picture beside words. */
export function markPicture(name, palette, size = 16) {
  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = size * 2;
  canvas.className = 'mark';
  const ink = canvas.getContext('2d');
  ink.scale((size * 2) / CELL, (size * 2) / CELL);
  ink.translate(CELL / 2, CELL / 2);
  draw(ink, name, palette);
  return canvas;
}

function draw(ink, name, palette) {
  const [layer, state, online] = name.split('/');
  if (SHAPES[layer]) return drawAsset(ink, SHAPES[layer], state, online, palette);
  ({tried: drawPin, place: drawPlace, ring: drawRing, gap: drawGap, end: drawEnd, 'end-not': drawEndNot})[name](ink, palette);
}

function drawAsset(ink, shape, state, online, palette) {
  const edge = online === 'offline' ? palette.offline : online === 'unknown' ? palette.unknown : palette.ink;
  const style = {
    operating: {fill: palette.ink, edge, width: online === 'online' ? 0 : 8},
    managed: {fill: palette.managed, edge: online === 'offline' ? edge : palette.ink, width: 6},
    building: {fill: '#FFFFFF', edge, width: 12},
    planned: {fill: '#FFFFFF', edge, width: 4},
    retired: {fill: '#FFFFFF', edge: palette.managed, width: 4, cross: true},
  }[state];
  outline(ink, shape, 25);
  ink.fillStyle = '#FFFFFF';
  ink.fill();
  const radius = 20 - style.width / 2;
  outline(ink, shape, radius);
  ink.fillStyle = style.fill;
  ink.fill();
  if (style.width) stroke(ink, style.edge, style.width);
  if (style.cross) cross(ink, style.edge);
}

function outline(ink, shape, r) {
  ink.beginPath();
  if (shape === 'disc') ink.arc(0, 0, r, 0, 2 * Math.PI);
  else corners(shape, r).forEach(([x, y], i) => (i ? ink.lineTo(x, y) : ink.moveTo(x, y)));
  ink.closePath();
}

function corners(shape, r) {
  if (shape === 'square') return [[-r, -r], [r, -r], [r, r], [-r, r]].map(([x, y]) => [x * 0.88, y * 0.88]);
  if (shape === 'diamond') return [[0, -r], [r, 0], [0, r], [-r, 0]].map(([x, y]) => [x * 1.2, y * 1.2]);
  return [[0, -r], [r, r * 0.8], [-r, r * 0.8]].map(([x, y]) => [x * 1.1, y * 1.1]);
}

function stroke(ink, colour, width) {
  ink.strokeStyle = colour;
  ink.lineWidth = width;
  ink.stroke();
}

function cross(ink, colour) {
  ink.beginPath();
  ink.moveTo(-10, -10); ink.lineTo(10, 10); ink.moveTo(-10, 10); ink.lineTo(10, -10);
  stroke(ink, colour, 4);
}

function drawPin(ink, palette) {
  ink.beginPath();
  ink.moveTo(0, 26);
  ink.bezierCurveTo(-10, 8, -20, 2, -20, -9);
  ink.arc(0, -9, 20, Math.PI, 0);
  ink.bezierCurveTo(20, 2, 10, 8, 0, 26);
  ink.closePath();
  ink.fillStyle = palette.scenario;
  ink.fill();
  stroke(ink, palette.ink, 5);
  ink.beginPath();
  ink.arc(0, -9, 6, 0, 2 * Math.PI);
  ink.fillStyle = palette.ink;
  ink.fill();
}

function drawRing(ink, palette) {
  ink.beginPath();
  ink.arc(0, 0, 24, 0, 2 * Math.PI);
  stroke(ink, '#FFFFFF', 12);
  stroke(ink, palette.focus, 6);
}

function drawPlace(ink, palette) {
  drawRing(ink, palette);
  ink.beginPath();
  ink.arc(0, 0, 5, 0, 2 * Math.PI);
  ink.fillStyle = palette.focus;
  ink.fill();
}

function drawGap(ink, palette) {
  ink.beginPath();
  ink.arc(0, 0, 28, 0, 2 * Math.PI);
  ink.fillStyle = palette['gap-line'];
  ink.fill();
  stroke(ink, '#FFFFFF', 5);
}

function drawEnd(ink, palette) {
  ink.beginPath();
  ink.arc(0, 0, 18, 0, 2 * Math.PI);
  ink.fillStyle = palette.ink;
  ink.fill();
  stroke(ink, '#FFFFFF', 6);
}

function drawEndNot(ink, palette) {
  ink.beginPath();
  ink.arc(0, 0, 16, 0, 2 * Math.PI);
  ink.fillStyle = '#FFFFFF';
  ink.fill();
  stroke(ink, palette['town-line'], 8);
}
