import { expect, test } from 'vitest';
import { gatewayScheme, gatewayShellSettings, ingestShellSettings } from '../src/shell-settings.js';

test('what the shell says of TLS, the identity provider and callbacks reaches the gateway, and nothing else of it', () => {
  const tls = { PERENNIAL_TLS_CERT_FILE: '/c.pem', PERENNIAL_TLS_KEY_FILE: '/k.pem' };
  const oidc = { PERENNIAL_OIDC_ISSUER: 'https://issuer.example' };
  const callbacks = { PERENNIAL_CALLBACK_ALLOW_PRIVATE: 'true' };
  const others = {
    PERENNIAL_TOKEN: 'secret',
    PERENNIAL_CA_FILE: '/ca.pem',
    PATH: '/bin',
    PERENNIAL_OIDC_AUDIENCE: '',
  };
  expect(gatewayShellSettings({ ...tls, ...oidc, ...callbacks, ...others })).toEqual({
    ...tls,
    ...oidc,
    ...callbacks,
  });
  expect([gatewayScheme(tls), gatewayScheme(others)]).toEqual(['https', 'http']);
});

test('which folders may be watched is told to ingest alone', () => {
  const watch = { PERENNIAL_WATCH_ROOTS: '/in', PERENNIAL_WATCH_EVERY_MS: '100' };
  const others = { PERENNIAL_TOKEN: 'secret', PERENNIAL_CALLBACK_ALLOW_PRIVATE: 'true' };
  expect(ingestShellSettings({ ...watch, ...others })).toEqual(watch);
  expect(gatewayShellSettings(watch)).toEqual({});
});
