/**
 * CloudEvents 1.0 in binary mode on NATS: each attribute is a header of its own with the prefix `ce-`. Beside the
 * standard attributes: the tenant, the registered extensions for correlation, sequence, trace and claim check.
 */
export const eventHeaders = {
  specversion: 'ce-specversion',
  id: 'ce-id',
  type: 'ce-type',
  /** `/perennial/<service>` */
  source: 'ce-source',
  /** The aggregate's id. */
  subject: 'ce-subject',
  time: 'ce-time',
  datacontenttype: 'ce-datacontenttype',
  tenant: 'ce-tenant',
  /** The version of the aggregate. */
  sequence: 'ce-sequence',
  correlationid: 'ce-correlationid',
  causationid: 'ce-causationid',
  traceparent: 'ce-traceparent',
  tracestate: 'ce-tracestate',
  /** Digest of the artifact that holds the body, where the body is too large for the bus. */
  dataref: 'ce-dataref',
} as const;

export const sourceOf = (service: string) => `/perennial/${service}`;

/** The service in a `ce-source`, or the whole text where somebody else wrote it. */
export function serviceOf(source: string): string {
  return source.startsWith('/perennial/') ? source.slice('/perennial/'.length) : source;
}

/** Space, the quote, the percent sign and all outside of printable ASCII, as section 3.1.3.2 of the binding asks. */
export function encodeHeader(value: string): string {
  return value.replace(/[^\u0021\u0023\u0024\u0026-\u007e]/gu, (character) =>
    [...new TextEncoder().encode(character)]
      .map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`)
      .join(''),
  );
}

/** Undoes `encodeHeader`; a value that was not encoded well stays as it came. */
export function decodeHeader(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}
