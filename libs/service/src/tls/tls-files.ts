import { X509Certificate } from 'node:crypto';
import type { EventEmitter } from 'node:events';
import { readFileSync } from 'node:fs';
import { createSecureContext, type SecureContextOptions, type TLSSocket } from 'node:tls';
import { invalid } from '@perennial/kernel';

export interface TlsFilesOptions {
  /** PEM: the certificate with those between it and its root. */
  readonly certFile: string;
  /** PEM. */
  readonly keyFile: string;
  /** PEM: who signs clients' certificates. With it a client without one is not let in. */
  readonly clientCaFile?: string | undefined;
  /** How often the files are looked at, in milliseconds; 0: never again. */
  readonly everyMs: number;
  readonly onReload?: () => void;
  /** What is in the files cannot be used; what was there before goes on. */
  readonly onError?: (error: unknown) => void;
}

/** What a server that speaks TLS 1.2 or later needs. */
export interface TlsContext extends SecureContextOptions {
  readonly minVersion: 'TLSv1.2';
}

/**
 * Certificates that are read again when their files change: new connections get the new ones, old ones go on as long as
 * their clients' authority does. Contents are compared and not times, so that files behind links, as containers mount them, are seen too.
 */
export class TlsFiles {
  readonly #options: TlsFilesOptions;
  readonly #listeners = new Set<(context: TlsContext) => void>();
  readonly #timer: NodeJS.Timeout | undefined;
  #context: TlsContext;
  /** What was wrong at the last look: told once. */
  #problem = '';

  /** @throws PlatformError TLS_FILE_INVALID */
  constructor(options: TlsFilesOptions) {
    this.#options = options;
    this.#context = read(options);
    if (options.everyMs > 0) this.#timer = setInterval(() => this.#look(), options.everyMs).unref();
  }

  get context(): TlsContext {
    return this.#context;
  }

  get wantsClientCertificate(): boolean {
    return this.#options.clientCaFile !== undefined;
  }

  onChanged(listener: (context: TlsContext) => void): void {
    this.#listeners.add(listener);
  }

  /** Ends connections of `server`, an HTTPS or HTTP/2 one, when nobody in the file signs for their clients any more. */
  cutWithdrawn(server: EventEmitter): void {
    if (!this.wantsClientCertificate) return;
    const open = new Set<TLSSocket>();
    server.on('secureConnection', (socket: TLSSocket) => {
      open.add(socket);
      socket.once('close', () => open.delete(socket));
    });
    this.onChanged(({ ca }) => {
      const authorities = authoritiesIn(String(ca));
      for (const socket of open) if (!isSignedFor(socket, authorities)) socket.destroy();
    });
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    try {
      const next = read(this.#options);
      this.#problem = '';
      if (isSame(next, this.#context)) return;
      this.#context = next;
      for (const listener of this.#listeners) listener(next);
      this.#options.onReload?.();
    } catch (error) {
      const { message } = error as Error;
      if (message !== this.#problem) this.#options.onError?.(error);
      this.#problem = message;
    }
  }
}

function read({ certFile, keyFile, clientCaFile }: TlsFilesOptions): TlsContext {
  const context: TlsContext = {
    cert: readFile(certFile),
    key: readFile(keyFile),
    ...(clientCaFile !== undefined && { ca: readFile(clientCaFile) }),
    minVersion: 'TLSv1.2',
  };
  try {
    createSecureContext(context);
  } catch (cause) {
    throw fileError(`${certFile} and ${keyFile} do not go together or are no PEM`, cause);
  }
  if (clientCaFile !== undefined) checkAuthority(clientCaFile, context.ca as Buffer);
  return context;
}

/** OpenSSL passes over what is no certificate, and would then let in nobody. */
function checkAuthority(file: string, pem: Buffer): void {
  try {
    new X509Certificate(pem);
  } catch (cause) {
    throw fileError(`${file} does not begin with a certificate as PEM`, cause);
  }
}

const onePem = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g;

function authoritiesIn(pem: string): X509Certificate[] {
  return (pem.match(onePem) ?? []).map((one) => new X509Certificate(one));
}

/** Whether an authority stands behind the client's certificate, or behind one between them that it showed. */
function isSignedFor(socket: TLSSocket, authorities: readonly X509Certificate[]): boolean {
  const shown = new Set<string>();
  let one = socket.getPeerX509Certificate();
  // A root is its own issuer.
  while (one && !shown.has(one.fingerprint256)) {
    shown.add(one.fingerprint256);
    const certificate = one;
    if (authorities.some((authority) => isIssuedBy(certificate, authority))) return true;
    one = certificate.issuerCertificate;
  }
  return false;
}

function isIssuedBy(certificate: X509Certificate, authority: X509Certificate): boolean {
  return certificate.checkIssued(authority) && certificate.verify(authority.publicKey);
}

function readFile(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw fileError(`${path} cannot be read`, cause);
  }
}

function isSame(one: TlsContext, other: TlsContext): boolean {
  return (['cert', 'key', 'ca'] as const).every((part) => String(one[part]) === String(other[part]));
}

function fileError(what: string, cause: unknown) {
  const { message } = cause as Error;
  return invalid('TLS_FILE_INVALID', `${what}: ${message}`, { cause, field: 'PERENNIAL_TLS_CERT_FILE' });
}
