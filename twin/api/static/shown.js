// What the map shows of the chosen rule: hexes and gaps as recorded, or as they would be with the stations tried; only its
// towns where the role sees no more.

import {chosenResult, once, state} from './state.js';

const COLUMNS = ['value', 'share', 'status', 'n'];

/** Whether the role sees the chosen rule's results for districts and towns only: no hexes, gaps, readings or reasons at a
 * place; of any other area nothing at all. */
export const isByTown = () => Boolean(chosenResult()?.rounded || chosenResult()?.withheld);

/** Rows of the towns that the map then colours in place of hexes; else null. */
export const shownTowns = () => (isByTown() ? state.rows : null);

/** The spatial unit in which a density is shown. */
export const shownUnit = () => (isByTown() ? 'town' : state.unit);

/** What the server said of the stations tried, while their rule is the one shown; else null. */
export function trialShown() {
  const {trial} = state;
  return trial?.changed_cells && trial.rule === state.rule ? trial : null;
}

const merged = once((cells, changed) => {
  if (!cells || !changed) return cells;
  const found = {...cells, ...Object.fromEntries(COLUMNS.map(name => [name, [...cells[name]]]))};
  const places = new Map(cells.cells.map((cell, i) => [cell, i]));
  changed.cells.forEach((cell, j) => {
    const i = places.get(cell);
    if (i !== undefined) for (const name of COLUMNS) found[name][i] = changed[name][j];
  });
  return found;
});

/** Columns of the hexes, in the order of `state.cells`. */
export const shownCells = () => merged(state.cells, trialShown()?.changed_cells ?? null);

/** FeatureCollection of the gaps, the largest first; null where there is none. */
export function shownGaps() {
  const found = trialShown()?.gap_features ?? state.gaps;
  return found?.features.length ? found : null;
}
