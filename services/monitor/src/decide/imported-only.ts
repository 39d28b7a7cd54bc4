const firstEvent = '{"predictions":[{"predictionId":"';
const nextEvent = '{"predictionId":"';
const rows = '"rows":[';
const imported = '"imported":true';

/**
 * Whether a message says, as the gateway writes it, that all its predictions are of models that were brought by
 * themselves. Nothing is parsed: quotes within texts are escaped, so these bytes are what they look like. False only
 * means that the message has to be read.
 */
export function isImportedOnly(data: Uint8Array): boolean {
  const text = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  if (text.toString('latin1', 0, firstEvent.length) !== firstEvent) return false;
  for (let at = firstEvent.length; at > 0; ) {
    const next = text.indexOf(nextEvent, at, 'latin1');
    const event = text.toString('latin1', at, next < 0 ? text.length : next);
    const said = event.indexOf(imported);
    if (said < 0) return false;
    // A row may have a column of that name.
    const told = event.indexOf(rows);
    if (told >= 0 && told < said) return false;
    at = next < 0 ? 0 : next + nextEvent.length;
  }
  return true;
}
