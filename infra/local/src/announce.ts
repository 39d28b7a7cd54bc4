import path from 'node:path';
import { pssBytes } from './memory.js';
import { rootDir } from './paths.js';
import type { Platform } from './supervisor.js';

/** What a person needs to know once the platform is up. */
export function announcement(platform: Platform): string {
  const here = (file: string) => {
    const relative = path.relative(process.cwd(), file);
    return relative.startsWith('..') ? file : relative;
  };
  const lines = [
    `Perennial is ready after ${(platform.readyAfterMs / 1000).toFixed(1)} s${memory(platform)}.`,
    '',
    `  HTTP   ${platform.urls.http}`,
    `  gRPC   ${platform.urls.grpc}`,
    `  page   ${platform.urls.http}/docs`,
    `  NATS   ${platform.urls.nats}`,
    ...(platform.firstProducerCredsFile === undefined
      ? []
      : [`         credentials of a first producer, desk: ${here(platform.firstProducerCredsFile)}`]),
    `  token  in ${here(platform.clientFile)}, where ./perennial finds it`,
    `  data   ${here(platform.dataDir)}`,
    `  logs   ${here(path.join(platform.dataDir, 'logs'))}`,
    '',
    `Try: ${here(path.join(rootDir, 'perennial')).replace(/^perennial$/, './perennial')} status`,
    'Ctrl-C stops everything.',
  ];
  return lines.join('\n');
}

/** With the supervisor's own part; the kernel counts shared pages by parts. */
function memory(platform: Platform): string {
  const children = platform.pssBytes();
  if (children === undefined) return '';
  const own = pssBytes([process.pid], { withDescendants: false }) ?? 0;
  const mib = Math.round((children + own) / 1024 / 1024);
  return `, with ${platform.names.length} processes in ${mib} MiB of memory (PSS)`;
}
