import { invalid } from '@perennial/kernel';
import { TlsFiles } from '@perennial/service';
import type { GatewayFrame } from '../gateway.js';

/**
 * The certificates of the public ports, where there are any.
 *
 * @throws PlatformError TLS_SETTINGS_INVALID, TLS_FILE_INVALID
 */
export function openTls({ settings, log, stopping }: GatewayFrame): TlsFiles | undefined {
  const { tlsCertFile: certFile, tlsKeyFile: keyFile, tlsClientCaFile: clientCaFile } = settings;
  if (certFile === undefined && keyFile === undefined && clientCaFile === undefined) return undefined;
  if (certFile === undefined || keyFile === undefined) {
    throw invalid(
      'TLS_SETTINGS_INVALID',
      'PERENNIAL_TLS_CERT_FILE and PERENNIAL_TLS_KEY_FILE must both be set, also for PERENNIAL_TLS_CLIENT_CA_FILE',
      { field: 'PERENNIAL_TLS_CERT_FILE' },
    );
  }
  const files = new TlsFiles({
    certFile,
    keyFile,
    clientCaFile,
    everyMs: settings.tlsReloadMs,
    onReload: () => log.info('new certificates are in use', { certFile }),
    onError: (error) => log.error('new certificates cannot be used; the ones before go on', { error }),
  });
  stopping.addEventListener('abort', () => files.close());
  return files;
}
