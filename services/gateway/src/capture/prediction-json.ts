import { CaptureLevel, RouteRole } from '@perennial/contracts';
import { gatewayLimits } from '../limits.js';
import type { Recording, Said, ShapedRow } from '../recording.js';
import { frameJson } from './frame-json.js';
import { nameJson, objectJson, timeJson } from './plain-json.js';

/**
 * The ProtoJSON of perennial.v1.Prediction, written straight from what was gathered: message objects and a canonical
 * order would cost more than the inference of a small model. Defaults are left out, as ProtoJSON allows.
 *
 * Rows are left out from the end where the whole would not fit a message: no request may end this process, nor end
 * without an event.
 */
export function predictionJson(recording: Recording, notCaptured: number): string {
  const head = headJson(recording, notCaptured);
  const isFull = recording.level === CaptureLevel.FULL;
  for (let kept = isFull ? recording.rows.length : 0; ; kept = Math.floor(kept / 2)) {
    const body = kept === 0 ? `${head}}` : `${head},"rows":[${rowsJson(recording, kept)}]}`;
    if (kept === 0 || isWithin(body, gatewayLimits.predictionBytesMax)) return body;
  }
}

/** The event that stands for no request of its own, and only carries how many were counted. */
export function countJson(counted: {
  predictionId: string;
  deployment: string;
  level: CaptureLevel;
  isImported: boolean;
  nowMs: number;
  count: number;
}): string {
  const name = nameJson(counted.deployment);
  return (
    `{"predictionId":"${counted.predictionId}","system":${name},"deployment":${name},` +
    `"receivedAt":${timeJson(counted.nowMs)},"capture":"CAPTURE_LEVEL_${CaptureLevel[counted.level]}",` +
    `${counted.isImported ? '"imported":true,' : ''}"notCaptured":"${counted.count}"}`
  );
}

function headJson(recording: Recording, notCaptured: number): string {
  const { predictionId, receivedAtMs, rowCount, durationMs, ran } = recording;
  let text =
    `${frameJson(recording)}${predictionId}","receivedAt":${timeJson(receivedAtMs)},` +
    `"rowCount":${rowCount},"durationMs":${durationMs}`;
  if (notCaptured > 0) text += `,"notCaptured":"${notCaptured}"`;
  if (!ran) return text;
  if (ran.batchId !== '') text += `,"batchId":${JSON.stringify(ran.batchId)}`;
  if (ran.steps) text += `,"steps":${JSON.stringify(ran.steps)}`;
  if (ran.batchRows > 0) text += `,"batchRows":${ran.batchRows}`;
  if (ran.queueUs > 0) text += `,"queueUs":${whole(ran.queueUs)}`;
  return `${text},"computeUs":${whole(ran.computeUs)}`;
}

function rowsJson({ rows, said }: Recording, kept: number): string {
  const forms = said.map(formOf);
  let text = '';
  for (let at = 0; at < kept; at++) {
    text += `${at === 0 ? '{' : ',{'}${placeJson(rows[at] as ShapedRow)}`;
    const answers = answersJson(said, forms, at);
    text += answers === '' ? '}' : `,"answers":[${answers}]}`;
  }
  return text;
}

/** The last one: rows of tensors that are no columns are one and the same, over many requests. */
let lastRow: ShapedRow | undefined;
let lastPlace = '';

function placeJson(row: ShapedRow): string {
  if (row === lastRow) return lastPlace;
  const { eventTimeMs, key, features, provided } = row;
  const time = eventTimeMs === undefined ? '' : timeJson(eventTimeMs);
  const place = time === '' ? '' : `"eventTime":${time},`;
  lastRow = row;
  lastPlace = `${place}"key":${objectJson(key)},"features":${objectJson(features)},"provided":${providedJson(provided)}`;
  return lastPlace;
}

/** What stands before and behind each value of one version. */
interface Form {
  readonly before: string;
  readonly behind: string;
}

function formOf({ role, version, served, error, propensity }: Said): Form {
  return {
    before: `{"role":"ROUTE_ROLE_${RouteRole[role]}","version":${version},"value":`,
    behind:
      (served ? ',"served":true' : '') +
      (error === '' ? '' : `,"error":${nameJson(error)}`) +
      (propensity > 0 ? `,"propensity":${propensity}}` : '}'),
  };
}

function answersJson(said: readonly Said[], forms: readonly Form[], row: number): string {
  let text = '';
  for (let at = 0; at < said.length; at++) {
    const { values, error } = said[at] as Said;
    const value = values[row];
    if (value === undefined && error === '') continue;
    const { before, behind } = forms[at] as Form;
    text += `${text === '' ? '' : ','}${before}${doubleJson(value)}${behind}`;
  }
  return text;
}

/** ProtoJSON has words for what JSON has no numbers for. */
function doubleJson(value: number | undefined): string {
  if (value === undefined || Number.isNaN(value)) return '"NaN"';
  return Number.isFinite(value) ? String(value) : value > 0 ? '"Infinity"' : '"-Infinity"';
}

const uint32Max = 2 ** 32 - 1;

function whole(microseconds: number): number {
  return Math.min(uint32Max, Math.max(0, Math.round(microseconds)));
}

/** The features that all rows of a request bring are one list, and mostly the deployment's own. */
const providedTexts = new WeakMap<readonly string[], string>();

function providedJson(provided: readonly string[]): string {
  let text = providedTexts.get(provided);
  if (text === undefined) {
    text = JSON.stringify(provided);
    providedTexts.set(provided, text);
  }
  return text;
}

/** Counted exactly only where it may matter. */
function isWithin(text: string, bytesMax: number): boolean {
  return text.length * 3 <= bytesMax || Buffer.byteLength(text) <= bytesMax;
}
