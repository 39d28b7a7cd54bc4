import { ServerCredentials } from '@grpc/grpc-js';
import type { TlsFiles } from '../tls/tls-files.js';

/**
 * TLS for grpc-js with certificates that change while it runs: the base class hands new ones to the servers that it
 * belongs to, which use them for new connections.
 */
export class ReloadedCredentials extends ServerCredentials {
  constructor(files: TlsFiles) {
    const { wantsClientCertificate } = files;
    super({ requestCert: wantsClientCertificate, rejectUnauthorized: wantsClientCertificate }, files.context);
    files.onChanged((context) => this.updateSecureContextOptions(context));
  }

  _equals(other: ServerCredentials): boolean {
    return this === other;
  }
}
