/** What the fast lane needs of a request's head. */
export interface RequestHead {
  readonly model: string;
  /** '': whichever the deployment's routes choose. */
  readonly version: string;
  readonly contentLength: number;
  readonly authorization: string;
  /** A header by its name in lower case. */
  readonly header: (name: string) => string | undefined;
}

/** Names as they are, without escapes and without a query. */
const requestLine = /^POST \/v2\/models\/([\w.~-]+)(?:\/versions\/([\w.~-]+))?\/infer HTTP\/1\.1$/;
/** One way of writing a header: no folding, no blank but one behind the colon, nothing but visible ASCII inside. */
const headerLine = /^([A-Za-z0-9-]+): ?([\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?)$/;
/** Above 0, in digits alone, of a size that the lane could hold. */
const lengthText = /^[1-9][0-9]{0,6}$/;

/**
 * Headers that say how the message is framed, what becomes of the connection, how the body is packed, or that someone
 * traces the request. Whoever sends one is answered by node:http.
 */
const foreign: ReadonlySet<string> = new Set([
  'baggage',
  'connection',
  'content-encoding',
  'expect',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'te',
  'traceparent',
  'tracestate',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/**
 * Reads the head of an inference request, or says that it is not written in the one way that leaves no room for another
 * reading: undefined is no error, node:http then reads the same bytes. Much that is allowed is left to it; what is
 * taken here, it would take the same.
 *
 * @param text all lines up to the empty one, without the line break before that, each byte a character
 */
export function readHead(text: string): RequestHead | undefined {
  const [first = '', ...lines] = text.split('\r\n');
  const asked = requestLine.exec(first);
  if (!asked) return undefined;
  const headers = new Map<string, string>();
  for (const line of lines) {
    const [, given = '', value = ''] = headerLine.exec(line) ?? [];
    const name = given.toLowerCase();
    // What is named twice is joined, or thrown away, by rules that differ from header to header.
    if (name === '' || headers.has(name)) return undefined;
    if (foreign.has(name) && !(name === 'connection' && value === 'keep-alive')) return undefined;
    headers.set(name, value);
  }
  const [, model = '', version = ''] = asked;
  const length = headers.get('content-length') ?? '';
  const authorization = headers.get('authorization');
  if (!lengthText.test(length) || authorization === undefined || !headers.has('host')) return undefined;
  const header = (name: string) => headers.get(name);
  return { model, version, contentLength: Number(length), authorization, header };
}
