/**
 * Writes docs/events.md and docs/asyncapi.json from the contracts: the catalogue of events, the descriptors of their
 * bodies, the comments in proto/ and the streams. Run by `npm run generate` after `buf generate`; the same input gives
 * the same bytes. proto/base.binpb, which changes are compared with, is renewed at a release only:
 * `npx buf build proto --exclude-source-info -o proto/base.binpb`.
 */
import { writeFileSync } from 'node:fs';
import { asyncapi } from './generate/asyncapi.mjs';
import { inRoot } from './generate/contracts.mjs';
import { eventsPage } from './generate/events-page.mjs';

writeFileSync(inRoot('docs', 'events.md'), eventsPage());
writeFileSync(inRoot('docs', 'asyncapi.json'), `${JSON.stringify(asyncapi(), null, 2)}\n`);
