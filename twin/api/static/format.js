// How numbers and dates are written, in Chinese and in English. Pure: a value and a language in, text out.

export const UNKNOWN = '—';
const missing = v => v === null || v === undefined || Number.isNaN(v);
const guard = 1e-9;

/** 1234567 → "1,234,567". */
export function count(n) {
  return missing(n) ? UNKNOWN : Math.round(n).toLocaleString('en-US');
}

/** One decimal, cut off: a figure is never shown better than it is (99.96 → "99.9"). */
export function floorTenth(x) {
  return (Math.floor(x * 10 + guard) / 10).toLocaleString('en-US', {minimumFractionDigits: 1, maximumFractionDigits: 1});
}

/** 0.99964 → "99.9 %"; exactly 1 alone is "100 %". */
export function share(x) {
  if (missing(x)) return UNKNOWN;
  return x >= 1 ? '100 %' : `${floorTenth(x * 100)} %`;
}

/** Cameras per km² and the like: one decimal, cut off. */
export function density(x) {
  return missing(x) ? UNKNOWN : floorTenth(x);
}

/** 31.204 → "31.20 km²"; what is there but below 0.01 is said to be so. */
export function km2(x) {
  if (missing(x)) return UNKNOWN;
  if (x > 0 && x < 0.01) return '< 0.01 km²';
  return `${x.toLocaleString('en-US', {minimumFractionDigits: 2, maximumFractionDigits: 2})} km²`;
}

/** Whole metres below 10 km, then kilometres. `up` for what is too far: 900.2 m is "901 m", never "900 m". */
export function metres(x, up = false) {
  if (missing(x)) return UNKNOWN;
  const whole = up ? Math.ceil(x - guard) : Math.floor(x + guard);
  return whole < 10000 ? `${whole.toLocaleString('en-US')} m` : `${(whole / 1000).toFixed(1)} km`;
}

/** 0.0342 → "+3.42 个百分点" or "+3.42 pp". */
export function points(x, lang) {
  if (missing(x)) return UNKNOWN;
  const hundredths = Math.trunc(x * 10000 + Math.sign(x) * guard) / 100;
  return `${sign(hundredths)}${Math.abs(hundredths).toFixed(2)} ${lang === 'zh' ? '个百分点' : 'pp'}`;
}

/** 2653489 → "265.3 万人" in Chinese, "2,653,489 people" in English. */
export function people(n, lang) {
  if (missing(n)) return UNKNOWN;
  return lang === 'zh' ? `${(n / 10000).toFixed(1)} 万人` : `${count(n)} people`;
}

/** 2025年12月31日, or 31 Dec 2025; the day in Shanghai. */
export function date(iso, lang) {
  if (!iso) return UNKNOWN;
  const [year, month, day] = shanghai(iso);
  return lang === 'zh' ? `${year}年${+month}月${+day}日` : `${+day} ${MONTHS[month - 1]} ${year}`;
}

/** The date with hours and minutes, in Shanghai. */
export function moment(iso, lang) {
  if (!iso) return UNKNOWN;
  const [, , , hour, minute] = shanghai(iso);
  return `${date(iso, lang)} ${hour}:${minute}`;
}

/** 2026-11-21, as a date field takes it. */
export function isoDay(iso) {
  return shanghai(iso).slice(0, 3).join('-');
}

/** A value of a rule in the clause's own unit: shares, densities and counts differ. */
export function value(x, unit, lang) {
  if (missing(x)) return UNKNOWN;
  if (unit === 'share') return share(x);
  return `${unit.includes('/km²') ? density(x) : count(x)} ${unitWord(unit, lang)}`;
}

/** The unit as it stands after a figure. */
export function unitWord(unit, lang) {
  return lang === 'zh' ? unit : ENGLISH_UNITS[unit] ?? unit;
}

/** Text with `{name}` filled in. */
export function fill(text, values) {
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? UNKNOWN);
}

const MONTHS = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ');
const ENGLISH_UNITS = {'个/km²': 'per km²', '个': '', '项': 'indicators'};
const sign = x => (x > 0 ? '+' : x < 0 ? '−' : '±');

function shanghai(iso) {
  const parts = new Intl.DateTimeFormat('en-CA', {
    timeZone: 'Asia/Shanghai', hourCycle: 'h23', year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit',
  }).formatToParts(new Date(iso));
  const get = type => parts.find(p => p.type === type).value;
  return ['year', 'month', 'day', 'hour', 'minute'].map(get);
}
