import { CaptureLevel, RouteRole } from '@perennial/contracts';
import { gatewayLimits } from '../limits.js';
import type { Recording, Said, ShapedRow } from '../recording.js';
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
  const { predictionId, system, deployment, epoch, receivedAtMs, transport, status, rowCount } = recording;
  let text =
    `{"predictionId":"${predictionId}","system":${nameJson(system)},"deployment":${nameJson(deployment)},` +
    `"receivedAt":${timeJson(receivedAtMs)},"transport":${nameJson(transport)},"status":${nameJson(status)},` +
    `"rowCount":${rowCount},"durationMs":${recording.durationMs},"capture":"CAPTURE_LEVEL_${CaptureLevel[recording.level]}"`;
  if (epoch > 0n) text += `,"epoch":"${epoch}"`;
  if (recording.caller !== '') text += `,"caller":${nameJson(recording.caller)}`;
  if (notCaptured > 0) text += `,"notCaptured":"${notCaptured}"`;
  if (recording.isImported) text += ',"imported":true';
  if (recording.isCached) text += ',"cached":true';
  const { ran } = recording;
  if (!ran) return text;
  text += `,"replica":${nameJson(ran.replica)}`;
  if (ran.batchId !== '') text += `,"batchId":${JSON.stringify(ran.batchId)}`;
  if (ran.steps) text += `,"steps":${JSON.stringify(ran.steps)}`;
  if (ran.batchRows > 0) text += `,"batchRows":${ran.batchRows}`;
  return `${text},"queueUs":${whole(ran.queueUs)},"computeUs":${whole(ran.computeUs)}`;
}

function rowsJson({ rows, said }: Recording, kept: number): string {
  let text = '';
  let last: ShapedRow | undefined;
  let place = '';
  for (let at = 0; at < kept; at++) {
    const row = rows[at] as ShapedRow;
    // The rows of tensors that are no columns are one and the same.
    if (row !== last) place = placeJson(row);
    last = row;
    text += `${at === 0 ? '{' : ',{'}${place}`;
    const answers = answersJson(said, at);
    if (answers !== '') text += `,"answers":[${answers}]`;
    text += '}';
  }
  return text;
}

function placeJson({ eventTimeMs, key, features, provided }: ShapedRow): string {
  const time = eventTimeMs === undefined ? '' : timeJson(eventTimeMs);
  const place = time === '' ? '' : `"eventTime":${time},`;
  return `${place}"key":${objectJson(key)},"features":${objectJson(features)},"provided":${providedJson(provided)}`;
}

function answersJson(said: readonly Said[], row: number): string {
  let text = '';
  for (const one of said) {
    const value = one.values[row];
    if (value === undefined && one.error === '') continue;
    if (text !== '') text += ',';
    text += `{"role":"ROUTE_ROLE_${RouteRole[one.role]}","version":${one.version},"value":${doubleJson(value)}`;
    if (one.served) text += ',"served":true';
    if (one.error !== '') text += `,"error":${nameJson(one.error)}`;
    if (one.propensity > 0) text += `,"propensity":${one.propensity}`;
    text += '}';
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
