// Which names the map shows, and where: none may cover another. A place is tried at its point, then beside it.

const TRIES = [
  [0, 0], [0, -14], [0, 14], [0, -26], [0, 26], [-30, 0], [30, 0],
  [-30, -20], [30, -20], [-30, 20], [30, 20], [-56, 0], [56, 0],
];
const MARGIN = 3;

/**
 * Places names greedily, most important first.
 * @param wanted [{text, size, at: [[lng, lat], …] candidates, must}]
 * @param viewport deck.gl's, to project with
 * @param taken boxes that are not free, in pixels
 * @returns [{text, size, at}] those that fit
 */
export function place(wanted, viewport, taken = []) {
  const boxes = [...taken], out = [];
  for (const name of wanted) {
    const found = firstFree(name, viewport, boxes);
    if (!found) continue;
    boxes.push(found.box);
    out.push({text: name.text, size: name.size, at: viewport.unproject(found.centre)});
  }
  return out;
}

function firstFree(name, viewport, boxes) {
  for (const at of name.at) {
    const [x, y] = viewport.project(at);
    if (x < 0 || y < 0 || x > viewport.width || y > viewport.height) continue;
    for (const [dx, dy] of name.fixed ? [[0, 0]] : TRIES) {
      const box = boxAround([x + dx, y + dy], name.text, name.size);
      if (box[0] < 4 || box[2] > viewport.width - 4 || boxes.some(b => overlap(b, box))) continue;
      return {centre: [x + dx, y + dy], box};
    }
  }
  return null;
}

/** [left, top, right, bottom] of a line of text around its centre. */
export function boxAround([x, y], text, size) {
  const wide = [...text].reduce((w, c) => w + (c.charCodeAt(0) > 0x2e80 ? 1 : 0.58), 0) * size;
  return [x - wide / 2 - MARGIN, y - size * 0.62 - MARGIN, x + wide / 2 + MARGIN, y + size * 0.62 + MARGIN];
}

function overlap(a, b) {
  return a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3];
}
