import type { WindowFeature } from '@perennial/spec';

const msUs = 1_000;

/** Values with `loUs` <= event time < `hiUs`, in whole microseconds; without `loUs` the last ones before `hiUs`. */
export interface WindowBounds {
  readonly loUs: number | undefined;
  readonly hiUs: number;
}

type Span = Pick<WindowFeature, 'window' | 'offsetMs' | 'edge'>;

/**
 * Where a window lies for somebody who asks at `timeUs`. With e = t - offset and floor(x) the step's multiple at or
 * before x: sliding [e - d, e), hopping [floor(e) - d, floor(e)), sawtooth [floor(e - d), e), `last` all before e. An
 * inclusive edge takes e in, and of a sliding window e - d out. `sql/window-sql.ts` says the same in SQL.
 */
export function windowBounds({ window, offsetMs, edge }: Span, timeUs: number): WindowBounds {
  const endUs = timeUs - us(offsetMs);
  const shift = edge === 'inclusive' ? 1 : 0;
  if ('last' in window) return { loUs: undefined, hiUs: endUs + shift };
  const durationUs = us(window.durationMs);
  if ('everyMs' in window) {
    const hiUs = floorTo(endUs, us(window.everyMs));
    return { loUs: hiUs - durationUs, hiUs };
  }
  if ('fromEveryMs' in window) {
    return { loUs: floorTo(endUs - durationUs, us(window.fromEveryMs)), hiUs: endUs + shift };
  }
  return { loUs: endUs - durationUs + shift, hiUs: endUs + shift };
}

/** How far before the row's event time a window may look, in microseconds; of `last` where it ends. */
export function reachUs({ window, offsetMs }: Span): number {
  const offsetUs = us(offsetMs);
  if ('last' in window) return offsetUs;
  const stepMs = 'everyMs' in window ? window.everyMs : 'fromEveryMs' in window ? window.fromEveryMs : 0;
  return offsetUs + us(window.durationMs) + us(stepMs);
}

export function us(ms: number): number {
  return Math.max(Math.round(ms * msUs), ms > 0 ? 1 : 0);
}

function floorTo(value: number, step: number): number {
  return Math.floor(value / step) * step;
}
