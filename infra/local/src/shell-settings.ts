/** What a person's shell says about who comes in, how, and whom the gateway may call back: its alone, of all settings of services. */
const ofGateway = /^PERENNIAL_(TLS|OIDC|CALLBACK)_/;

/** And what it says about folders whose files come in: ingest's alone. */
const ofIngest = /^PERENNIAL_WATCH_/;

export function gatewayShellSettings(env: NodeJS.ProcessEnv = process.env): Record<string, string> {
  return chosen(env, ofGateway);
}

export function ingestShellSettings(env: NodeJS.ProcessEnv = process.env): Record<string, string> {
  return chosen(env, ofIngest);
}

function chosen(env: NodeJS.ProcessEnv, names: RegExp): Record<string, string> {
  const entries = Object.entries(env).filter(([name, value]) => names.test(name) && value);
  return Object.fromEntries(entries) as Record<string, string>;
}

/** How clients reach the gateway's HTTP port. */
export function gatewayScheme(env: NodeJS.ProcessEnv = process.env): 'http' | 'https' {
  return gatewayShellSettings(env)['PERENNIAL_TLS_CERT_FILE'] ? 'https' : 'http';
}
