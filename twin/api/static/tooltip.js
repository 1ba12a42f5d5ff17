// What the pointer says of a hex or an asset: text lines, never HTML.

import {classes} from './classes.js';
import * as f from './format.js';
import {areaName} from './drawn.js';
import {targetText} from './facts.js';
import {contains} from './geometry.js';
import {shownCells} from './shown.js';
import {chosenResult, isBeyondData, once, resultOf, state} from './state.js';
import {t} from './words.js';

export function tooltip({layer, index, object, coordinate}) {
  if (!layer || index < 0) return null;
  const lines = layer.id === 'cells' ? ofCell(index, coordinate) : layer.id === 'gap-marks' ? ofGap(object)
    : layer.id === 'town-values' ? ofTown(object.properties.row) : layer.id === 'tried' ? [t('tip.tried', {k: index + 1})] : ofAsset(object);
  return lines?.length ? {text: lines.join('\n'), className: 'tip'} : null;
}

const ringOf = once(areas => areas.find(a => a.properties.code === 'outer-ring'));

/** The limit that holds at a place, by the clause's zones; for words only, verdicts come from the server. */
export function zoneAt(lnglat) {
  const {zones = [], radius_m: elsewhere} = resultOf('charger-service')?.parameters ?? {};
  const ring = ringOf(state.areas);
  if (lnglat && ring && zones.length && contains(ring.geometry, lnglat)) return {zone: 'outer-ring', limit: zones[0].radius_m};
  return {zone: 'elsewhere', limit: elsewhere};
}

function ofCell(i, lnglat) {
  const {rule, unit} = state, cells = shownCells(), now = classes();
  if (!cells || !now) return null;
  const inside = t('tip.cell', {km2: f.km2(cells.area_km2[i])});
  if (isBeyondData(lnglat)) return [t('outsideData')];
  if (now.kind === 'service') {
    const status = t(`tip.${cells.status[i]}`, {share: f.share(cells.share[i])});
    return [status, limitOf(rule, lnglat), inside].filter(Boolean);
  }
  if (now.kind === 'count') return [t('tip.count', {n: f.count(cells.value[i])}), inside];
  if (now.kind === 'share' || now.kind === 'portion') {
    return cells.n?.[i] ? [t('tip.ofAssets', {share: f.share(cells.value[i]), n: f.count(cells.n[i])}), inside] : [t('tip.noAssets'), inside];
  }
  if (cells.value[i] === null) return [t('tip.noValue')];
  const value = t('tip.value', {value: f.density(cells.value[i]), target: f.count(now.target)});
  const how = unit === 'cell' ? t('tip.raw', {n: f.count(cells.n?.[i]), km2: f.km2(cells.area_km2[i])}) : t(`tip.${unit}`);
  return [value, how];
}

function ofTown(row) {
  const r = chosenResult();
  if (!r) return null;
  const target = row.target !== null && `${t('target')} ${targetText(r)}`;
  return [areaName(row), [f.value(row.value, r.unit, state.lang), target].filter(Boolean).join(' · ')];
}

/** The limit that holds there, of the plan's own rules; a planner's may have any zones. */
function limitOf(rule, lnglat) {
  if (rule === 'radio-coverage') return t('tip.radio', {r: f.count(chosenResult()?.parameters.radius_m)});
  return rule === 'charger-service' || rule === 'charger-balance' ? limitAt(lnglat) : null;
}

function limitAt(lnglat) {
  const {zone, limit} = zoneAt(lnglat);
  return t('tip.zone', {zone: t(`zone.${zone}`), limit: f.metres(limit)});
}

function ofGap({gap, number}) {
  const p = gap.properties;
  const lacks = p.missing_m ? t('gap.deepest', {m: f.metres(p.missing_m, true)}) : p.n_missing && t('gap.missing', {n: f.count(p.n_missing)});
  return [t('gap.title', {k: number}), f.km2(p.area_km2), lacks].filter(Boolean);
}

const KINDS = [['station_type', 'station'], ['site_kind', 'site'], ['access', 'access'], ['domain', 'domain']];

function ofAsset(object) {
  const p = object?.properties;
  if (!p) return null;
  if (p.point_count) return [t('aggregate', {n: f.count(p.point_count)})];
  const own = KINDS.find(([name]) => p[name]), kind = own && `${own[1]}.${p[own[0]]}`;
  return [
    p.name || t('unnamed'),
    [t(`state.${p.lifecycle}`), t(`online.${p.online ?? null}`), kind && t(kind)].filter(Boolean).join(' · '),
    p.n_connectors ? `${t('connectors')} ${f.count(p.n_connectors)}` : null,
    p.operator ? `${t('operator')} ${p.operator}` : null,
    p.key,
  ].filter(Boolean);
}
